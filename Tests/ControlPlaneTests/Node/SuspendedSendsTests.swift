import Messaging
import Testing
import Wire

@testable import ControlPlane

@Suite("What waits for an operator's release") struct SuspendedSendsTests {
  private static let waiting = """
    {"suspended":[{"tenant_id":"t1","messages":2,"recipients":40,"timers":1}],"suspended_count":42}
    """

  /// Promoted without proof; the copy serves as generation 2.
  private func promoted() async throws -> (ReplicaPair, operation: String) {
    let pair = try await ReplicaPair(isMixed: true)
    let begun = try await pair.promote(#"{"old_is_dead":true}"#)
    #expect(begun.status == 202, "\(begun.raw)")
    var report = Aimstors_ProtoReplicaReport()
    report.cell = "cell-1"
    report.replica = "cell-1-b"
    report.generation = 2
    report.address = pair.cell.address.url
    report.isPrimary = true
    _ = try await pair.follower.peer(at: pair.deployment.control).request(
      .replicaReport, try report.serializedBytes(), timeout: Deployment.patience, traceID: "")
    _ = try await pair.cell.join(
      pair.deployment.control, credential: pair.cell.credential, generation: 2)
    try await pair.cell.heartbeat(pair.deployment.control, generation: 2)
    return (pair, try begun.text("id"))
  }

  private func told(_ deployment: Deployment) async throws -> [String] {
    let status = try await deployment.admin("GET", "/v1/status").root()
    let problems = status["problems"].map { Array($0.elements) } ?? []
    return problems.filter { $0["code"]?.string == "sends_suspended" }
      .compactMap { $0["detail"]?.string }
  }

  @Test func `a promotion without proof counts what it keeps back, and is released by its id`()
    async throws
  {
    let (pair, id) = try await promoted()
    let deployment = pair.deployment
    pair.cell.change { $0.answersByKind["suspended"] = LostCell.status("running") }
    for _ in 0..<3 { await deployment.node.promote() }
    let early = try await deployment.admin("GET", "/v1/operations/\(id)")
    #expect(try early.text("state") == "running", "it is counted first")
    pair.cell.change { $0.answersByKind["suspended"] = LostCell.status("done", Self.waiting) }
    await deployment.node.promote()
    let ended = try await deployment.admin("GET", "/v1/operations/\(id)")
    #expect(try ended.text("state") == "succeeded", "\(ended.raw)")
    let result = try #require(try ended.root()["result"])
    #expect(result["is_complete"]?.string == "false")
    #expect(result["suspended_count"]?.integer == 42)
    #expect(result["suspended"]?[0]?["tenant_id"]?.string == "t1")
    #expect(result["suspended"]?[0]?["recipients"]?.integer == 40)
    #expect(result["suspended"]?[0]?["timers"]?.integer == 1)
    #expect(pair.cell.seen.work.allSatisfy { $0.kind == "suspended" && $0.at.isEmpty })

    let problems = try await told(deployment)
    #expect(problems.count == 1 && problems.allSatisfy { $0.contains(id) }, "\(problems)")
    for name in [id, "cell-1@2"] {
      let shown = try await deployment.admin("GET", "/v1/restores/\(name)")
      #expect(try shown.text("id") == id)
      #expect(try shown.root()["suspended_count"]?.integer == 42, "\(shown.raw)")
    }
    let path = "/v1/restores/\(id)/release"
    let released = try await deployment.admin("POST", path, key: "r1")
    #expect(try released.root()["released"]?.integer == 42, "\(released.raw)")
    try await deployment.sweep { pair.cell.seen.stops.contains { $0.scope == "cell" && $0.lifted } }
    #expect(try await told(deployment).isEmpty)
    #expect(try await deployment.admin("GET", "/v1/send-stops/cell/cell-1").status == 404)
    // Once more, under the same key and another: nothing waits any more.
    #expect(try await deployment.admin("POST", path, key: "r1").raw == released.raw)
    let again = try await deployment.admin("POST", path, key: "r2")
    #expect(try again.root()["released"]?.integer == 0)
    let after = try await deployment.admin("GET", "/v1/restores/\(id)")
    #expect(try after.root()["suspended_count"]?.integer == 0)
  }

  @Test func `another's stop of the cell is not lifted with it`() async throws {
    let (pair, id) = try await promoted()
    for _ in 0..<3 { await pair.deployment.node.promote() }
    // A cell that does not say what waits keeps the promotion from nothing.
    let ended = try await pair.deployment.admin("GET", "/v1/operations/\(id)")
    #expect(try ended.text("state") == "succeeded", "\(ended.raw)")
    #expect(try ended.root()["result"]?["uncounted"]?[0]?.string == "cell-1")
    _ = try await pair.deployment.admin(
      "PUT", "/v1/send-stops/cell/cell-1", #"{"reason":"abuse"}"#)
    let refused = try await pair.deployment.admin("POST", "/v1/restores/\(id)/release", key: "r1")
    #expect(try refused.code() == "conflict")
    let stop = try await pair.deployment.admin("GET", "/v1/send-stops/cell/cell-1")
    #expect(stop.status == 200)
  }

  @Test func `a promotion with proof keeps nothing back`() async throws {
    let pair = try await ReplicaPair()
    let id = try await pair.promote().text("id")
    #expect(try await told(pair.deployment).isEmpty)
    #expect(try await pair.deployment.admin("GET", "/v1/restores/\(id)").status == 404)
  }

  @Test func `a spread says what its tenants keep back, and who did not say`() async throws {
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
}
