import Chaos
import Testing

@Suite struct ChaosReportTests {
  @Test func `a report without cycles, or with a loss, is not ok`() {
    var report = ChaosReport(mode: "power")
    #expect(!report.isOK)
    report.cycles = 1
    #expect(report.isOK)
    report.lost = 1
    #expect(!report.isOK)
  }

  @Test func `a report is one line of JSON`() {
    var report = ChaosReport(mode: "power")
    report.cycles = 2
    report.acked = 300
    report.faultsHit = ["power lost": 1, "mixed": 1]
    report.seconds = 1.5
    #expect(
      report.json
        == """
        {"ok":true,"mode":"power","cycles":2,"acked":300,"lost":0,"duplicated":0,"diverged":0,\
        "faults_hit":{"mixed":1,"power lost":1},"complaints":[],"seconds":1.5}
        """)
    report.complaints = ["a \"tenant\"\u{1}\n"]
    #expect(report.json.contains(#""complaints":["a \"tenant\"\u0001\n"]"#))
    #expect(report.json.hasPrefix(#"{"ok":false"#))
  }
}
