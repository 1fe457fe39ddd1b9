import Messaging
import Simulation
import Storage
import Synchronization
import Testing
import Wire

@testable import ControlPlane

@Suite("Upgrades over messaging") struct UpgradeTests {
  private static let soak = #"{"version":"2","soak_seconds":1,"wave_size":1}"#

  private func state(
    _ version: String, _ state: String = "running", startedAt: Int64 = 1, code: String = ""
  ) -> Aimstors_ProtoProgramState {
    var answer = Aimstors_ProtoProgramState()
    answer.version = version
    answer.state = state
    answer.startedAtMs = startedAt
    answer.failure.code = code
    answer.failure.detail = code
    return answer
  }

  private func operation(_ id: String, _ deployment: Deployment) async throws -> Answer {
    try await deployment.admin("GET", "/v1/operations/\(id)")
  }

  /// Two cells of version 1, of which the first has no tenant.
  private func cells(_ deployment: Deployment) async throws -> [FakeCell] {
    var cells: [FakeCell] = []
    for id in ["cell-a", "cell-b"] {
      let cell = try await FakeCell.start(id, on: deployment.network)
      _ = try await cell.join(
        deployment.control, token: try await deployment.joinToken(), version: "1")
      try await cell.beat(deployment.control)
      cell.change { $0.program = state("1") }
      cells.append(cell)
    }
    _ = try await deployment.tenant("t", cell: "cell-b")
    return cells
  }

  /// The process ends and is there again as another version.
  private func restart(
    _ cell: FakeCell, as version: String, startedAt: Int64, _ deployment: Deployment
  ) async throws {
    cell.change { $0.program = state(version, startedAt: startedAt) }
    _ = try await cell.join(
      deployment.control, credential: cell.credential, version: version)
    try await cell.beat(deployment.control, startedAt: startedAt)
  }

  private func round(_ deployment: Deployment, after milliseconds: Int64 = 0) async {
    deployment.clock.advance(milliseconds: milliseconds)
    await deployment.node.upgrade()
  }

  @Test func `the canary goes first, each wave is watched, then all can be taken back`()
    async throws
  {
    var deployment = try await Deployment()
    let cells = try await cells(deployment)
    let id = try await deployment.admin("POST", "/v1/upgrades", Self.soak, key: "u").text("id")
    let twice = try await deployment.admin("POST", "/v1/upgrades", Self.soak, key: "u2")
    #expect(try twice.code() == "conflict")
    await round(deployment)
    #expect(cells.allSatisfy { $0.seen.orders.map(\.checkOnly) == [true] })
    #expect(try await operation(id, deployment).text("step") == "baseline")
    await round(deployment, after: 1_000)
    #expect(try await operation(id, deployment).text("step") == "canary")
    cells[1].change { $0.program = state("1", "restarting") }
    await round(deployment)
    await round(deployment)
    #expect(cells[1].seen.orders.last?.version == "2")
    #expect(cells[0].seen.orders.count == 1, "the second wave waits")
    // The control plane dies; the next one goes on.
    try await restart(cells[1], as: "2", startedAt: 5, deployment)
    try await deployment.restart()
    try await cells[0].beat(deployment.control)
    try await cells[1].beat(deployment.control, startedAt: 5)
    await round(deployment)
    await round(deployment, after: 999)
    #expect(cells[0].seen.orders.count == 1, "the canary is still watched")
    #expect(cells[1].seen.orders.allSatisfy { !$0.confirm }, "nothing is judged yet")
    await round(deployment, after: 1)
    await round(deployment)
    #expect(cells[1].seen.orders.last?.confirm == true)
    cells[0].change { $0.program = state("1", "restarting") }
    await round(deployment)
    await round(deployment)
    #expect(cells[0].seen.orders.last?.version == "2")
    try await restart(cells[0], as: "2", startedAt: 9, deployment)
    await round(deployment)
    await round(deployment, after: 1_000)
    await round(deployment)
    let ended = try await operation(id, deployment)
    #expect(try ended.text("state") == "succeeded", "\(ended.raw)")
    let done = try await deployment.admin("POST", "/v1/upgrades", Self.soak, key: "u3")
    #expect(try done.code() == "already_done")

    let back = try await deployment.admin("POST", "/v1/rollbacks", key: "b").text("id")
    for _ in 0..<3 { await round(deployment) }
    #expect(cells[1].seen.orders.last?.version == "1")
    try await restart(cells[1], as: "1", startedAt: 12, deployment)
    for _ in 0..<4 { await round(deployment) }
    try await restart(cells[0], as: "1", startedAt: 13, deployment)
    for _ in 0..<4 { await round(deployment) }
    let rolled = try await operation(back, deployment)
    #expect(try rolled.text("state") == "succeeded", "\(rolled.raw)")
  }

  @Test func `after a promotion the cell's process and its follower are two, and both are told`()
    async throws
  {
    let deployment = try await Deployment()
    let cell = try await FakeCell.start("cell-a", on: deployment.network)
    _ = try await cell.join(
      deployment.control, token: try await deployment.joinToken(), version: "1")
    try await cell.beat(deployment.control)
    cell.change { $0.program = state("1") }
    // What follows was the cell, and is still called so.
    let follower = InMemoryMessenger(
      identity: PeerIdentity(role: .follower, id: "cell-a", generation: .first),
      network: deployment.network)
    let told = Mutex<[Aimstors_ProtoProgramOrder]>([])
    let answer = state("1", "restarting")
    let address = try await follower.listen(at: Address("tcp://follower:0")) {
      (request) async throws(Failure) -> [UInt8] in
      do {
        let order = try Aimstors_ProtoProgramOrder(serializedBytes: request.payload)
        told.withLock { $0.append(order) }
        return try answer.serializedBytes()
      } catch { throw Failure(.internalError, "\(error)") }
    }
    for (messenger, replica, url) in [
      (cell.messenger, "cell-a-b", cell.address.url), (follower, "cell-a", address.url),
    ] {
      var report = Aimstors_ProtoReplicaReport()
      report.cell = "cell-a"
      report.replica = replica
      report.generation = 1
      report.address = url
      report.isPrimary = replica == "cell-a-b"
      report.version = "1"
      _ = try await messenger.peer(at: deployment.control).request(
        .replicaReport, try report.serializedBytes(), timeout: Deployment.patience, traceID: "")
    }
    let id = try await deployment.admin("POST", "/v1/upgrades", Self.soak, key: "u").text("id")
    await round(deployment)
    #expect(told.withLock { $0.map(\.checkOnly) } == [true])
    #expect(cell.seen.orders.map(\.checkOnly) == [true])
    await round(deployment, after: 1_000)
    for _ in 0..<3 { await round(deployment) }
    #expect(told.withLock { $0.last?.checkOnly } == false)
    #expect(cell.seen.orders.count == 1, "the follower goes first")
    let members = try await operation(id, deployment).root()["result"]?["members"]?.elements
    #expect(members?.map { $0["id"]?.string } == ["cell-a", "cell-a-b"])
  }

  @Test func `what is told is stored before, so that a cancelled upgrade can be taken back`()
    async throws
  {
    let deployment = try await Deployment()
    let cells = try await cells(deployment)
    let id = try await deployment.admin("POST", "/v1/upgrades", Self.soak, key: "u").text("id")
    await round(deployment)
    await round(deployment, after: 1_000)
    await round(deployment)
    #expect(cells[1].seen.orders.count == 1, "it is stored as asked, and told in the next round")
    await round(deployment)
    #expect(cells[1].seen.orders.last?.version == "2")
    _ = try await deployment.admin("POST", "/v1/operations/\(id)/cancel", key: "c")
    // It may fall back by itself: nothing that the version before does not read is written.
    let raise = try await deployment.admin("POST", "/v1/format-ceiling", key: "f")
    #expect(try raise.code() == "format_ceiling", "\(raise.raw)")
    #expect(raise.raw.contains("cell-b"))
    try await restart(cells[1], as: "2", startedAt: 5, deployment)
    // Running it already, it is watched and confirmed all the same.
    let again = try await deployment.admin(
      "POST", "/v1/upgrades", #"{"version":"2","soak_seconds":1,"cells":["cell-b"]}"#, key: "u2")
    let second = try again.text("id")
    await round(deployment)
    await round(deployment, after: 1_000)
    for _ in 0..<2 { await round(deployment) }
    await round(deployment, after: 1_000)
    for _ in 0..<2 { await round(deployment) }
    #expect(cells[1].seen.orders.last?.confirm == true)
    #expect(try await operation(second, deployment).text("state") == "succeeded")
    let raised = try await deployment.admin("POST", "/v1/format-ceiling", key: "f2")
    #expect(raised.status == 200, "\(raised.raw)")
    // And goes back to what ran before the first.
    let back = try await deployment.admin("POST", "/v1/rollbacks", key: "b")
    #expect(back.status == 202, "\(back.raw)")
    for _ in 0..<4 { await round(deployment) }
    #expect(cells[1].seen.orders.last?.version == "1")
  }

  @Test func `a cell with a problem goes back all the same`() async throws {
    let deployment = try await Deployment()
    let cells = try await cells(deployment)
    let body = #"{"version":"2","soak_seconds":1,"cells":["cell-b"]}"#
    _ = try await deployment.admin("POST", "/v1/upgrades", body, key: "u")
    await round(deployment)
    await round(deployment, after: 1_000)
    for _ in 0..<2 { await round(deployment) }
    try await restart(cells[1], as: "2", startedAt: 5, deployment)
    for _ in 0..<2 { await round(deployment) }
    try await cells[1].beat(
      deployment.control, startedAt: 5, requests: 100, failed: 90)
    await round(deployment)
    let id = try await deployment.admin("POST", "/v1/rollbacks", key: "b").text("id")
    for _ in 0..<3 { await round(deployment) }
    cells[1].change { $0.program = state("1", startedAt: 9) }
    _ = try await cells[1].join(
      deployment.control, credential: cells[1].credential, version: "1")
    var problem = Aimstors_ProtoProblem()
    problem.code = "tenant_stopped"
    try await cells[1].beat(
      deployment.control, startedAt: 9, requests: 10, failed: 10, problems: [problem])
    for _ in 0..<3 { await round(deployment) }
    let ended = try await operation(id, deployment)
    #expect(try ended.text("state") == "succeeded", "\(ended.raw)")
    #expect(cells[1].seen.orders.last?.confirm == true)
  }

  @Test func `problems from before are known, also where the control plane starts again meanwhile`()
    async throws
  {
    var deployment = try await Deployment()
    let cells = try await cells(deployment)
    let id = try await deployment.admin("POST", "/v1/upgrades", Self.soak, key: "u").text("id")
    await round(deployment)
    try await deployment.restart()
    await round(deployment, after: 1_000)
    #expect(try await operation(id, deployment).text("step") == "baseline", "nobody is heard yet")
    for cell in cells { try await cell.beat(deployment.control) }
    await round(deployment)
    #expect(try await operation(id, deployment).text("step") == "canary")
  }

  @Test func `a rise in failures halts at the canary`() async throws {
    let deployment = try await Deployment()
    let cells = try await cells(deployment)
    let id = try await deployment.admin("POST", "/v1/upgrades", Self.soak, key: "u").text("id")
    await round(deployment)
    try await cells[1].beat(deployment.control, requests: 100, failed: 1)
    await round(deployment, after: 1_000)
    await round(deployment)
    try await restart(cells[1], as: "2", startedAt: 5, deployment)
    await round(deployment)
    try await cells[1].beat(deployment.control, startedAt: 5, requests: 100, failed: 2)
    await round(deployment)
    #expect(try await operation(id, deployment).text("state") == "running")
    try await cells[1].beat(deployment.control, startedAt: 5, requests: 110, failed: 7)
    await round(deployment)
    let ended = try await operation(id, deployment)
    #expect(try ended.root()["error"]?["code"]?.string == "upgrade_halted", "\(ended.raw)")
    #expect(cells[0].seen.orders.count == 1, "no other cell was told")
    let members = try #require(try ended.root()["result"]?["members"]?.elements)
    #expect(members.map { $0["state"]?.string } == ["failed", "planned"])
    #expect(members.first { _ in true }?["failed_requests"]?.integer == 7)
  }

  @Test func `what a machine does not have, or what does not read the ceiling, is not begun`()
    async throws
  {
    let deployment = try await Deployment()
    let cells = try await cells(deployment)
    cells[0].change { $0.program = state("1", "failed", code: "not_found") }
    let first = try await deployment.admin("POST", "/v1/upgrades", Self.soak, key: "u").text("id")
    await round(deployment)
    #expect(
      try await operation(first, deployment).root()["error"]?["code"]?.string == "upgrade_halted")
    cells[0].change { $0.program = state("1", "failed", code: "format_ceiling") }
    let next = try await deployment.admin("POST", "/v1/upgrades", Self.soak, key: "v").text("id")
    await round(deployment)
    #expect(
      try await operation(next, deployment).root()["error"]?["code"]?.string == "format_ceiling")
    #expect(cells.allSatisfy { $0.seen.orders.allSatisfy(\.checkOnly) })
    let none = try await deployment.admin("POST", "/v1/rollbacks", key: "b")
    #expect(try none.code() == "already_done")
    for (body, code) in [
      (#"{"version":"2","cells":["cell-x"]}"#, "not_found"),
      (#"{"version":"2","soak_seconds":0}"#, "invalid_field"),
      (#"{"version":"2","cells":["cell-a"],"canary":"cell-b"}"#, "invalid_field"),
    ] {
      let answer = try await deployment.admin("POST", "/v1/upgrades", body, key: body)
      #expect(try answer.code() == code, "\(answer.raw)")
    }
  }

  @Test func `the ceiling rises when all read more, is told, and keeps older programs out`()
    async throws
  {
    let deployment = try await Deployment()
    let cells = try await cells(deployment)
    let now = FormatLevel.newest
    let shown = try await deployment.admin("GET", "/v1/format-ceiling")
    // A new deployment's.
    #expect(try shown.root()["level"]?.integer == Int64(now))
    try await cells[0].beat(deployment.control, reads: now + 1)
    let early = try await deployment.admin(
      "POST", "/v1/format-ceiling", #"{"level":\#(now + 1)}"#, key: "c1")
    #expect(try early.code() == "format_ceiling")
    #expect(early.raw.contains("cell-b"))
    try await cells[1].beat(deployment.control, reads: now + 2)
    let raised = try await deployment.admin("POST", "/v1/format-ceiling", key: "c2")
    #expect(try raised.root()["level"]?.integer == Int64(now + 1), "\(raised.raw)")
    #expect(try await cells[0].beat(deployment.control, reads: now + 1) == now + 1)
    let joined = try await cells[0].join(
      deployment.control, credential: cells[0].credential, reads: now + 1)
    #expect(joined.formatCeiling == now + 1)
    await #expect(throws: Failure.self) {
      try await cells[0].join(deployment.control, credential: cells[0].credential, reads: now)
    }
  }

  @Test func `a control plane from a copy learns a ceiling that it has forgotten`() async throws {
    let deployment = try await Deployment()
    let cells = try await cells(deployment)
    // A new deployment's ceiling is the newest: the copy has forgotten one above it.
    let (told, read) = (FormatLevel.newest + 1, FormatLevel.newest + 2)
    try await cells[1].beat(deployment.control, reads: read)
    #expect(try await cells[0].beat(deployment.control, reads: read, ceiling: told) == told)
    #expect(try await cells[1].beat(deployment.control, reads: read) == told)
    // One that is wrong keeps nobody out.
    #expect(try await cells[0].beat(deployment.control, reads: .max, ceiling: .max) == read)
    let shown = try await deployment.admin("GET", "/v1/format-ceiling")
    #expect(try shown.root()["level"]?.integer == Int64(read))
  }
}
