import Messaging
import Simulation
import Testing
import Wire

@testable import ControlPlane

@Suite("Promotion through the control plane") struct PromotionTests {
  private func code(_ body: () async throws -> Void) async -> FailureCode? {
    do {
      try await body()
      return nil
    } catch { return (error as? Failure)?.code }
  }

  @Test func `a promotable follower becomes the primary, and the old one is fenced`() async throws {
    let pair = try await ReplicaPair()
    let plan = try await pair.promote("{\"dry_run\":true}")
    #expect(plan.status == 202)
    let before = try await pair.report(
      pair.cell.messenger, "cell-1", isPrimary: true, isMixed: false)
    #expect(before.generation == 1)
    #expect(before.promotable == ["cell-1-b"])

    let answer = try await pair.promote()
    #expect(answer.status == 202)
    let again = try await pair.promote()
    #expect(again.raw == answer.raw)
    // The old generation neither joins, nor reports, nor changes the register.
    let refusedHeartbeat = await code { try await pair.cell.heartbeat(pair.deployment.control) }
    #expect(refusedHeartbeat == .generationFenced)
    let refusedChange = await code { _ = try await pair.change("degrade", version: 3) }
    #expect(refusedChange == .generationFenced)
    let after = try await pair.report(
      pair.cell.messenger, "cell-1", isPrimary: true, isMixed: false)
    #expect(after.generation == 2)
    #expect(after.primary == "cell-1-b")
    #expect(after.promotable.isEmpty)
    // Told, then waited for until it has joined.
    await pair.deployment.node.promote()
    await pair.deployment.node.promote()
    let id = try answer.text("id")
    let waiting = try await pair.deployment.admin("GET", "/v1/operations/\(id)")
    #expect(try waiting.text("state") == "running")
    #expect(try waiting.text("step") == "serve")
    #expect(try waiting.root()["result"]?["is_complete"]?.string == "true")
  }

  @Test func `a dead cell is drained through its follower, which is waited for`() async throws {
    let pair = try await ReplicaPair()
    let deployment = pair.deployment
    let tenant = try await deployment.tenant("t", cell: "cell-1")
    let other = try await deployment.cell("cell-2")
    deployment.boot.advance(milliseconds: 10_000)
    try await other.heartbeat(deployment.control)
    func drain(_ body: String, _ key: String) async throws -> Answer {
      try await deployment.admin("POST", "/v1/cells/cell-1/drain", body, key: key)
    }
    #expect(try await drain("", "d1").code() == "cell_unavailable")
    let begun = try await drain(#"{"old_is_dead":true,"reason":"burnt"}"#, "d2")
    #expect(begun.status == 202, "\(begun.raw)")
    // Nothing is planned before the follower serves.
    await deployment.node.rebalance()
    let id = try begun.text("id")
    let waiting = try await deployment.admin("GET", "/v1/operations/\(id)")
    #expect(try waiting.text("step") == "measure")
    #expect(other.seen.work.isEmpty)
    let shown = try await deployment.admin("GET", "/v1/cells/cell-1")
    #expect(try shown.text("state") == "draining")
    #expect(try shown.root()["generation"]?.integer == 2)
    let fenced = await code { try await pair.cell.heartbeat(deployment.control) }
    #expect(fenced == .generationFenced)
    // The follower serves as the cell's next generation; then its tenants move.
    _ = try await pair.cell.join(
      deployment.control, credential: pair.cell.credential, generation: 2)
    try await pair.cell.heartbeat(deployment.control, generation: 2)
    var done = Aimstors_ProtoCellWorkStatus()
    done.state = "done"
    pair.cell.change { $0.workAnswers = [done] }
    other.change { $0.workAnswers = [done] }
    for _ in 0..<20 {
      await deployment.node.rebalance()
      await deployment.node.work()
    }
    #expect(pair.cell.seen.work.contains { $0.kind == "move" && $0.tenant == tenant })
  }

  @Test func `where its follower is refused, the drain of a dead cell fails, and it is open again`()
    async throws
  {
    let pair = try await ReplicaPair()
    let deployment = pair.deployment
    try await pair.says(40)
    deployment.boot.advance(milliseconds: 60_000)
    let begun = try await deployment.admin(
      "POST", "/v1/cells/cell-1/drain", #"{"old_is_dead":true}"#, key: "d")
    #expect(begun.status == 202, "\(begun.raw)")
    let id = try begun.text("id")
    await deployment.node.rebalance()
    #expect(try await deployment.admin("GET", "/v1/operations/\(id)").text("state") == "running")
    // Its disk was lost as well.
    try await pair.says(0)
    await deployment.node.promote()
    await deployment.node.rebalance()
    let failed = try await deployment.admin("GET", "/v1/operations/\(id)")
    #expect(try failed.text("state") == "failed", "\(failed.raw)")
    let error = try failed.root()["error"]
    #expect(error?["code"]?.string == "invalid_state", "\(failed.raw)")
    #expect(error?["detail"]?.string?.contains("cell-1-b") == true, "\(failed.raw)")
    #expect(try await deployment.admin("GET", "/v1/cells/cell-1").text("state") == "active")
    // Nothing is in the way of the next order.
    let again = try await deployment.admin(
      "POST", "/v1/cells/cell-1/drain", #"{"old_is_dead":true}"#, key: "again")
    #expect(try again.text("kind") == "cell.spread", "\(again.raw)")
  }

  @Test func `a dead cell whose copy may be incomplete is not emptied unseen`() async throws {
    let pair = try await ReplicaPair(isMixed: true)
    pair.deployment.boot.advance(milliseconds: 10_000)
    for isDry in [true, false] {
      let refused = try await pair.deployment.admin(
        "POST", "/v1/cells/cell-1/drain", #"{"old_is_dead":true,"dry_run":\#(isDry)}"#,
        key: "d\(isDry)")
      #expect(try refused.code() == "invalid_state")
      #expect(try refused.text("detail").contains("wait for no follower"), "\(refused.raw)")
    }
  }

  @Test func `the dry run of a dead cell's drain says what the drain does`() async throws {
    let pair = try await ReplicaPair()
    pair.deployment.boot.advance(milliseconds: 10_000)
    func drain(isDry: Bool, _ key: String) async throws -> Answer {
      try await pair.deployment.admin(
        "POST", "/v1/cells/cell-1/drain", #"{"old_is_dead":true,"dry_run":\#(isDry)}"#, key: key)
    }
    let dry = try await drain(isDry: true, "d1")
    #expect(dry.status == 202, "\(dry.raw)")
    #expect(try dry.text("state") == "planned")
    #expect(try dry.text("kind") == "cell.drain")
    #expect(try dry.root()["result"]?["promotes"]?.string == "cell-1-b")
    #expect(try dry.root()["result"]?["generation"]?.integer == 2)
    let untouched = try await pair.deployment.admin("GET", "/v1/cells/cell-1")
    #expect(try untouched.text("state") == "active")
    #expect(try untouched.root()["generation"]?.integer == 1)

    let begun = try await drain(isDry: false, "d1")
    #expect(try begun.text("kind") == "cell.drain", "\(begun.raw)")
    let shown = try await pair.deployment.admin("GET", "/v1/cells/cell-1")
    #expect(try shown.root()["generation"]?.integer == 2)
    // It runs: neither is begun again.
    for isDry in [true, false] {
      let again = try await drain(isDry: isDry, "again \(isDry)")
      #expect(try again.code() == "conflict", "\(again.raw)")
    }
  }

  @Test func `a dead cell is drained also after a restart of the control plane`() async throws {
    var pair = try await ReplicaPair()
    try await pair.deployment.restart()
    pair.deployment.boot.advance(milliseconds: 10_000)
    let begun = try await pair.deployment.admin(
      "POST", "/v1/cells/cell-1/drain", #"{"old_is_dead":true}"#, key: "d")
    #expect(begun.status == 202, "\(begun.raw)")
  }

  @Test func `no tenant leaves a cell whose sends a promotion has stopped`() async throws {
    let pair = try await ReplicaPair(isMixed: true)
    let tenant = try await pair.deployment.tenant("t", cell: "cell-1")
    let other = try await pair.deployment.cell("cell-2")
    let promotion = try await pair.promote("{\"old_is_dead\":true}", key: "p").text("id")
    try await pair.serve()
    func move(_ key: String) async throws -> Answer {
      try await pair.deployment.admin(
        "POST", "/v1/tenants/\(tenant)/moves", #"{"to_cell":"cell-2"}"#, key: key)
    }
    #expect(try await move("m1").code() == "invalid_state")
    let drain = try await pair.deployment.admin("POST", "/v1/cells/cell-1/drain", key: "d")
    #expect(try drain.code() == "invalid_state")
    #expect(other.seen.work.isEmpty)
    for _ in 0..<3 { await pair.deployment.node.promote() }
    let released = try await pair.deployment.admin(
      "POST", "/v1/restores/\(promotion)/release", #"{"accept":true}"#, key: "release")
    #expect(released.status == 200, "\(released.raw)")
    let begun = try await move("m2")
    #expect(begun.status == 202, "\(begun.raw)")
  }

  @Test func `who may lack something is promoted only as the last resort, by name`() async throws {
    let pair = try await ReplicaPair(isPromotable: false)
    let last = #"{"replica":"cell-1-b","old_is_dead":true}"#
    for body in [
      "", #"{"replica":"cell-1-b"}"#, #"{"old_is_dead":true}"#,
      #"{"replica":"cell-1-c","old_is_dead":true}"#, #"{"replica":"cell-1","old_is_dead":true}"#,
    ] {
      let answer = try await pair.promote(body, key: "promote \(body)")
      #expect(answer.status == 409, "\(answer.raw)")
    }
    // One that is silent would leave the cell with nobody.
    pair.deployment.boot.advance(milliseconds: 60_000)
    #expect(try await pair.promote(last, key: "silent").status == 409)
    _ = try await pair.report(pair.follower, "cell-1-b", isPrimary: false, isMixed: false)
    let answer = try await pair.promote(last, key: "last")
    #expect(answer.status == 202, "\(answer.raw)")
    let stop = try await pair.deployment.admin("GET", "/v1/send-stops/cell/cell-1")
    #expect(stop.status == 200)
    #expect(try answer.root()["result"]?["is_complete"]?.string == "false")
  }

  @Test func `a promotion that another one has passed fails, and does not say that it served`()
    async throws
  {
    let pair = try await ReplicaPair()
    let first = try await pair.promote(key: "first")
    #expect(first.status == 202, "\(first.raw)")
    await pair.deployment.node.promote()
    // Before it serves, a third one is named instead.
    let third = InMemoryMessenger(
      identity: PeerIdentity(role: .follower, id: "cell-1-c", generation: .first),
      network: pair.deployment.network)
    _ = try await pair.report(
      third, "cell-1-c", isPrimary: false, isMixed: false, generation: 2)
    let second = try await pair.promote(
      #"{"replica":"cell-1-c","old_is_dead":true}"#, key: "second")
    #expect(second.status == 202, "\(second.raw)")
    await pair.deployment.node.promote()
    let passed = try await pair.deployment.admin(
      "GET", "/v1/operations/\(try first.text("id"))")
    #expect(try passed.text("state") == "failed")
    #expect(try passed.root()["error"]?["code"]?.string == "conflict")
    let running = try await pair.deployment.admin(
      "GET", "/v1/operations/\(try second.text("id"))")
    #expect(try running.text("state") == "running")
    #expect(try running.root()["result"]?["primary"]?.string == "cell-1-c")
  }

  @Test func `a promotion of a cell that is retired fails, and another is not begun`()
    async throws
  {
    let pair = try await ReplicaPair()
    let running = try await pair.promote()
    pair.deployment.boot.advance(milliseconds: 60_000)
    _ = try await pair.report(
      pair.follower, "cell-1-b", isPrimary: false, isMixed: false, generation: 2)
    let retired = try await pair.deployment.admin(
      "POST", "/v1/cells/cell-1/retire", #"{"old_is_dead":true}"#, key: "retire")
    #expect(retired.status == 202, "\(retired.raw)")
    await pair.deployment.node.promote()
    let failed = try await pair.deployment.admin(
      "GET", "/v1/operations/\(try running.text("id"))")
    #expect(try failed.text("state") == "failed")
    #expect(try failed.root()["error"]?["code"]?.string == "conflict")
    try await expectGone(pair)
  }

  @Test func `a follower of a cell that was spread over others never serves its tenants again`()
    async throws
  {
    let pair = try await ReplicaPair(isPromotable: false)
    let other = try await pair.deployment.cell("cell-2")
    pair.deployment.boot.advance(milliseconds: 60_000)
    try await other.heartbeat(pair.deployment.control)
    let spread = try await pair.deployment.admin(
      "POST", "/v1/cells/cell-1/restore", #"{"spread":true,"old_is_dead":true}"#, key: "spread")
    #expect(spread.status == 202, "\(spread.raw)")
    try await expectGone(pair)
    let shown = try await pair.deployment.admin("GET", "/v1/cells/cell-1")
    #expect(try shown.root()["generation"]?.integer == Int64(Generation.ended.rawValue))
  }

  /// Its follower is there, and is named; still it is not promoted, nor would it be.
  private func expectGone(_ pair: ReplicaPair) async throws {
    for isDry in [true, false] {
      let body = #"{"replica":"cell-1","old_is_dead":true,"dry_run":\#(isDry)}"#
      let other = #"{"replica":"cell-1-b","old_is_dead":true,"dry_run":\#(isDry)}"#
      for body in [body, other] {
        let refused = try await pair.promote(body, key: "after \(body)")
        #expect(try refused.code() == "invalid_state", "\(refused.raw)")
      }
    }
  }

  @Test func `a cell whose tenants wait for nobody needs the statement, and its sends stop`()
    async throws
  {
    let pair = try await ReplicaPair(isMixed: true)
    let refused = try await pair.promote(key: "one")
    #expect(refused.status == 409)
    let answer = try await pair.promote("{\"old_is_dead\":true}", key: "two")
    #expect(answer.status == 202)
    let stop = try await pair.deployment.admin("GET", "/v1/send-stops/cell/cell-1")
    #expect(stop.status == 200)
  }

  @Test func `what is wrong with a follower is the operators' to see, before it is promoted`()
    async throws
  {
    let pair = try await ReplicaPair()
    func follower(_ problems: [Aimstors_ProtoProblem]) async throws -> [String] {
      _ = try await pair.report(
        pair.follower, "cell-1-b", isPrimary: false, isMixed: false, problems: problems)
      let status = try await pair.deployment.admin("GET", "/v1/status")
      return try status.root()["problems"]?.elements.map {
        "\($0["code"]?.string ?? "") \($0["cell"]?.string ?? "") \($0["detail"]?.string ?? "")"
      } ?? []
    }
    #expect(try await follower([]).isEmpty)
    var stopped = Aimstors_ProtoProblem()
    stopped.code = "tenant_stopped"
    stopped.detail = "ten_1: its files are gone"
    stopped.runbook = "docs/runbooks/tenant-stopped.md"
    #expect(
      try await follower([stopped]) == [
        "follower_unwell cell-1 cell-1-b: tenant_stopped: ten_1: its files are gone"
      ])
    let plan = try await pair.promote("{\"dry_run\":true}")
    #expect(
      try plan.root()["result"]?["problems"]?.string == "tenant_stopped: ten_1: its files are gone")
    #expect(try await follower([]).isEmpty)
  }

  @Test func `a register is changed from the version that was read only`() async throws {
    let pair = try await ReplicaPair()
    let late = await code { _ = try await pair.change("degrade", version: 1) }
    #expect(late == .conflict)
    let register = try await pair.change("degrade", version: 2)
    #expect(register.promotable.isEmpty)
    #expect(register.version == 3)
  }

  @Test func `nobody reports as another`() async throws {
    let pair = try await ReplicaPair()
    let refused = await code {
      try await pair.report(pair.follower, "cell-1", isPrimary: true, isMixed: false)
    }
    #expect(refused == .forbidden)
  }
}
