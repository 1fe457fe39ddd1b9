import GraphSimulator
import Testing

@testable import Chaos

@Suite struct WalletOracleTests {
  private let oracle = WalletOracle(topUps: 2, spentMicros: 3 * ChaosTenant.priceMicros)
  private let entries: [JSON] = [["amount_micros": 5], ["amount_micros": -5]]
  private let balance =
    ChaosTenant.firstTopUpMicros + 2 * Workload.topUpMicros - 3 * ChaosTenant.priceMicros

  private func faults(held: Int64, _ states: [String]) -> [String] {
    oracle.faults(
      of: ["balance_micros": .integer(balance), "held_micros": .integer(held)],
      entries: entries, outbound: states.map { ["status": JSON($0)] })
  }

  @Test func `what nobody may be charged for any more is held by nobody`() {
    let ended = ["accepted", "sent", "delivered", "read", "failed", "expired"]
    #expect(faults(held: 0, ended) == [])
    #expect(faults(held: ChaosTenant.priceMicros, ended).count == 1)
    #expect(faults(held: 1, []).count == 1)
  }

  @Test(arguments: ["queued", "sending", "ambiguous"])
  func `what may still be charged is held in full`(_ state: String) {
    #expect(faults(held: 2 * ChaosTenant.priceMicros, [state, "read", state]) == [])
    #expect(faults(held: ChaosTenant.priceMicros, [state, "read", state]).count == 1)
    #expect(faults(held: 0, [state]).count == 1)
  }

  @Test func `a wallet that says nothing, a wrong balance and a wrong sum are seen`() {
    #expect(oracle.faults(of: [:], entries: [], outbound: []).count == 3)
  }
}
