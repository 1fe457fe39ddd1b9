import Messaging
import Simulation
import Testing
import Wire

@testable import ControlPlane

@Suite("A lost cell over messaging") struct CellRestoreTests {
  private func status(_ state: String, _ result: String = "") -> Aimstors_ProtoCellWorkStatus {
    var status = Aimstors_ProtoCellWorkStatus()
    status.state = state
    status.result = result
    status.done = state == "done" ? 2 : 1
    status.total = 2
    return status
  }

  /// What a process says that has an empty disk.
  private func report(
    _ cell: FakeCell, _ deployment: Deployment, claimed: UInt64
  ) async throws {
    var report = Aimstors_ProtoReplicaReport()
    report.cell = cell.id
    report.replica = cell.id
    report.generation = claimed
    report.address = cell.address.url
    // Without a register the answer is a refusal; it is heard all the same.
    _ = try? await cell.messenger.peer(at: deployment.control).request(
      .replicaReport, try report.serializedBytes(), timeout: Deployment.patience, traceID: "")
  }

  @Test func `it is claimed above every generation that is known, served, restored, released`()
    async throws
  {
    let deployment = try await Deployment()
    let cell = try await deployment.cell("cell-a")
    let tenant = try await deployment.tenant("a", cell: "cell-a")
    let path = "/v1/cells/cell-a/restore"
    let unstated = try await deployment.admin("POST", path, key: "r0")
    #expect(try unstated.code() == "invalid_state")
    let nobody = try await deployment.admin("POST", path, #"{"old_is_dead":true}"#, key: "r1")
    #expect(try nobody.code() == "invalid_state")

    try await report(cell, deployment, claimed: 4)
    cell.change { $0.acceptsTakeover = true }
    let begun = try await deployment.admin("POST", path, #"{"old_is_dead":true}"#, key: "r2")
    #expect(begun.status == 202)
    let id = try begun.text("id")
    let again = try await deployment.admin("POST", path, #"{"old_is_dead":true}"#, key: "r2")
    #expect(again.raw == begun.raw)
    // The old process is out from here on.
    await #expect(throws: (any Error).self) { try await cell.heartbeat(deployment.control) }

    await deployment.node.work()
    #expect(cell.seen.takeovers.map(\.generation) == [5])
    #expect(try await deployment.admin("GET", "/v1/operations/\(id)").text("step") == "serve")
    let joined = try await cell.join(deployment.control, credential: cell.credential, generation: 5)
    #expect(joined.tenants.map(\.tenant) == [tenant])
    try await cell.heartbeat(deployment.control, generation: 5)
    cell.change {
      $0.workAnswers = [status("running"), status("done", #"{"restored":1,"failed":[]}"#)]
    }
    await deployment.node.work()
    await deployment.node.work()
    let halfway = try await deployment.admin("GET", "/v1/operations/\(id)")
    #expect(try halfway.root()["progress"]?["total"]?.integer == 2)
    await deployment.node.work()
    let ended = try await deployment.admin("GET", "/v1/operations/\(id)")
    #expect(try ended.text("state") == "succeeded")
    #expect(cell.seen.work.allSatisfy { $0.kind == "cell_restore" && $0.at == "cell-a@5" })

    cell.change { $0.workAnswers = [status("done", #"{"released":3}"#)] }
    let released = try await deployment.admin("POST", "/v1/restores/\(id)/release", key: "r3")
    #expect(try released.root()["released"]?.integer == 3)
    #expect(cell.seen.work.last?.at == "cell-a@5" && cell.seen.work.last?.tenant == "")
    #expect(try await deployment.admin("GET", "/v1/restores/\(id)").text("mode") == "cell")
  }

  @Test func `a tenant that is not back ends the operation with the list`() async throws {
    let deployment = try await Deployment()
    let cell = try await deployment.cell("cell-a")
    try await report(cell, deployment, claimed: 1)
    cell.change { $0.acceptsTakeover = true }
    let id = try await deployment.admin(
      "POST", "/v1/cells/cell-a/restore", #"{"old_is_dead":true}"#, key: "r1"
    ).text("id")
    await deployment.node.work()
    _ = try await cell.join(deployment.control, credential: cell.credential, generation: 2)
    try await cell.heartbeat(deployment.control, generation: 2)
    var failed = status("failed", #"{"failed":[{"tenant_id":"t1"}]}"#)
    failed.failure.code = "verification_failed"
    failed.failure.detail = "1 tenants could not be brought back"
    cell.change { $0.workAnswers = [failed] }
    await deployment.node.work()
    await deployment.node.work()
    let ended = try await deployment.admin("GET", "/v1/operations/\(id)")
    #expect(try ended.text("state") == "failed")
    #expect(try ended.root()["result"]?["failed"]?[0]?["tenant_id"]?.string == "t1")
  }
}
