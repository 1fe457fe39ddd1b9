import Testing

@testable import Chaos

@Suite struct ChaosReportTests {
  @Test func `a report without cycles, or with a loss, is not ok`() {
    var report = ChaosReport()
    #expect(!report.isOK)
    report.cycles = 1
    #expect(report.isOK)
    report.lost = 1
    #expect(!report.isOK)
  }

  @Test func `a report is one line of JSON`() {
    var report = ChaosReport()
    report.cycles = 2
    report.acked = 300
    report.faultsHit = ["power lost": 1, "mixed": 1]
    report.seconds = 1.5
    #expect(
      report.json(mode: "power")
        == """
        {"acked":300,"complaints":[],"cycles":2,"diverged":0,"duplicated":0,\
        "faults_hit":{"mixed":1,"power lost":1},"lost":0,"mode":"power","ok":true,"seconds":1.5}
        """)
    report.complaints = ["a \"tenant\"\u{1}\n"]
    #expect(report.json(mode: "io").contains(#""complaints":["a \"tenant\"\u0001\n"]"#))
    #expect(report.json(mode: "io").contains(#""ok":false"#))
  }
}

@Suite struct MoveStrikeTests {
  @Test func `each fault strikes at each step once, and both change from one to the next`() {
    let strikes = MoveStrike.all()
    #expect(Set(strikes).count == strikes.count)
    #expect(strikes.count == MoveStrike.Fault.allCases.count * StepTrap.Step.allCases.count)
    for (one, next) in zip(strikes, strikes.dropFirst()) {
      #expect(one.fault != next.fault && one.step != next.step)
    }
  }
}
