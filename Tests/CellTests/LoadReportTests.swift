import Testing
import Wire

@testable import Cell

@Suite("What a cell measures of its tenants") struct LoadReportTests {
  private let a = TenantID(trusted: "a")
  private let b = TenantID(trusted: "b")
  private let c = TenantID(trusted: "c")

  @Test func `commands and fsyncs are shared out by records, the busiest are listed`() {
    let report = LoadReport(
      seconds: 2, commands: 800, syncNanoseconds: 4_000_000, records: [a: 30, b: 10, c: 0],
      sizes: [a: 100, b: 200, c: 300], listed: 2)
    #expect(report.tenants.map(\.tenant) == ["a", "b"])
    #expect(report.tenants.map(\.operations) == [300, 100])
    #expect(report.tenants.map(\.syncMicroseconds) == [1_500, 500])
    #expect(report.others == 1 && report.rest.bytes == 300 && report.rest.operations == 0)
  }

  @Test func `an idle cell measures nothing`() {
    let report = LoadReport(
      seconds: 2, commands: 0, syncNanoseconds: 0, records: [a: 0], sizes: [:])
    #expect(report.tenants.map(\.operations) == [0])
  }
}
