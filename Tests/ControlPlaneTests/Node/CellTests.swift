import Messaging
import Testing
import Wire

@testable import ControlPlane

@Suite("Cells over messaging") struct CellTests {
  @Test func `a join token admits one cell`() async throws {
    let deployment = try await Deployment()
    let token = try await deployment.joinToken()
    let first = try await FakeCell.start("cell-a", on: deployment.network)
    let joined = try await first.join(deployment.control, token: token)
    #expect(!joined.credential.isEmpty)
    let second = try await FakeCell.start("cell-b", on: deployment.network)
    let failure = await #expect(throws: Failure.self) {
      try await second.join(deployment.control, token: token)
    }
    #expect(failure?.code == .forbidden)
    try await first.heartbeat(deployment.control)
    let again = await #expect(throws: Failure.self) {
      try await first.join(deployment.control, token: token)
    }
    #expect(again?.code == .forbidden)
    _ = try await first.join(deployment.control, credential: joined.credential)
  }

  @Test func `a repeated request for a join token answers the same token, kept as a hash`()
    async throws
  {
    let deployment = try await Deployment()
    let first = try await deployment.admin("POST", "/v1/cells/join-tokens", key: "k")
    let again = try await deployment.admin("POST", "/v1/cells/join-tokens", key: "k")
    #expect(first.status == 201)
    #expect(first.bytes == again.bytes)
    let token = try first.text("token")
    let stored = try await deployment.node.services.store.read {
      try $0.joinToken(hash: Digests.sha256(token))?.hash
    }
    #expect(stored == Digests.sha256(token))
  }

  @Test func `cells are listed with what their heartbeats say`() async throws {
    let deployment = try await Deployment()
    let cell = try await deployment.cell("cell-a")
    _ = try await deployment.tenant("acme")
    deployment.boot.advance(milliseconds: 1_000)
    try await cell.heartbeat(deployment.control, operations: 250, disk: 1 << 35)
    let shown = try #require(try await deployment.admin("GET", "/v1/cells").data().first)
    #expect(shown["id"]?.string == "cell-a")
    #expect(shown["state"]?.string == "active")
    #expect(shown["alive"]?.bool == true)
    #expect(shown["tenants"]?.integer == 1)
    #expect(shown["operations_per_second"]?.integer == 250)
    #expect(shown["disk_free_bytes"]?.integer == 1 << 35)
  }

  @Test func `since when a problem stands is known after restarts of both`() async throws {
    var deployment = try await Deployment()
    let a = try await deployment.cell("cell-a")
    let b = try await deployment.cell("cell-b")
    func problems() async throws -> [String: String] {
      let nodes = try await deployment.admin("GET", "/v1/status").root()["problems"]?.elements
      var result: [String: String] = [:]
      for node in try #require(nodes) {
        let name = "\(node["cell"]?.string ?? "") \(node["code"]?.string ?? "")"
        result[name] = node["since"]?.string
      }
      return result
    }
    func damaged(since: Int64) -> Aimstors_ProtoProblem {
      var problem = Aimstors_ProtoProblem()
      problem.code = "journal_damaged"
      problem.sinceMs = since
      return problem
    }
    let silentSince = Timestamp(milliseconds: deployment.clock.milliseconds())
    try await b.heartbeat(deployment.control, problems: [damaged(since: 7_000)])
    await deployment.node.look()
    deployment.boot.advance(milliseconds: 3_000)
    deployment.clock.advance(milliseconds: 3_000)
    try await b.heartbeat(deployment.control, problems: [damaged(since: 7_000)])
    await deployment.node.look()
    let before = try await problems()
    #expect(before["cell-a cell_unreachable"] == silentSince.rfc3339)
    #expect(before["cell-b journal_damaged"] == Timestamp(milliseconds: 7_000).rfc3339)

    deployment.clock.advance(milliseconds: 60_000)
    try await deployment.restart()
    // Nobody was heard yet: the silence is known all the same.
    #expect(try await problems()["cell-a cell_unreachable"] == silentSince.rfc3339)
    await deployment.node.look()
    // The cell has started again too, and found its damage anew.
    try await b.heartbeat(deployment.control, problems: [damaged(since: 66_000)])
    await deployment.node.look()
    #expect(try await problems() == before)

    try await a.heartbeat(deployment.control)
    try await b.heartbeat(deployment.control)
    await deployment.node.look()
    #expect(try await problems().isEmpty)
    deployment.boot.advance(milliseconds: 3_000)
    await deployment.node.look()
    #expect(try await problems()["cell-a cell_unreachable"] != silentSince.rfc3339)
  }

  @Test func `the status shows the stops in force and what has been due for long`() async throws {
    let deployment = try await Deployment()
    let a = try await deployment.cell("cell-a")
    try await a.heartbeat(deployment.control, oldestDue: 5_000)
    _ = try await deployment.admin("PUT", "/v1/send-stops/platform/all", #"{"reason":"abuse"}"#)
    let stop = try await deployment.admin("PUT", "/v1/send-stops/cell/cell-a", #"{"reason":"x"}"#)
    _ = try await deployment.admin("DELETE", "/v1/send-stops/cell/cell-a", key: "l")
    #expect(stop.status == 200)
    let status = try await deployment.admin("GET", "/v1/status").root()
    #expect(status["send_stops"]?.elements.map { $0["scope"]?.string } == ["platform"])
    #expect(status["send_stops"]?[0]?["reason"]?.string == "abuse")
    #expect(status["send_stops"]?[0]?["since"]?.string != nil)
    #expect(
      status["cells"]?[0]?["oldest_due_at"]?.string == Timestamp(milliseconds: 5_000).rfc3339)
    // A stop is an order, not a fault.
    #expect(status["ok"]?.bool == true)
  }

  @Test func `a silent cell is a problem since its last heartbeat, and takes no tenants`()
    async throws
  {
    let deployment = try await Deployment()
    let cell = try await deployment.cell("cell-a")
    let heard = Timestamp(milliseconds: deployment.clock.milliseconds())
    deployment.boot.advance(milliseconds: 3_000)
    deployment.clock.advance(milliseconds: 3_000)
    let status = try await deployment.admin("GET", "/v1/status")
    let problem = try #require(try status.root()["problems"]?[0])
    #expect(problem["code"]?.string == "cell_unreachable")
    #expect(problem["cell"]?.string == "cell-a")
    #expect(problem["since"]?.string == heard.rfc3339)
    #expect(try status.root()["ok"]?.bool == false)
    let refused = try await deployment.admin(
      "POST", "/v1/tenants", Deployment.tenantBody("acme"), key: "k")
    #expect(try refused.code() == "cell_unavailable")
    try await cell.heartbeat(deployment.control)
    #expect(try await deployment.admin("GET", "/v1/status").root()["ok"]?.bool == true)
  }

  @Test func `an older generation is fenced`() async throws {
    let deployment = try await Deployment()
    let cell = try await FakeCell.start("cell-a", on: deployment.network)
    let joined = try await cell.join(
      deployment.control, token: try await deployment.joinToken(), generation: 2)
    let failure = await #expect(throws: Failure.self) {
      try await cell.join(deployment.control, credential: joined.credential, generation: 1)
    }
    #expect(failure?.code == .generationFenced)
  }

  @Test func `an older memory learns from the cell, and never lowers an epoch`() async throws {
    let deployment = try await Deployment()
    let cell = try await deployment.cell("cell-a")
    let id = try await deployment.tenant("acme")
    var raised = Aimstors_ProtoOwnedTenant()
    raised.tenant = id
    raised.epoch = 9
    var lost = Aimstors_ProtoOwnedTenant()
    lost.tenant = "tlost"
    lost.epoch = 4
    lost.state = "suspended"
    let credential = DeploymentSecrets(deploymentKey: deployment.key)
      .credential(of: CellID(trusted: "cell-a"))
    _ = try await cell.join(deployment.control, credential: credential, tenants: [raised, lost])
    func epochs() async throws -> [String: UInt64] {
      Dictionary(
        try await deployment.map().chunks.flatMap(\.tenants).map { ($0.tenant, $0.epoch) },
        uniquingKeysWith: max)
    }
    #expect(try await epochs() == [id: 9, "tlost": 4])
    raised.epoch = 3
    _ = try await cell.join(deployment.control, credential: credential, tenants: [raised])
    #expect(try await epochs()[id] == 9)
    let problems = try await deployment.admin("GET", "/v1/status").root()["problems"]
    #expect(problems?[0]?["code"]?.string == "tenant_owner_conflict")
    let shown = try await deployment.admin("GET", "/v1/tenants/tlost")
    #expect(try shown.text("state") == "suspended")
  }

  @Test func `a cell is never told of a tenant that is placed elsewhere by now`() async throws {
    let deployment = try await Deployment()
    let a = try await deployment.cell("cell-a")
    let b = try await deployment.cell("cell-b")
    let id = try await deployment.tenant("acme", cell: "cell-a")
    a.change { $0.refusal = Failure(.recovering, "not yet") }
    _ = try await deployment.admin("PATCH", "/v1/tenants/\(id)", #"{"state":"suspended"}"#)
    a.change { $0.refusal = nil }
    var raised = Aimstors_ProtoOwnedTenant()
    raised.tenant = id
    raised.epoch = 2
    let credential = DeploymentSecrets(deploymentKey: deployment.key)
      .credential(of: CellID(trusted: "cell-b"))
    _ = try await b.join(deployment.control, credential: credential, tenants: [raised])
    await deployment.node.sweep(grace: 0)
    #expect(a.seen.states.isEmpty)
    let waiting = try await deployment.node.services.store.read { try $0.waitingDirectives().count }
    #expect(waiting == 0)
  }

  @Test func `only a cell itself speaks for it, and only routers get the map`() async throws {
    let deployment = try await Deployment()
    let cell = try await deployment.cell("cell-a")
    var heartbeat = Aimstors_ProtoHeartbeat()
    heartbeat.cell = "cell-a"
    let payload: [UInt8] = try heartbeat.serializedBytes()
    await #expect(throws: MessagingError.self) {
      try await deployment.router.peer(at: deployment.control).request(
        .join, payload, timeout: .seconds(1), traceID: "")
    }
    await #expect(throws: MessagingError.self) {
      try await cell.messenger.peer(at: deployment.control).request(
        .mapManifest, [], timeout: .seconds(1), traceID: "")
    }
  }
}
