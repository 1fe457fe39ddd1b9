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

  @Test func `a later restore fails the one before it`() async throws {
    let deployment = try await Deployment()
    let cell = try await deployment.cell("cell-a")
    cell.change { $0.acceptsTakeover = true }
    let path = "/v1/cells/cell-a/restore"
    func begin(_ key: String) async throws -> String {
      try await deployment.admin("POST", path, #"{"old_is_dead":true}"#, key: key).text("id")
    }
    try await report(cell, deployment, claimed: 1)
    let first = try await begin("r1")
    await deployment.node.work()
    // The machine that was to be the cell dies as well; another one has come.
    try await report(cell, deployment, claimed: 2)
    let second = try await begin("r2")
    let passed = try await deployment.admin("GET", "/v1/operations/\(first)")
    #expect(try passed.text("state") == "failed", "\(passed.raw)")
    #expect(try passed.root()["error"]?["code"]?.string == "conflict")
    await deployment.node.work()
    #expect(cell.seen.takeovers.map(\.generation) == [2, 3])
    let goesOn = try await deployment.admin("GET", "/v1/operations/\(second)")
    #expect(try goesOn.text("step") == "serve", "\(goesOn.raw)")
  }

  @Test func `given again while its process may be claiming, it is refused, and goes on`()
    async throws
  {
    let deployment = try await Deployment()
    let cell = try await deployment.cell("cell-a")
    cell.change { $0.acceptsTakeover = true }
    func begin(isDry: Bool = false, _ key: String) async throws -> Answer {
      try await deployment.admin(
        "POST", "/v1/cells/cell-a/restore", #"{"old_is_dead":true,"dry_run":\#(isDry)}"#, key: key)
    }
    try await report(cell, deployment, claimed: 1)
    let id = try await begin("r1").text("id")
    for isDry in [true, false] {
      let again = try await begin(isDry: isDry, "again \(isDry)")
      #expect(try again.code() == "conflict", "\(again.raw)")
      #expect(try again.text("detail").contains(id), "\(again.raw)")
    }
    await deployment.node.work()
    #expect(cell.seen.takeovers.map(\.generation) == [2])
    // It is not out: what it has claimed is the cell's generation.
    _ = try await cell.join(deployment.control, credential: cell.credential, generation: 2)
    try await cell.heartbeat(deployment.control, generation: 2)
    let goesOn = try await deployment.admin("GET", "/v1/operations/\(id)")
    #expect(try goesOn.text("step") == "serve", "\(goesOn.raw)")
  }

  @Test func `a process on another machine gets another generation than the one before`()
    async throws
  {
    let deployment = try await Deployment()
    let cell = try await deployment.cell("cell-a")
    let other = try await FakeCell.start("cell-a", on: deployment.network)
    for machine in [cell, other] { machine.change { $0.acceptsTakeover = true } }
    func begin(_ key: String) async throws -> String {
      try await deployment.admin(
        "POST", "/v1/cells/cell-a/restore", #"{"old_is_dead":true}"#, key: key
      ).text("id")
    }
    try await report(cell, deployment, claimed: 1)
    let first = try await begin("r1")
    // The first may have claimed its generation when it died.
    deployment.boot.advance(milliseconds: 60_000)
    try await report(other, deployment, claimed: 1)
    await deployment.node.work()
    #expect(other.seen.takeovers.isEmpty)
    let second = try await begin("r2")
    let passed = try await deployment.admin("GET", "/v1/operations/\(first)")
    #expect(try passed.root()["error"]?["code"]?.string == "conflict", "\(passed.raw)")
    await deployment.node.work()
    #expect(other.seen.takeovers.map(\.generation) == [3])
    #expect(cell.seen.takeovers.isEmpty)
    let goesOn = try await deployment.admin("GET", "/v1/operations/\(second)")
    #expect(try goesOn.text("step") == "serve", "\(goesOn.raw)")
  }

  @Test func `a second empty process neither puts the first one out, nor holds up the restore`()
    async throws
  {
    let deployment = try await Deployment()
    let cell = try await deployment.cell("cell-a")
    // Another machine, under the same name.
    let other = try await FakeCell.start("cell-a", on: deployment.network)
    #expect(other.address != cell.address)
    for machine in [cell, other] { machine.change { $0.acceptsTakeover = true } }
    cell.change { $0.workAnswers = [status("running")] }
    func begin(isDry: Bool = false, _ key: String) async throws -> Answer {
      try await deployment.admin(
        "POST", "/v1/cells/cell-a/restore", #"{"old_is_dead":true,"dry_run":\#(isDry)}"#, key: key)
    }
    func step(_ id: String) async throws -> String {
      try await deployment.admin("GET", "/v1/operations/\(id)").text("step")
    }
    try await report(cell, deployment, claimed: 1)
    let id = try await begin("r1").text("id")
    // Both say that they have nothing, the second one last.
    try await report(other, deployment, claimed: 1)
    for isDry in [true, false] {
      let again = try await begin(isDry: isDry, "claiming \(isDry)")
      #expect(try again.code() == "conflict", "\(again.raw)")
    }
    await deployment.node.work()
    #expect(cell.seen.takeovers.map(\.generation) == [2])
    #expect(try await step(id) == "serve")
    // The first one serves; the second one says the same as ever.
    _ = try await cell.join(deployment.control, credential: cell.credential, generation: 2)
    try await cell.heartbeat(deployment.control, generation: 2)
    try await report(other, deployment, claimed: 2)
    for isDry in [true, false] {
      let again = try await begin(isDry: isDry, "serving \(isDry)")
      #expect(try again.code() == "conflict", "\(again.raw)")
    }
    await deployment.node.work()
    #expect(try await step(id) == "restore")
    #expect(other.seen.takeovers.isEmpty)
    try await cell.heartbeat(deployment.control, generation: 2)
    // Where the first one is lost as well, the second one is the cell.
    deployment.boot.advance(milliseconds: 60_000)
    try await report(other, deployment, claimed: 2)
    let second = try await begin("r2")
    #expect(second.status == 202, "\(second.raw)")
    await deployment.node.work()
    #expect(other.seen.takeovers.map(\.generation) == [3])
  }

  @Test func `it is claimed above what the archive has, also beside a control plane from a copy`()
    async throws
  {
    let deployment = try await Deployment()
    let cell = try await deployment.cell("cell-a")
    try await deployment.beginSurvey(archived: [CellID(trusted: "cell-a"): Generation(7)])
    try await report(cell, deployment, claimed: 1)
    cell.change { $0.acceptsTakeover = true }
    let begun = try await deployment.admin(
      "POST", "/v1/cells/cell-a/restore", #"{"old_is_dead":true}"#, key: "r1")
    #expect(begun.status == 202, "\(begun.raw)")
    await deployment.node.work()
    #expect(cell.seen.takeovers.map(\.generation) == [8])
  }

  @Test func `a dry run says what would come back, and changes nothing`() async throws {
    let deployment = try await Deployment()
    let cell = try await deployment.cell("cell-a")
    _ = try await deployment.tenant("a", cell: "cell-a")
    func dry(_ isStated: Bool) async throws -> Answer {
      try await deployment.admin(
        "POST", "/v1/cells/cell-a/restore", #"{"dry_run":true,"old_is_dead":\#(isStated)}"#,
        key: "r1")
    }
    #expect(try await dry(true).code() == "invalid_state")
    try await report(cell, deployment, claimed: 4)
    #expect(try await dry(false).code() == "invalid_state")
    let plan = try await dry(true)
    #expect(plan.status == 202, "\(plan.raw)")
    #expect(try plan.text("state") == "planned")
    #expect(try plan.text("kind") == "cell.restore")
    let result = try #require(try plan.root()["result"])
    #expect(result["generation"]?.integer == 5 && result["replica"]?.string == "cell-a")
    #expect(result["tenants"]?.integer == 1)
    // The process that serves is not fenced, no operation runs, and the key is free.
    try await cell.heartbeat(deployment.control)
    await deployment.node.work()
    #expect(cell.seen.takeovers.isEmpty)
    let operations = try await deployment.admin("GET", "/v1/operations").data()
    #expect(!operations.contains { $0["kind"]?.string == "cell.restore" })
    try await report(cell, deployment, claimed: 4)
    let real = try await deployment.admin(
      "POST", "/v1/cells/cell-a/restore", #"{"old_is_dead":true}"#, key: "r1")
    #expect(real.status == 202, "\(real.raw)")
  }

  @Test func `where a follower has everything, nothing is restored`() async throws {
    let deployment = try await Deployment()
    let cell = try await deployment.cell("cell-a")
    let id = CellID(trusted: "cell-a")
    let services = deployment.node.services
    func register(_ primary: String, promotable: Set<String>) async throws {
      try await services.store.write(trace: "") { _, rows in
        try rows.put(
          CellRegister(
            cell: id, generation: .first, primary: primary, promotable: promotable))
      }
    }
    func restore(_ key: String) async throws -> Answer {
      try await deployment.admin(
        "POST", "/v1/cells/cell-a/restore", #"{"old_is_dead":true}"#, key: key)
    }
    try await register("cell-a", promotable: ["cell-a-b"])
    var follower = Aimstors_ProtoReplicaReport()
    follower.cell = "cell-a"
    follower.replica = "cell-a-b"
    follower.generation = 1
    services.replicas.heard(follower, of: id, isFollower: true)
    try await report(cell, deployment, claimed: 1)
    let refused = try await restore("r1")
    #expect(try refused.code() == "invalid_state")
    #expect(try refused.text("detail").contains("cell-a-b has all that was acknowledged"))
    // Silent as well. And an empty disk has nothing, whatever the register says of its process.
    deployment.boot.advance(milliseconds: 60_000)
    try await register("cell-a-b", promotable: ["cell-a"])
    try await report(cell, deployment, claimed: 1)
    let begun = try await restore("r2")
    #expect(begun.status == 202, "\(begun.raw)")
  }
}
