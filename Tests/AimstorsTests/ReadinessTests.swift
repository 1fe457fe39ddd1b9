import Testing

@testable import aimstors

@Suite("What a child says of itself") struct ReadinessTests {
  private func answer(_ status: Int, _ codes: String...) -> HTTPAnswer {
    let problems = codes.map { #"{"code":"\#($0)"}"# }.joined(separator: ",")
    return HTTPAnswer(status: status, body: Array(#"{"problems":[\#(problems)]}"#.utf8))
  }

  @Test func `only what no time ends is not waited for`() {
    #expect(Readiness(nil) == .notYet)
    #expect(Readiness(answer(200)) == .ready)
    #expect(Readiness(answer(200, "archive_unreachable")) == .ready)
    #expect(Readiness(answer(503)) == .notYet)
    #expect(Readiness(answer(503, "disk_filling")) == .notYet)
    #expect(Readiness(answer(503, "disk_filling", "cell_lost")) == .waitsForSomebody("cell_lost"))
    #expect(Readiness(answer(503, "cell_ended")) == .waitsForSomebody("cell_ended"))
    #expect(Readiness(HTTPAnswer(status: 503, body: [])) == .notYet)
  }

  @Test func `a deployment works without one cell, not without its control plane`() {
    let many: [ProcessPlan.Role] = [.cell, .follower]
    let one: [ProcessPlan.Role] = [.controlPlane, .router, .graphSimulator]
    #expect(many.allSatisfy { $0.isOneOfMany })
    #expect(one.allSatisfy { !$0.isOneOfMany })
  }
}
