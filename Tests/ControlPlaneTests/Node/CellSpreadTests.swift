import Messaging
import Testing
import Wire

@testable import ControlPlane

@Suite("A lost cell over the others") struct CellSpreadTests {
  @Test func `its tenants are placed as they come back, it is ended, and released together`()
    async throws
  {
    var lost = try await LostCell.make()
    let path = "/v1/cells/cell-a/restore"
    let unstated = try await lost.deployment.admin("POST", path, #"{"spread":true}"#, key: "s0")
    #expect(try unstated.code() == "invalid_state")
    let begun = try await lost.deployment.admin("POST", path, LostCell.spread, key: "s1")
    #expect(begun.status == 202)
    let id = try begun.text("id")
    #expect(try begun.text("kind") == "cell.spread")
    #expect(
      try await lost.deployment.admin("POST", path, LostCell.spread, key: "s1").raw == begun.raw)
    let twice = try await lost.deployment.admin("POST", path, LostCell.spread, key: "s2")
    #expect(try twice.code() == "conflict")
    // Neither report nor join: it is no more, whatever generation it says.
    for generation in [UInt64(1), 5] {
      await #expect(throws: Failure.self) {
        try await lost.old.heartbeat(lost.deployment.control, generation: generation)
      }
      do {
        _ = try await lost.old.join(
          lost.deployment.control, credential: lost.old.credential, generation: generation)
        Issue.record("it joined")
      } catch let failure as Failure {
        #expect(failure.code == .generationFenced)
      }
    }

    for _ in 0..<4 { await lost.deployment.node.work() }
    #expect(lost.others[0].seen.work.contains { $0.kind == "cell_end" && $0.cell == "cell-a" })
    let asked = lost.asked()
    #expect(Set(asked.values.flatMap { $0 }) == Set(lost.tenants))
    #expect(asked.values.allSatisfy { !$0.isEmpty })
    #expect(try await lost.place(lost.tenants[0]) == "cell-a/1")

    // The control plane dies; who is back is placed, one after the other.
    try await lost.deployment.restart()
    try await lost.beat()
    let first = lost.others[0]
    let mine = try #require(asked["cell-b"]).sorted()
    first.change {
      $0.answersByKind["cell_spread"] = LostCell.status("running", LostCell.answer([mine[0]]))
    }
    await lost.deployment.node.work()
    #expect(try await lost.place(mine[0]) == "cell-b/2")
    #expect(first.seen.states.contains { $0.tenant == mine[0] && $0.epoch == 2 })
    let halfway = try await lost.operation(id)
    #expect(try halfway.root()["progress"]?["done"]?.integer == 1)
    #expect(try halfway.root()["progress"]?["total"]?.integer == 4)
    for cell in lost.others {
      cell.change {
        $0.answersByKind["cell_spread"] = LostCell.status(
          "done", LostCell.answer(asked[cell.id]?.sorted() ?? []))
      }
    }
    for _ in 0..<3 { await lost.deployment.node.work() }
    let ended = try await lost.operation(id)
    #expect(try ended.text("state") == "succeeded", "\(ended.raw)")
    #expect(try ended.root()["result"]?["restored"]?.integer == 4)
    #expect(try ended.root()["result"]?["spool"]?["parts"]?.integer == 3)
    for (cell, tenants) in asked {
      for tenant in tenants { #expect(try await lost.place(tenant) == "\(cell)/2") }
    }
    #expect(try await lost.deployment.admin("GET", "/v1/cells/cell-a").text("state") == "retired")
    let again = try await lost.deployment.admin("POST", path, LostCell.spread, key: "s3")
    #expect(try again.code() == "invalid_state")
    let back = try await lost.deployment.admin(
      "POST", path, #"{"old_is_dead":true}"#, key: "s4")
    #expect(try back.code() == "invalid_state")

    for cell in lost.others {
      cell.change { $0.answersByKind["release"] = LostCell.status("done", #"{"released":2}"#) }
    }
    let released = try await lost.deployment.admin("POST", "/v1/restores/\(id)/release", key: "s5")
    #expect(try released.root()["released"]?.integer == 4)
    for cell in lost.others {
      #expect(cell.seen.work.last?.kind == "release" && cell.seen.work.last?.at == "cell-a@spread")
    }
  }

  @Test func `who is not back is named; a repeat tries again there, under the same epoch`()
    async throws
  {
    let lost = try await LostCell.make(tenants: 2)
    let path = "/v1/cells/cell-a/restore"
    let id = try await lost.deployment.admin("POST", path, LostCell.spread, key: "s1").text("id")
    for _ in 0..<3 { await lost.deployment.node.work() }
    let asked = lost.asked()
    for cell in lost.others {
      let isFirst = cell.id == "cell-b"
      let mine = asked[cell.id]?.sorted() ?? []
      cell.change {
        $0.answersByKind["cell_spread"] = LostCell.status(
          "done", isFirst ? LostCell.answer([], mine) : LostCell.answer(mine))
      }
    }
    for _ in 0..<3 { await lost.deployment.node.work() }
    let failed = try await lost.operation(id)
    #expect(try failed.text("state") == "failed", "\(failed.raw)")
    let named = try #require(asked["cell-b"]?.first)
    let first = try failed.root()["result"]?["tenants"]?[0]
    #expect(first?["tenant_id"]?.string == named && first?["code"]?.string == "verification_failed")
    #expect(try await lost.place(named) == "cell-a/1")
    // Not retired: it still has a tenant, and its process stays out.
    #expect(try await lost.deployment.admin("GET", "/v1/cells/cell-a").text("state") == "draining")

    let again = try await lost.deployment.admin(
      "POST", "/v1/cells/cell-a/drain", #"{"old_is_dead":true}"#, key: "d1")
    #expect(try again.text("kind") == "cell.spread", "\(again.raw)")
    lost.others[0].change {
      $0.answersByKind["cell_spread"] = LostCell.status("done", LostCell.answer([named]))
    }
    for _ in 0..<5 { await lost.deployment.node.work() }
    #expect(try await lost.operation(try again.text("id")).text("state") == "succeeded")
    #expect(try await lost.place(named) == "cell-b/2")
    #expect(try await lost.deployment.admin("GET", "/v1/cells/cell-a").text("state") == "retired")
  }

  @Test func `what is back and may lack records is named, the spool too`() async throws {
    let lost = try await LostCell.make(tenants: 2)
    let path = "/v1/cells/cell-a/restore"
    let id = try await lost.deployment.admin("POST", path, LostCell.spread, key: "s1").text("id")
    for _ in 0..<3 { await lost.deployment.node.work() }
    let asked = lost.asked()
    let lacking = lost.tenants[0]
    let gap = #"{"tenant_id":"\#(lacking)","code":"archive_gap","detail":"positions 5 to 9"}"#
    for cell in lost.others {
      let back = (asked[cell.id]?.sorted() ?? []).map { #""\#($0)""# }.joined(separator: ",")
      let answer = #"{"restored":[\#(back)],"failed":[],"incomplete":[\#(gap)]}"#
      cell.change {
        $0.answersByKind["cell_spread"] = LostCell.status("done", answer)
        $0.answersByKind["cell_spool"] = LostCell.status(
          "done", #"{"parts":3,"missing":"positions 5 to 9"}"#)
      }
    }
    for _ in 0..<4 { await lost.deployment.node.work() }
    let ended = try await lost.operation(id)
    #expect(try ended.text("state") == "succeeded", "\(ended.raw)")
    let result = try ended.root()["result"]
    #expect(result?["spool"]?["missing"]?.string == "positions 5 to 9")
    let (first, second) = (result?["tenants"]?[0], result?["tenants"]?[1])
    #expect(first?["tenant_id"]?.string == lacking && first?["state"]?.string == "done")
    #expect(first?["code"]?.string == "archive_gap")
    #expect(second?["code"] == nil)
  }

  @Test func `a follower that has everything goes first`() async throws {
    let lost = try await LostCell.make(tenants: 1)
    try await lost.deployment.node.services.store.write(trace: "") { _, rows in
      try rows.put(
        CellRegister(
          cell: CellID(trusted: "cell-a"), generation: .first, primary: "cell-a",
          promotable: ["cell-a-b"]))
    }
    var report = Aimstors_ProtoReplicaReport()
    report.cell = "cell-a"
    report.replica = "cell-a-b"
    report.generation = 1
    lost.deployment.node.services.replicas.heard(
      report, of: CellID(trusted: "cell-a"), isFollower: true)
    let refused = try await lost.deployment.admin(
      "POST", "/v1/cells/cell-a/restore", LostCell.spread, key: "s1")
    #expect(try refused.code() == "invalid_state")
    #expect(try refused.root()["detail"]?.string?.contains("cell-a-b") == true)
    // Silent as well: nobody is left but the archive.
    lost.deployment.boot.advance(milliseconds: 60_000)
    try await lost.beat()
    let begun = try await lost.deployment.admin(
      "POST", "/v1/cells/cell-a/restore", LostCell.spread, key: "s2")
    #expect(begun.status == 202, "\(begun.raw)")
  }

  @Test func `a tenant that the lost cell was to begin begins elsewhere, and who waits is told`()
    async throws
  {
    let deployment = try await Deployment()
    let old = try await deployment.cell("cell-a")
    old.change { $0.refusal = Failure(.recovering, "not yet") }
    async let waiting = deployment.admin(
      "POST", "/v1/tenants", Deployment.tenantBody("new", cell: "cell-a"), key: "new")
    while try await deployment.admin("GET", "/v1/tenants").data().isEmpty { await Task.yield() }
    let other = try await deployment.cell("cell-b")
    for kind in ["cell_end", "cell_spool"] {
      other.change { $0.answersByKind[kind] = LostCell.status("done", #"{"parts":0}"#) }
    }
    other.change { $0.answersByKind["load"] = LostCell.status("failed") }
    deployment.boot.advance(milliseconds: 60_000)
    try await other.heartbeat(deployment.control)
    let begun = try await deployment.admin(
      "POST", "/v1/cells/cell-a/restore", LostCell.spread, key: "s1")
    for _ in 0..<5 { await deployment.node.work() }
    let id = try begun.text("id")
    let ended = try await deployment.admin("GET", "/v1/operations/\(id)")
    #expect(try ended.text("state") == "succeeded", "\(ended.raw)")
    let answer = try await waiting
    #expect(answer.status == 201, "\(answer.raw)")
    // Once at least: the request that waits sends it, too.
    #expect(Set(other.seen.provisioned.map(\.epoch)) == [2])
    #expect(!other.seen.work.contains { $0.kind == "cell_spread" })
  }

  @Test func `a cell that takes over and is away holds up nobody else`() async throws {
    let lost = try await LostCell.make()
    let id = try await lost.deployment.admin(
      "POST", "/v1/cells/cell-a/restore", LostCell.spread, key: "s1"
    ).text("id")
    for _ in 0..<3 { await lost.deployment.node.work() }
    let asked = lost.asked()
    let theirs = asked["cell-c"]?.sorted() ?? []
    lost.others[0].change { $0.refusal = Failure(.shuttingDown, "it restarts") }
    lost.others[1].change {
      $0.answersByKind["cell_spread"] = LostCell.status("done", LostCell.answer(theirs))
    }
    await lost.deployment.node.work()
    for tenant in theirs { #expect(try await lost.place(tenant) == "cell-c/2") }
    #expect(try await lost.operation(id).text("state") == "running")
    let mine = asked["cell-b"]?.sorted() ?? []
    lost.others[0].change {
      $0.refusal = nil
      $0.answersByKind["cell_spread"] = LostCell.status("done", LostCell.answer(mine))
    }
    for _ in 0..<3 { await lost.deployment.node.work() }
    #expect(try await lost.operation(id).text("state") == "succeeded")
    for tenant in mine { #expect(try await lost.place(tenant) == "cell-b/2") }
  }
  @Test(arguments: ["restore", "drain"])
  func `it takes over from a restore whose machine is lost as well`(_ verb: String) async throws {
    let lost = try await LostCell.make(tenants: 2)
    let (deployment, old) = (lost.deployment, lost.old)
    // A process on another machine becomes the cell, begins to bring tenants back, and is gone.
    var report = Aimstors_ProtoReplicaReport()
    report.cell = old.id
    report.replica = old.id
    report.generation = 1
    report.address = old.address.url
    deployment.node.services.replicas.heard(report, of: CellID(trusted: old.id))
    old.change {
      $0.acceptsTakeover = true
      $0.answersByKind["cell_restore"] = LostCell.status("running")
    }
    let path = "/v1/cells/cell-a/restore"
    let id = try await deployment.admin("POST", path, #"{"old_is_dead":true}"#, key: "r1")
      .text("id")
    await deployment.node.work()
    _ = try await old.join(deployment.control, credential: old.credential, generation: 2)
    try await old.heartbeat(deployment.control, generation: 2)
    for _ in 0..<2 { await deployment.node.work() }
    #expect(old.seen.work.contains { $0.kind == "cell_restore" })
    let early = try await deployment.admin("POST", path, LostCell.spread, key: "s0")
    #expect(try early.code() == "invalid_state")
    deployment.boot.advance(milliseconds: 60_000)
    try await lost.beat()
    deployment.network.partition("control-1", "cell-a")
    await deployment.node.work()
    let waiting = try await lost.operation(id)
    #expect(try waiting.text("state") == "running")
    #expect(try waiting.text("step") == "restore")

    let dry = try await deployment.admin(
      "POST", "/v1/cells/cell-a/\(verb)", #"{"spread":true,"old_is_dead":true,"dry_run":true}"#,
      key: "s1")
    #expect(dry.status == 202, "\(dry.raw)")
    #expect(try dry.text("state") == "planned")
    #expect(try dry.root()["result"]?["ends"]?[0]?.string == id)
    #expect(try dry.root()["result"]?["tenants"]?.integer == 2)
    let shown = try await deployment.admin("GET", "/v1/cells/cell-a")
    #expect(try shown.text("state") == "active", "\(shown.raw)")
    #expect(try await lost.operation(id).text("state") == "running")

    let begun = try await deployment.admin(
      "POST", "/v1/cells/cell-a/\(verb)", LostCell.spread, key: "s1")
    #expect(try begun.text("kind") == "cell.spread", "\(begun.raw)")
    let passed = try await lost.operation(id)
    #expect(try passed.text("state") == "failed")
    #expect(try passed.root()["error"]?["code"]?.string == "conflict")
    #expect(passed.raw.contains("the cell was spread over others"))
    for _ in 0..<3 { await deployment.node.work() }
    #expect(Set(lost.asked().values.flatMap { $0 }) == Set(lost.tenants))
    // Who was back from the first order, and has moved since, may send.
    for cell in lost.others {
      cell.change { $0.answersByKind["release"] = LostCell.status("done", #"{"released":2}"#) }
    }
    let released = try await deployment.admin("POST", "/v1/restores/\(id)/release", key: "l1")
    #expect(try released.root()["released"]?.integer == 4, "\(released.raw)")
  }

  @Test func `what a tenant's own orders wait for ends with its cell`() async throws {
    var orders: [String] = []
    let lost = try await LostCell.make(tenants: 1) { deployment, old, tenants in
      old.change {
        $0.answersByKind["restore"] = LostCell.status("running")
        $0.answersByKind["move_plan"] = LostCell.status("running")
      }
      let tenant = "/v1/tenants/\(tenants[0])"
      for (path, body) in [
        ("restores", #"{"at":"latest","mode":"swap"}"#),
        ("moves", #"{"to_cell":"cell-b","dry_run":true}"#),
      ] {
        orders.append(
          try await deployment.admin("POST", "\(tenant)/\(path)", body, key: path).text("id"))
      }
      await deployment.node.work()
    }
    lost.deployment.network.partition("control-1", "cell-a")
    await lost.deployment.node.work()
    for id in orders { #expect(try await lost.operation(id).text("state") == "running") }
    _ = try await lost.deployment.admin(
      "POST", "/v1/cells/cell-a/restore", LostCell.spread, key: "s1")
    await lost.deployment.node.work()
    for id in orders {
      let ended = try await lost.operation(id)
      #expect(try ended.text("state") == "failed", "\(ended.raw)")
      #expect(try ended.root()["error"]?["code"]?.string == "conflict", "\(ended.raw)")
      #expect(ended.raw.contains("cell-a, which was to do it, is no more"))
    }
  }

  @Test func `it is asked about however much waits for cells that are away`() async throws {
    let deployment = try await Deployment()
    let limit = ControlPlaneLimits.workAsked
    let asked = try await deployment.node.services.store.write(trace: "") {
      transaction, rows -> [OperationKind] in
      for _ in 0..<limit {
        _ = try rows.begin(.tenantSnapshot, "t1", total: 1, unit: "tenants", transaction)
      }
      _ = try rows.begin(.cellSpread, "cell-a", total: 1, unit: "tenants", transaction)
      return try rows.runningCellWork(limit: limit).map(\.kind)
    }
    #expect(asked.first == .cellSpread && asked.count == limit)
  }
}
