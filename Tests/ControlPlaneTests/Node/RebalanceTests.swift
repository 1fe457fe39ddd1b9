import Testing
import Wire

@testable import ControlPlane

@Suite("Drains and rebalances over messaging") struct RebalanceTests {
  private func status(_ state: String, _ result: String = "") -> Aimstors_ProtoCellWorkStatus {
    var status = Aimstors_ProtoCellWorkStatus()
    status.state = state
    status.result = result
    return status
  }

  private static let idle =
    #"{"seconds":2,"tenants":[],"others":0,"#
    + #""rest":{"tenant_id":"","operations_per_second":0,"bytes":0,"sync_us_per_second":0}}"#

  private func measured(_ operations: [String: Double]) -> String {
    let entries = operations.sorted { $0.key < $1.key }.map {
      #"{"tenant_id":"\#($0.key)","operations_per_second":\#($0.value),"bytes":1000,"#
        + #""sync_us_per_second":10}"#
    }
    return Self.idle.replacing(
      #""tenants":[]"#, with: #""tenants":[\#(entries.joined(separator: ","))]"#)
  }

  private func operation(_ id: String, _ deployment: Deployment) async throws -> Answer {
    try await deployment.admin("GET", "/v1/operations/\(id)")
  }

  /// Rounds until the operation has ended: what it arms is asked about as well.
  private func settle(_ id: String, _ deployment: Deployment) async throws -> Answer {
    for _ in 0..<200 {
      await deployment.node.rebalance()
      await deployment.node.work()
      let shown = try await operation(id, deployment)
      if try shown.text("state") != "running" { return shown }
    }
    return try await operation(id, deployment)
  }

  @Test func `a drain moves every tenant, takes no new ones, and the cell may retire`() async throws
  {
    var deployment = try await Deployment()
    let first = try await deployment.cell("cell-a")
    let second = try await deployment.cell("cell-b")
    var tenants: [String] = []
    for index in 0..<6 { tenants.append(try await deployment.tenant("t\(index)", cell: "cell-a")) }
    for cell in [first, second] { cell.change { $0.workAnswers = [status("done", Self.idle)] } }
    let early = try await deployment.admin("POST", "/v1/cells/cell-a/retire", key: "r0")
    #expect(try early.code() == "conflict")
    let begun = try await deployment.admin(
      "POST", "/v1/cells/cell-a/drain", #"{"reason":"old disk"}"#, key: "d1")
    #expect(begun.status == 202)
    let id = try begun.text("id")
    #expect(begun.headers["location"] == "/v1/operations/\(id)")
    #expect(try await deployment.admin("GET", "/v1/cells/cell-a").text("state") == "draining")
    let pinned = try await deployment.admin(
      "POST", "/v1/tenants", Deployment.tenantBody("late", cell: "cell-a"), key: "late")
    #expect(try pinned.code() == "cell_unavailable")
    let twice = try await deployment.admin("POST", "/v1/cells/cell-a/drain", key: "d2")
    #expect(try twice.code() == "conflict")
    // The plan is made, moves are armed; then the control plane dies and another goes on.
    await deployment.node.rebalance()
    try await deployment.restart()
    try await first.heartbeat(deployment.control)
    try await second.heartbeat(deployment.control)
    let ended = try await settle(id, deployment)
    #expect(try ended.text("state") == "succeeded", "\(ended.raw)")
    #expect(try ended.root()["result"]?["move_count"]?.integer == 6)
    let asked = first.seen.work.filter { $0.kind == "move" }
    #expect(Set(asked.map(\.tenant)) == Set(tenants))
    #expect(asked.allSatisfy { $0.move.target == "cell-b" && $0.move.epoch == 2 })
    for tenant in tenants {
      #expect(try await deployment.admin("GET", "/v1/tenants/\(tenant)").text("cell") == "cell-b")
    }
    let retired = try await deployment.admin("POST", "/v1/cells/cell-a/retire", key: "r1")
    #expect(retired.status == 202, "\(retired.raw)")
    #expect(try await deployment.admin("GET", "/v1/cells/cell-a").text("state") == "retired")
    let again = try await deployment.admin("POST", "/v1/cells/cell-a/retire", key: "r2")
    #expect(try again.code() == "already_done")
  }

  @Test func `a dry run lists what would move, and moves nothing`() async throws {
    let deployment = try await Deployment()
    let first = try await deployment.cell("cell-a")
    let second = try await deployment.cell("cell-b")
    let busy = try await deployment.tenant("busy", cell: "cell-a")
    let other = try await deployment.tenant("other", cell: "cell-a")
    first.change {
      $0.workAnswers = [status("running"), status("done", measured([busy: 2_000, other: 1_900]))]
    }
    second.change { $0.workAnswers = [status("done", Self.idle)] }
    let id = try await deployment.admin(
      "POST", "/v1/rebalances", #"{"dry_run":true}"#, key: "b1"
    ).text("id")
    await deployment.node.rebalance()
    #expect(try await operation(id, deployment).text("state") == "running")
    await deployment.node.rebalance()
    let shown = try await operation(id, deployment)
    #expect(try shown.text("state") == "succeeded", "\(shown.raw)")
    let result = try #require(try shown.root()["result"])
    #expect(result["move_count"]?.integer == 1)
    let move = try #require(result["moves"]?.elements.first { _ in true })
    #expect(move["from_cell"]?.string == "cell-a" && move["to_cell"]?.string == "cell-b")
    #expect(result["cells"]?.elements.first { _ in true }?["load_before_percent"]?.integer == 78)
    #expect(try await deployment.admin("GET", "/v1/tenants/\(busy)").text("cell") == "cell-a")
    #expect(!first.seen.work.contains { $0.kind == "move" })
  }

  @Test func `a cell that is somebody's headroom goes only where that is accepted`() async throws {
    let deployment = try await Deployment { $0.tenantsPerCell = 4 }
    func missing() async throws -> [String] {
      try await deployment.admin("GET", "/v1/status").root()["problems"]?.elements.filter {
        $0["code"]?.string == "headroom_missing"
      }.compactMap { $0["cell"]?.string } ?? []
    }
    for id in ["cell-a", "cell-b", "cell-c"] {
      let cell = try await deployment.cell(id)
      cell.change { $0.workAnswers = [status("done", Self.idle)] }
    }
    for index in 0..<6 {
      _ = try await deployment.tenant("t\(index)", cell: index < 3 ? "cell-a" : "cell-b")
    }
    #expect(try await missing() == [])
    for (index, path) in ["retire", "drain"].enumerated() {
      let refused = try await deployment.admin("POST", "/v1/cells/cell-c/\(path)", key: "n\(index)")
      #expect(try refused.code() == "cell_full", "\(refused.raw)")
      #expect(try refused.text("detail").contains("places for 2 tenants"), "\(refused.raw)")
    }
    #expect(try await deployment.admin("GET", "/v1/cells/cell-c").text("state") == "active")
    let dry = try await deployment.admin(
      "POST", "/v1/cells/cell-c/drain", #"{"dry_run":true}"#, key: "dry")
    #expect(dry.status == 202, "\(dry.raw)")
    let accepted = try await deployment.admin(
      "POST", "/v1/cells/cell-c/retire", #"{"accept_gap":true}"#, key: "yes")
    #expect(accepted.status == 202, "\(accepted.raw)")
    #expect(try await missing() == ["cell-a", "cell-b"])
  }

  @Test func `a dry run of a retirement checks what the real one checks, and ends nothing`()
    async throws
  {
    let deployment = try await Deployment()
    let first = try await deployment.cell("cell-a")
    _ = try await deployment.cell("cell-b")
    _ = try await deployment.tenant("a", cell: "cell-a")
    func dry(_ cell: String, _ extra: String = "") async throws -> Answer {
      try await deployment.admin(
        "POST", "/v1/cells/\(cell)/retire", #"{"dry_run":true,"accept_gap":true\#(extra)}"#,
        key: "r")
    }
    #expect(try await dry("cell-a").code() == "conflict")
    #expect(try await dry("cell-x").code() == "not_found")
    let empty = try await dry("cell-b")
    #expect(empty.status == 202, "\(empty.raw)")
    #expect(try empty.text("state") == "planned")
    #expect(try empty.root()["result"]?["to"]?.string == "retired")
    #expect(try empty.root()["result"]?["spool"]?.string == "empty")
    deployment.boot.advance(milliseconds: 60_000)
    try await first.heartbeat(deployment.control)
    #expect(try await dry("cell-b").code() == "cell_unavailable")
    let silent = try await dry("cell-b", #","old_is_dead":true"#)
    #expect(try silent.root()["result"]?["spool"]?.string == "unknown", "\(silent.raw)")
    #expect(try await deployment.admin("GET", "/v1/cells/cell-b").text("state") == "active")
    let operations = try await deployment.admin("GET", "/v1/operations").data()
    #expect(!operations.contains { $0["kind"]?.string == "cell.retire" })
    // Nothing was kept under its key, either.
    let real = try await deployment.admin(
      "POST", "/v1/cells/cell-b/retire", #"{"old_is_dead":true}"#, key: "r")
    #expect(try real.text("state") == "succeeded", "\(real.raw)")
  }

  @Test func `a drain that does not fit moves nobody`() async throws {
    let deployment = try await Deployment()
    let cell = try await deployment.cell("cell-a")
    let tenant = try await deployment.tenant("a", cell: "cell-a")
    cell.change { $0.workAnswers = [status("done", Self.idle)] }
    let id = try await deployment.admin("POST", "/v1/cells/cell-a/drain", key: "d1").text("id")
    let ended = try await settle(id, deployment)
    #expect(try ended.text("state") == "failed")
    #expect(try ended.root()["error"]?["code"]?.string == "cell_full")
    let unplaced = try ended.root()["result"]?["unplaced"]?.elements.first { _ in true }
    #expect(unplaced?["tenant_id"]?.string == tenant)
    #expect(try await deployment.admin("GET", "/v1/cells/cell-a").text("state") == "active")
    _ = try await deployment.tenant("b", cell: "cell-a")
  }

  @Test func `a drain whose target dies goes on to another cell`() async throws {
    let deployment = try await Deployment()
    let first = try await deployment.cell("cell-a")
    let second = try await deployment.cell("cell-b")
    let tenant = try await deployment.tenant("a", cell: "cell-a")
    for cell in [first, second] { cell.change { $0.workAnswers = [status("running")] } }
    let id = try await deployment.admin("POST", "/v1/cells/cell-a/drain", key: "d1").text("id")
    await deployment.node.rebalance()
    for cell in [first, second] { cell.change { $0.workAnswers = [status("done", Self.idle)] } }
    var refused = status("failed")
    refused.failure.code = "cell_unavailable"
    first.change { $0.answersByKind["move"] = refused }
    await deployment.node.rebalance()
    await deployment.node.work()
    #expect(first.seen.work.last { $0.kind == "move" }?.move.target == "cell-b")
    // However often: a cell that is away is waited for.
    for _ in 0..<ControlPlaneLimits.rebalanceAttempts {
      deployment.clock.advance(milliseconds: 600_000)
      await deployment.node.rebalance()
      await deployment.node.work()
    }
    #expect(try await operation(id, deployment).text("state") == "running")
    // It is gone, and another one has come.
    deployment.boot.advance(milliseconds: 60_000)
    let third = try await deployment.cell("cell-c")
    third.change { $0.workAnswers = [status("done", Self.idle)] }
    try await first.heartbeat(deployment.control)
    first.change { $0.answersByKind["move"] = nil }
    await deployment.node.rebalance()
    deployment.clock.advance(milliseconds: 600_000)
    let ended = try await settle(id, deployment)
    #expect(try ended.text("state") == "succeeded", "\(ended.raw)")
    #expect(try await deployment.admin("GET", "/v1/tenants/\(tenant)").text("cell") == "cell-c")
  }

  @Test func `a drain that is cancelled begins no more, and the cell takes tenants again`()
    async throws
  {
    let deployment = try await Deployment()
    let first = try await deployment.cell("cell-a")
    let second = try await deployment.cell("cell-b")
    _ = try await deployment.tenant("a", cell: "cell-a")
    for cell in [first, second] { cell.change { $0.workAnswers = [status("running")] } }
    let id = try await deployment.admin("POST", "/v1/cells/cell-a/drain", key: "d1").text("id")
    await deployment.node.rebalance()
    let cancelled = try await deployment.admin("POST", "/v1/operations/\(id)/cancel", key: "c1")
    #expect(try cancelled.text("state") == "cancelled")
    #expect(try await deployment.admin("GET", "/v1/cells/cell-a").text("state") == "active")
    for cell in [first, second] { cell.change { $0.workAnswers = [status("done", Self.idle)] } }
    await deployment.node.rebalance()
    #expect(!first.seen.work.contains { $0.kind == "move" })
    // Another drain empties it by now: the same wish once more is nothing new.
    for cell in [first, second] { cell.change { $0.workAnswers = [status("running")] } }
    _ = try await deployment.admin("POST", "/v1/cells/cell-a/drain", key: "d2")
    let repeated = try await deployment.admin("POST", "/v1/operations/\(id)/cancel", key: "c2")
    #expect(try repeated.text("state") == "cancelled")
    #expect(try await deployment.admin("GET", "/v1/cells/cell-a").text("state") == "draining")
  }

  @Test func `a move that fails is tried again, and failed for good it is said`() async throws {
    let deployment = try await Deployment()
    let first = try await deployment.cell("cell-a")
    let second = try await deployment.cell("cell-b")
    _ = try await deployment.tenant("a", cell: "cell-a")
    var refused = status("failed")
    refused.failure.code = "deadline_exceeded"
    refused.failure.detail = "the cap was reached"
    first.change { $0.workAnswers = [status("done", Self.idle), refused] }
    second.change { $0.workAnswers = [status("done", Self.idle)] }
    let id = try await deployment.admin("POST", "/v1/cells/cell-a/drain", key: "d1").text("id")
    for _ in 0..<100 {
      await deployment.node.rebalance()
      await deployment.node.work()
      deployment.clock.advance(milliseconds: 60_000)
      if try await operation(id, deployment).text("state") != "running" { break }
    }
    let ended = try await operation(id, deployment)
    #expect(try ended.text("state") == "failed", "\(ended.raw)")
    let move = try ended.root()["result"]?["moves"]?.elements.first { _ in true }
    #expect(move?["state"]?.string == "failed")
    #expect(move?["detail"]?.string == "deadline_exceeded: the cap was reached")
    let epochs = first.seen.work.filter { $0.kind == "move" }.map(\.move.epoch)
    #expect(Set(epochs).count == ControlPlaneLimits.rebalanceAttempts)
    #expect(try await deployment.admin("GET", "/v1/cells/cell-a").text("state") == "active")
  }
}
