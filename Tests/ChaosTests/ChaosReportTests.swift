import Chaos
import Testing

@Suite struct ChaosReportTests {
  @Test func `a report without cycles, or with a loss, is not ok`() {
    var report = ChaosReport()
    #expect(!report.isOK)
    report.cycles = 1
    #expect(report.isOK)
    report.lost = 1
    #expect(!report.isOK)
  }
}
