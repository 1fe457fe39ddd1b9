import GraphSimulator

/// What the kills left behind.
struct KillReport: Sendable {
  /// Fewer acknowledgements in a cycle prove too little.
  static let leastAcknowledged = 100

  var cycles = 0
  /// Operations that were acknowledged: sends, top-ups, incoming messages.
  var acked = 0
  /// Acknowledged and gone.
  var lost = 0
  /// There twice, sent twice, or answered otherwise when repeated under the same key.
  var duplicated = 0
  /// Wallets and digests that are not what the outside count says.
  var diverged = 0
  /// Kills by process.
  var faultsHit: [String: Int] = [:]
  var complaints: [String] = []
  var seconds = 0.0

  var isOK: Bool {
    lost == 0 && duplicated == 0 && diverged == 0 && complaints.isEmpty && cycles > 0
  }

  var json: JSON {
    [
      "ok": .bool(isOK), "mode": "kill", "cycles": JSON(cycles), "acked": JSON(acked),
      "lost": JSON(lost), "duplicated": JSON(duplicated), "diverged": JSON(diverged),
      "faults_hit": .object(
        faultsHit.sorted { $0.key < $1.key }.map { JSON.Member("kill \($0.key)", JSON($0.value)) }),
      "complaints": .array(complaints.map { JSON($0) }),
      "seconds": .double((seconds * 10).rounded() / 10),
    ]
  }
}
