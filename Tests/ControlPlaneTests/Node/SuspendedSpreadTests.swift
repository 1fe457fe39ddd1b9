import Testing
import Wire

@testable import ControlPlane

@Suite("What waits after a spread") struct SuspendedSpreadTests {
  private static let waiting = """
    {"suspended":[{"tenant_id":"t1","messages":2,"recipients":40,"timers":1}],"suspended_count":42}
    """
  private static let path = "/v1/cells/cell-1/restore"

  private func questions(_ cell: FakeCell) -> Int {
    cell.seen.work.count { $0.kind == "suspended" && $0.at == "cell-a@spread" }
  }

  /// All its tenants are back, and what they keep back is being counted.
  private func counting() async throws -> (LostCell, operation: String) {
    let lost = try await LostCell.make()
    let begun = try await lost.deployment.admin(
      "POST", "/v1/cells/cell-a/restore", LostCell.spread, key: "s1")
    let id = try begun.text("id")
    for _ in 0..<4 { await lost.deployment.node.work() }
    let asked = lost.asked()
    #expect(asked.values.allSatisfy { !$0.isEmpty })
    for cell in lost.others {
      let mine = asked[cell.id]?.sorted() ?? []
      cell.change {
        $0.answersByKind["cell_spread"] = LostCell.status("done", LostCell.answer(mine))
      }
    }
    return (lost, id)
  }

  @Test func `a spread says what its tenants keep back, and who did not say`() async throws {
    let (lost, id) = try await counting()
    lost.others[0].change {
      $0.answersByKind["suspended"] = LostCell.status("done", Self.waiting)
    }
    for _ in 0..<4 { await lost.deployment.node.work() }
    let ended = try await lost.operation(id)
    #expect(try ended.text("state") == "succeeded", "\(ended.raw)")
    let result = try #require(try ended.root()["result"])
    #expect(result["suspended_count"]?.integer == 42)
    #expect(result["suspended"]?[0]?["messages"]?.integer == 2)
    #expect(result["uncounted"]?[0]?.string == lost.others[1].id)
    let questions = lost.others.flatMap(\.seen.work).filter { $0.kind == "suspended" }
    #expect(questions.allSatisfy { $0.at == "cell-a@spread" } && questions.count == 2)
  }

  @Test func `who is busy is waited for, and who has answered is not asked again`() async throws {
    let (lost, id) = try await counting()
    lost.others[0].change {
      $0.answersByKind["suspended"] = LostCell.status("done", Self.waiting)
    }
    lost.others[1].change {
      $0.refusalsByKind["suspended"] = Array(repeating: Failure(.overloaded, "busy"), count: 100)
    }
    for _ in 0..<8 { await lost.deployment.node.work() }
    #expect(try await lost.operation(id).text("state") == "running")
    #expect(questions(lost.others[0]) == 1 && questions(lost.others[1]) > 1)
    lost.others[1].change {
      $0.refusalsByKind = [:]
      $0.answersByKind["suspended"] = LostCell.status("done", Self.waiting)
    }
    await lost.deployment.node.work()
    let ended = try await lost.operation(id)
    #expect(try ended.text("state") == "succeeded", "\(ended.raw)")
    #expect(try ended.root()["result"]?["suspended_count"]?.integer == 84)
    #expect(try ended.root()["result"]?["uncounted"]?[0] == nil)
    #expect(questions(lost.others[0]) == 1)
  }

  // After a promotion that never came to serve.

  private func dead() async throws -> (ReplicaPair, operation: String) {
    let pair = try await ReplicaPair(isMixed: true)
    let other = try await pair.deployment.cell("cell-2")
    let id = try await pair.promote(#"{"old_is_dead":true}"#).text("id")
    pair.deployment.boot.advance(milliseconds: 60_000)
    try await other.heartbeat(pair.deployment.control)
    return (pair, id)
  }

  @Test func `a promotion that never serves does not keep its cell from being spread`()
    async throws
  {
    let (pair, id) = try await dead()
    let deployment = pair.deployment
    let release = "/v1/restores/\(id)/release"
    let early = try await deployment.admin("POST", release, #"{"accept":true}"#, key: "r1")
    #expect(try early.code() == "invalid_state")
    let begun = try await deployment.admin("POST", Self.path, LostCell.spread, key: "s1")
    #expect(begun.status == 202, "\(begun.raw)")
    await deployment.node.promote()
    let failed = try await deployment.admin("GET", "/v1/operations/\(id)")
    #expect(try failed.text("state") == "failed", "\(failed.raw)")
    // Nobody sends under its name again, and no process of it is told to.
    #expect(try await pair.told().isEmpty)
    let shown = try await deployment.admin("GET", "/v1/restores/\(id)")
    #expect(try shown.root()["suspended_count"]?.integer == 0, "\(shown.raw)")
    let refused = try await deployment.admin("POST", release, #"{"accept":true}"#, key: "r2")
    #expect(try refused.code() == "invalid_state")
    #expect(try refused.text("detail").contains("cell-1@spread"))
    let lift = try await deployment.admin("DELETE", "/v1/send-stops/cell/cell-1", key: "l")
    #expect(lift.status == 409)
    #expect(pair.cell.seen.stops.allSatisfy { !$0.lifted })
  }

  @Test func `an operator's stop keeps a cell from being spread, also behind a promotion's`()
    async throws
  {
    let (pair, _) = try await dead()
    let deployment = pair.deployment
    let stop = "/v1/send-stops/cell/cell-1"
    _ = try await deployment.admin("PUT", stop, #"{"reason":"abuse"}"#)
    let refused = try await deployment.admin("POST", Self.path, LostCell.spread, key: "s1")
    #expect(try refused.code() == "invalid_state" && refused.text("detail").contains("abuse"))
    #expect(try await deployment.admin("DELETE", stop, key: "l").status == 200)
    let begun = try await deployment.admin("POST", Self.path, LostCell.spread, key: "s2")
    #expect(begun.status == 202, "\(begun.raw)")
  }
}
