import Testing
import Wire

@testable import ControlPlane

@Suite("Cell liveness") struct CellLivenessTests {
  private let a = CellID(trusted: "a")

  @Test func `a cell is alive until heartbeats have been missing for the limit`() {
    var liveness = CellLiveness(timeoutMilliseconds: 3_000)
    #expect(!liveness.isAlive(a, boot: 0))
    liveness.expect(a, at: Timestamp(seconds: 9), boot: 1_000_000_000)
    #expect(liveness.isAlive(a, boot: 3_999_999_999))
    #expect(!liveness.isAlive(a, boot: 4_000_000_000))
    liveness.heard(a, CellReport(), at: Timestamp(seconds: 20), boot: 5_000_000_000)
    #expect(liveness.isAlive(a, boot: 7_000_000_000))
    #expect(liveness.lastHeard(a) == Timestamp(seconds: 20))
  }

  @Test func `load is what was done between two heartbeats`() {
    var liveness = CellLiveness()
    var report = CellReport()
    report.operations = 100
    liveness.heard(a, report, at: .zero, boot: 1_000_000_000)
    report.operations = 300
    liveness.heard(a, report, at: .zero, boot: 3_000_000_000)
    #expect(liveness.report(a).operationsPerSecond == 100)
    // The counter starts anew with the cell.
    report.operations = 5
    liveness.heard(a, report, at: .zero, boot: 4_000_000_000)
    #expect(liveness.report(a).operationsPerSecond == 0)
  }
}
