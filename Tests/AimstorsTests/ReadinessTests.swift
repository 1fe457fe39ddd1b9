import GraphSimulator
import Testing

@testable import aimstors

@Suite("What a child says of itself") struct ReadinessTests {
  private func answer(
    _ status: Int, _ codes: String..., role: String = "cell"
  ) -> HTTPAnswer {
    let problems: [JSON] = codes.map {
      ["code": JSON($0), "runbook": JSON("docs/runbooks/\($0.replacing("_", with: "-")).md")]
    }
    let report: JSON = ["role": JSON(role), "problems": .array(problems)]
    return HTTPAnswer(status: status, body: report.bytes())
  }

  @Test func `only what no time ends is not waited for, and is named with its page`() {
    #expect(Readiness(nil) == .notYet)
    #expect(Readiness(answer(200)) == .ready)
    #expect(Readiness(answer(200, "archive_unreachable")) == .ready)
    #expect(Readiness(answer(503)) == .notYet)
    #expect(Readiness(answer(503, "disk_filling")) == .notYet)
    for (code, page) in [
      ("cell_lost", "cell-lost"), ("cell_ended", "cell-ended"),
      ("control_plane_lost", "control-plane-lost"),
      ("control_plane_replaced", "control-plane-replaced"),
    ] {
      #expect(
        Readiness(answer(503, "disk_filling", code))
          == .waitsForSomebody(code: code, page: "docs/runbooks/\(page).md"))
    }
    #expect(Readiness(HTTPAnswer(status: 503, body: [])) == .notYet)
  }

  @Test func `a deployment works without one cell, not without its control plane`() {
    let many: [ProcessPlan.Role] = [.cell, .follower]
    let one: [ProcessPlan.Role] = [.controlPlane, .router, .graphSimulator]
    #expect(many.allSatisfy { $0.isOneOfMany })
    #expect(one.allSatisfy { !$0.isOneOfMany })
  }

  @Test func `a control plane that waits for somebody keeps nobody from being started`() {
    let may: [ProcessPlan.Role] = [.cell, .follower, .controlPlane]
    let mayNot: [ProcessPlan.Role] = [.router, .graphSimulator]
    #expect(may.allSatisfy { $0.mayWait })
    #expect(mayNot.allSatisfy { !$0.mayWait })
  }

  @Test func `a cell that is ready and misses no control plane has joined`() {
    #expect(Readiness.hasJoined(answer(200)))
    #expect(Readiness.hasJoined(answer(200, "archive_unreachable")))
    #expect(!Readiness.hasJoined(nil))
    #expect(!Readiness.hasJoined(answer(503)))
    #expect(!Readiness.hasJoined(answer(200, "join_refused")))
    #expect(!Readiness.hasJoined(answer(200, "disk_filling", "control_plane_unreachable")))
    // The cell's own process, while another replica is the cell.
    #expect(!Readiness.hasJoined(answer(200, role: "follower")))
  }
}
