import GraphSimulator

/// What a tenant's money must be once nothing is under way, from what was told and seen outside.
struct WalletOracle: Sendable {
  /// Acknowledged top-ups beside the first.
  let topUps: Int
  /// What Graph's log says was spent.
  let spentMicros: Int64

  /// Messages in these states keep their price held: each may still be charged.
  static let holding: Set<String> = ["queued", "sending", "ambiguous"]

  /// What does not hold, in words.
  ///
  /// - Parameter outbound: all messages of the tenant; every one has the same price, and no dearer
  ///   category has one, so that nothing is held beyond it.
  func faults(of wallet: JSON, entries: [JSON], outbound: [JSON]) -> [String] {
    var faults: [String] = []
    let sum = entries.reduce(Int64(0)) { $0 + ($1["amount_micros"]?.integer ?? 0) }
    if sum != 0 || entries.isEmpty { faults.append("the ledger's sum is \(sum)") }
    let expected =
      ChaosTenant.firstTopUpMicros + Int64(topUps) * Workload.topUpMicros - spentMicros
    let balance = wallet["balance_micros"]?.integer ?? 0
    if balance != expected { faults.append("the balance is \(balance), not \(expected)") }
    let open = outbound.count { Self.holding.contains($0["status"]?.string ?? "") }
    let justified = Int64(open) * ChaosTenant.priceMicros
    let held = wallet["held_micros"]?.integer
    if held != justified {
      let shown = held.map { "\($0)" } ?? "nothing said"
      faults.append("held is \(shown), not \(justified) for \(open) messages")
    }
    return faults
  }
}
