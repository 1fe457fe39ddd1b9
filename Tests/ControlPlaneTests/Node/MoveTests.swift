import Testing
import Wire

@testable import ControlPlane

@Suite("Moves over messaging") struct MoveTests {
  private func status(
    _ state: String, _ step: String = "", _ result: String = "", code: String = ""
  ) -> Aimstors_ProtoCellWorkStatus {
    var status = Aimstors_ProtoCellWorkStatus()
    status.state = state
    status.step = step
    status.result = result
    status.failure.code = code
    return status
  }

  private struct Scene {
    let deployment: Deployment
    let source: FakeCell
    let target: FakeCell
    let tenant: String
  }

  private func scene() async throws -> Scene {
    let deployment = try await Deployment()
    let source = try await deployment.cell("cell-a")
    let target = try await deployment.cell("cell-b")
    let tenant = try await deployment.tenant("a", cell: "cell-a")
    return Scene(deployment: deployment, source: source, target: target, tenant: tenant)
  }

  private func begin(
    _ scene: Scene, _ body: String = #"{"to_cell":"cell-b"}"#, key: String
  ) async throws -> Answer {
    try await scene.deployment.admin("POST", "/v1/tenants/\(scene.tenant)/moves", body, key: key)
  }

  /// Asks until the operation is in `state`.
  private func wait(_ scene: Scene, _ id: String, _ state: String) async throws -> Answer {
    while true {
      await scene.deployment.node.work()
      let answer = try await scene.deployment.admin("GET", "/v1/operations/\(id)")
      if try answer.text("state") == state { return answer }
      await Task.yield()
    }
  }

  private func place(_ scene: Scene) async throws -> (cell: String, epoch: Int64?) {
    let shown = try await scene.deployment.admin("GET", "/v1/tenants/\(scene.tenant)")
    return (try shown.text("cell"), try shown.root()["epoch"]?.integer)
  }

  @Test func `the placement changes when the source has handed over, and not before`() async throws
  {
    let scene = try await scene()
    scene.source.change { $0.workAnswers = [status("running", "copy")] }
    let begun = try await begin(scene, key: "m1")
    #expect(begun.status == 202, "\(begun.raw)")
    let id = try begun.text("id")
    #expect(begun.headers["location"] == "/v1/operations/\(id)")
    while scene.source.seen.work.isEmpty { await scene.deployment.node.work() }
    let order = try #require(scene.source.seen.work.first)
    #expect(order.kind == "move" && order.operation == id && order.tenant == scene.tenant)
    #expect(order.move.target == "cell-b" && order.move.epoch == 2 && order.move.capMs == 1_000)
    #expect(order.move.address == scene.target.address.url)
    var (cell, epoch) = try await place(scene)
    #expect(cell == "cell-a" && epoch == 1)
    let second = try await begin(scene, key: "m2")
    #expect(try second.code() == "conflict")
    scene.source.change { $0.workAnswers = [status("done", "", #"{"pause_ms":7}"#)] }
    let ended = try await wait(scene, id, "succeeded")
    #expect(try ended.root()["result"]?["pause_ms"]?.integer == 7)
    (cell, epoch) = try await place(scene)
    #expect(cell == "cell-b" && epoch == 2)
    // What changed meanwhile went to the old cell: the new one is told once more.
    while scene.target.seen.states.isEmpty { await scene.deployment.node.sweep(grace: 0) }
    #expect(scene.target.seen.states.last?.tenant == scene.tenant)
    let map = try await scene.deployment.map()
    let placed = map.chunks.flatMap(\.tenants).first { $0.tenant == scene.tenant }
    #expect(placed?.cell == "cell-b" && placed?.epoch == 2)
  }

  @Test func `a process that refuses the question ends no move: its source's journal does`()
    async throws
  {
    let scene = try await scene()
    scene.source.change { $0.workAnswers = [status("running", "copy")] }
    let id = try await begin(scene, key: "m1").text("id")
    await scene.deployment.node.work()
    // It was replaced, and follows; then its successor answers at the same address.
    for code in [FailureCode.forbidden, .versionMismatch, .generationFenced] {
      scene.source.change { $0.refusal = Failure(code, "not any more") }
      await scene.deployment.node.work()
      let shown = try await scene.deployment.admin("GET", "/v1/operations/\(id)")
      #expect(try shown.text("state") == "running", "\(code): \(shown.raw)")
    }
    scene.source.change {
      $0.refusal = nil
      $0.workAnswers = [status("done", "", "{}")]
    }
    _ = try await wait(scene, id, "succeeded")
    let (cell, epoch) = try await place(scene)
    #expect(cell == "cell-b" && epoch == 2)
  }

  @Test func `an epoch is armed once, whatever became of its move`() async throws {
    let scene = try await scene()
    scene.source.change { $0.workAnswers = [status("failed", code: "deadline_exceeded")] }
    let first = try await begin(scene, key: "m1").text("id")
    let failed = try await wait(scene, first, "failed")
    #expect(try failed.root()["error"]?["code"]?.string == "deadline_exceeded")
    let (cell, epoch) = try await place(scene)
    #expect(cell == "cell-a" && epoch == 1)
    scene.source.change {
      $0.work = []
      $0.workAnswers = [status("done", "", "{}")]
    }
    let second = try await begin(scene, key: "m2").text("id")
    _ = try await wait(scene, second, "succeeded")
    #expect(scene.source.seen.work.first?.move.epoch == 3)
  }

  @Test func `a move goes back within a day, once`() async throws {
    let scene = try await scene()
    scene.source.change { $0.workAnswers = [status("done", "", "{}")] }
    let id = try await begin(scene, key: "m1").text("id")
    _ = try await wait(scene, id, "succeeded")
    scene.target.change { $0.workAnswers = [status("done", "", "{}")] }
    let back = try await scene.deployment.admin(
      "POST", "/v1/operations/\(id)/reverse", "{}", key: "r1")
    #expect(back.status == 202, "\(back.raw)")
    _ = try await wait(scene, try back.text("id"), "succeeded")
    let (cell, epoch) = try await place(scene)
    #expect(cell == "cell-a" && epoch == 3)
    let again = try await scene.deployment.admin(
      "POST", "/v1/operations/\(id)/reverse", "{}", key: "r2")
    #expect(try again.code() == "invalid_state")
  }

  @Test func `a cancelled move is given up by its source`() async throws {
    let scene = try await scene()
    scene.source.change { $0.workAnswers = [status("running", "copy")] }
    let id = try await begin(scene, key: "m1").text("id")
    _ = try await scene.deployment.admin("POST", "/v1/operations/\(id)/cancel", "{}", key: "c1")
    while scene.source.seen.work.last?.move.cancel != true { await scene.deployment.node.work() }
    scene.source.change { $0.workAnswers = [status("failed", code: "conflict")] }
    _ = try await wait(scene, id, "cancelled")
    let (cell, _) = try await place(scene)
    #expect(cell == "cell-a")
  }

  @Test func `a dry run asks what it would cost, and nothing moves`() async throws {
    let scene = try await scene()
    scene.source.change { $0.workAnswers = [status("done", "", #"{"bytes":9}"#)] }
    let id = try await begin(scene, #"{"to_cell":"cell-b","dry_run":true}"#, key: "m1").text("id")
    let ended = try await wait(scene, id, "succeeded")
    let result = try #require(try ended.root()["result"])
    #expect(result["bytes"]?.integer == 9)
    #expect(result["target"]?["tenants_after"]?.integer == 1)
    #expect(result["source"]?["cell"]?.string == "cell-a")
    #expect(scene.source.seen.work.first?.kind == "move_plan")
    let (cell, epoch) = try await place(scene)
    #expect(cell == "cell-a" && epoch == 1)
  }

  @Test func `a dry run to a cell that has ended fails`() async throws {
    let scene = try await scene()
    scene.source.change { $0.workAnswers = [status("running")] }
    let id = try await begin(scene, #"{"to_cell":"cell-b","dry_run":true}"#, key: "m1").text("id")
    _ = try await wait(scene, id, "running")
    let retired = try await scene.deployment.admin(
      "POST", "/v1/cells/cell-b/retire", #"{"accept_gap":true}"#, key: "r1")
    #expect(retired.status == 202, "\(retired.raw)")
    let ended = try await wait(scene, id, "failed")
    #expect(try ended.root()["error"]?["code"]?.string == "conflict")
  }

  @Test(arguments: [
    (#"{"to_cell":"cell-a"}"#, "conflict"), (#"{"to_cell":"cell-x"}"#, "invalid_field"),
    (#"{"to_cell":"cell-b","cap_ms":0}"#, "invalid_field"),
    (#"{"to_cell":"no cell"}"#, "invalid_field"),
  ])
  func `a move that cannot be is refused`(_ body: String, _ code: String) async throws {
    let scene = try await scene()
    let answer = try await begin(scene, body, key: "m1")
    #expect(try answer.code() == code, "\(answer.raw)")
  }

  @Test func `a source that is away is asked again, also by the next process`() async throws {
    let scene = try await scene()
    scene.source.change { $0.workAnswers = [status("done", "", "{}")] }
    scene.deployment.network.partition("control-1", "cell-a")
    let id = try await begin(scene, key: "m1").text("id")
    await scene.deployment.node.work()
    #expect(
      try await scene.deployment.admin("GET", "/v1/operations/\(id)").text("state") == "running")
    var deployment = scene.deployment
    try await deployment.restart()
    deployment.network.heal()
    while try await deployment.admin("GET", "/v1/operations/\(id)").text("state") == "running" {
      await deployment.node.work()
    }
    #expect(
      try await deployment.admin("GET", "/v1/tenants/\(scene.tenant)").text("cell") == "cell-b")
  }
}
