import Testing
import Wire

@testable import ControlPlane

@Suite("Tenants on their way when a cell is lost") struct CellSpreadMovesTests {
  @Test(arguments: [true, false])
  func `who was on its way goes there, and its move ends as that cell says`(
    _ isAdopted: Bool
  ) async throws {
    var move = ""
    let lost = try await LostCell.make(tenants: 1) { deployment, old, tenants in
      old.change { $0.answersByKind["move"] = LostCell.status("running") }
      let armed = try await deployment.admin(
        "POST", "/v1/tenants/\(tenants[0])/moves", #"{"to_cell":"cell-c"}"#, key: "m1")
      move = try armed.text("id")
      await deployment.node.work()
    }
    let tenant = lost.tenants[0]
    let id = try await lost.deployment.admin(
      "POST", "/v1/cells/cell-a/restore", LostCell.spread, key: "s1"
    ).text("id")
    for _ in 0..<3 { await lost.deployment.node.work() }
    // Nobody but the cell that it was going to is asked, under an epoch above the move's.
    #expect(lost.asked() == ["cell-b": [], "cell-c": [tenant]])
    let order = try #require(lost.others[1].seen.work.last { $0.kind == "cell_spread" })
    #expect(order.tenants.map(\.epoch) == [3])
    let adopted =
      #"{"restored":[],"adopted":["\#(tenant)"],"failed":[],"records":0,"bytes":0}"#
    lost.others[1].change {
      $0.answersByKind["cell_spread"] = LostCell.status(
        "done", isAdopted ? adopted : LostCell.answer([tenant]))
    }
    for _ in 0..<3 { await lost.deployment.node.work() }
    let ended = try await lost.operation(id)
    #expect(try ended.text("state") == "succeeded", "\(ended.raw)")
    #expect(try await lost.place(tenant) == (isAdopted ? "cell-c/2" : "cell-c/3"))
    let moved = try await lost.operation(move)
    #expect(try moved.text("state") == (isAdopted ? "succeeded" : "failed"), "\(moved.raw)")
    #expect(try await lost.deployment.admin("GET", "/v1/cells/cell-a").text("state") == "retired")
    // It is a tenant like any other: its next move is under an epoch above both.
    lost.others[1].change { $0.answersByKind["move"] = LostCell.status("running") }
    let next = try await lost.deployment.admin(
      "POST", "/v1/tenants/\(tenant)/moves", #"{"to_cell":"cell-b"}"#, key: "m2")
    #expect(next.status == 202, "\(next.raw)")
    await lost.deployment.node.work()
    let last = try #require(lost.others[1].seen.work.last { $0.kind == "move" })
    #expect(last.move.epoch == 4)
  }

  /// A tenant of `cell-b` on its way to the lost cell, as far as its source says.
  private func coming(at step: String) async throws -> (LostCell, tenant: String, move: String) {
    var (tenant, move) = ("", "")
    let lost = try await LostCell.make(tenants: 1) { deployment, _, _ in
      tenant = try await deployment.tenant("coming", cell: "cell-b")
      let armed = try await deployment.admin(
        "POST", "/v1/tenants/\(tenant)/moves", #"{"to_cell":"cell-a"}"#, key: "m1")
      #expect(armed.status == 202, "\(armed.raw)")
      move = try armed.text("id")
    }
    for cell in lost.others {
      cell.change {
        $0.answersByKind["move"] = LostCell.status("running", step: step)
        $0.answersByKind["cell_spread"] = LostCell.status("done", LostCell.answer(lost.tenants))
      }
    }
    return (lost, tenant, move)
  }

  private func spread(_ lost: LostCell, rounds: Int) async throws -> String {
    let id = try await lost.deployment.admin(
      "POST", "/v1/cells/cell-a/restore", LostCell.spread, key: "s1"
    ).text("id")
    for _ in 0..<rounds { await lost.deployment.node.work() }
    return id
  }

  @Test func `who was released to the lost cell comes back where it was`() async throws {
    let (lost, tenant, move) = try await coming(at: "adopt")
    let id = try await spread(lost, rounds: 6)
    #expect(try await lost.operation(id).text("state") == "running")
    let order = try #require(
      lost.others[0].seen.work.last { work in
        work.kind == "cell_spread" && work.tenants.contains { $0.tenant == tenant }
      })
    #expect(order.tenants.first { $0.tenant == tenant }?.epoch == 3)
    lost.others[0].change {
      $0.answersByKind["cell_spread"] = LostCell.status(
        "done", LostCell.answer(lost.tenants + [tenant]))
    }
    for _ in 0..<3 { await lost.deployment.node.work() }
    let ended = try await lost.operation(id)
    #expect(try ended.text("state") == "succeeded", "\(ended.raw)")
    #expect(try await lost.place(tenant) == "cell-b/3")
    let moved = try await lost.operation(move)
    #expect(try moved.text("state") == "failed" && moved.raw.contains("cell-a was lost"))
    #expect(try await lost.deployment.admin("GET", "/v1/cells/cell-a").text("state") == "retired")
  }

  @Test func `a move to the lost cell that has not released is given up`() async throws {
    let (lost, tenant, move) = try await coming(at: "copy")
    let id = try await spread(lost, rounds: 6)
    // It waits for that, the others do not.
    #expect(try await lost.operation(id).text("state") == "running")
    #expect(try await !lost.place(lost.tenants[0]).hasPrefix("cell-a"))
    #expect(lost.others[0].seen.work.last { $0.kind == "move" }?.move.cancel == true)
    lost.others[0].change { $0.answersByKind["move"] = LostCell.status("failed") }
    for _ in 0..<4 { await lost.deployment.node.work() }
    #expect(try await lost.operation(id).text("state") == "succeeded")
    #expect(try await lost.place(tenant) == "cell-b/1")
    #expect(try await lost.operation(move).text("state") == "failed")
    #expect(try await lost.deployment.admin("GET", "/v1/cells/cell-a").text("state") == "retired")
  }

  @Test func `a source that does not end its move is named, and holds up nothing for ever`()
    async throws
  {
    let (lost, tenant, _) = try await coming(at: "copy")
    let id = try await spread(lost, rounds: 6)
    lost.deployment.clock.advance(milliseconds: ControlPlaneLimits.moveEndMilliseconds)
    for _ in 0..<3 { await lost.deployment.node.work() }
    let ended = try await lost.operation(id)
    #expect(try ended.text("state") == "failed", "\(ended.raw)")
    #expect(ended.raw.contains(tenant) && ended.raw.contains("cell-b has not ended its move"))
    // What waited in its spool is in another one's.
    #expect(ended.raw.contains(#""parts":3"#))
    // The same order again, once that has ended.
    lost.others[0].change { $0.answersByKind["move"] = LostCell.status("failed") }
    let again = try await lost.deployment.admin(
      "POST", "/v1/cells/cell-a/restore", LostCell.spread, key: "s2"
    ).text("id")
    for _ in 0..<8 { await lost.deployment.node.work() }
    #expect(try await lost.operation(again).text("state") == "succeeded")
  }

  /// Its adoption was heard, and nobody could say so before.
  @Test func `who came to the lost cell, as is heard after the plan was made, comes back, too`()
    async throws
  {
    let (lost, tenant, move) = try await coming(at: "adopt")
    for cell in lost.others {
      cell.change { $0.answersByKind["cell_spread"] = LostCell.status("running") }
    }
    let id = try await spread(lost, rounds: 3)
    lost.others[0].change { $0.answersByKind["move"] = LostCell.status("done", "{}") }
    for _ in 0..<2 { await lost.deployment.node.work() }
    #expect(try await lost.operation(move).text("state") == "succeeded")
    #expect(try await lost.place(tenant) == "cell-a/2")
    for cell in lost.others {
      cell.change {
        $0.answersByKind["cell_spread"] = LostCell.status(
          "done", LostCell.answer(lost.tenants + [tenant]))
      }
    }
    for _ in 0..<6 { await lost.deployment.node.work() }
    let ended = try await lost.operation(id)
    #expect(try ended.text("state") == "succeeded", "\(ended.raw)")
    let place = try await lost.place(tenant)
    #expect(place == "cell-b/3" || place == "cell-c/3")
    #expect(try await lost.deployment.admin("GET", "/v1/cells/cell-a").text("state") == "retired")
  }

  @Test func `while its source is away, who was on the way to the lost cell is named`()
    async throws
  {
    let (lost, tenant, _) = try await coming(at: "adopt")
    lost.deployment.boot.advance(milliseconds: 60_000)
    try await lost.others[1].heartbeat(lost.deployment.control)
    let id = try await spread(lost, rounds: 6)
    let ended = try await lost.operation(id)
    #expect(try ended.text("state") == "failed", "\(ended.raw)")
    #expect(ended.raw.contains(tenant) && ended.raw.contains("only cell-b knows"))
    // Its archived journal may have what nobody else has.
    #expect(try await lost.deployment.admin("GET", "/v1/cells/cell-a").text("state") == "draining")
    #expect(lost.deployment.node.retiredCells().isEmpty)
  }

  private func leaving(_ tenant: String, _ cell: FakeCell) -> Aimstors_ProtoCellWorkStatus {
    LostCell.status(
      "done",
      #"{"restored":[],"failed":[{"tenant_id":"\#(tenant)","code":"conflict","detail":"see there","#
        + #""leaving":"\#(cell.id)"}],"records":0,"bytes":0}"#)
  }

  @Test(arguments: [true, false])
  func `who may be elsewhere, as the journal says, is asked for there, once`(
    _ isThere: Bool
  ) async throws {
    let lost = try await LostCell.make(tenants: 1)
    let tenant = lost.tenants[0]
    let id = try await spread(lost, rounds: 3)
    let first = try #require(lost.asked().first { !$0.value.isEmpty }?.key)
    let (here, there) = first == "cell-b" ? (0, 1) : (1, 0)
    let (one, other) = (lost.others[here], lost.others[there])
    one.change { $0.answersByKind["cell_spread"] = leaving(tenant, other) }
    for _ in 0..<2 { await lost.deployment.node.work() }
    other.change {
      $0.answersByKind["cell_spread"] =
        isThere ? LostCell.status("done", LostCell.answer([tenant])) : leaving(tenant, one)
    }
    for _ in 0..<4 { await lost.deployment.node.work() }
    let ended = try await lost.operation(id)
    #expect(try ended.text("state") == (isThere ? "succeeded" : "failed"), "\(ended.raw)")
    #expect(try await lost.place(tenant) == (isThere ? "\(other.id)/3" : "cell-a/1"))
    #expect(ended.raw.contains("see there") == !isThere)
  }

  @Test func `who had failed and is back with a later list is placed`() async throws {
    let (lost, tenant, _) = try await coming(at: "adopt")
    let own = lost.tenants[0]
    lost.others[0].change { $0.answersByKind["cell_spread"] = LostCell.status("running") }
    lost.others[1].change { $0.answersByKind["cell_spread"] = LostCell.status("running") }
    let id = try await spread(lost, rounds: 3)
    // Both are on one list.
    try #require(lost.asked()["cell-b"]?.contains(own) == true)
    lost.others[0].change {
      $0.answersByKind["cell_spread"] = LostCell.status("done", LostCell.answer([], [own]))
    }
    for _ in 0..<2 { await lost.deployment.node.work() }
    lost.others[0].change {
      $0.answersByKind["cell_spread"] = LostCell.status("done", LostCell.answer([own, tenant]))
    }
    for _ in 0..<4 { await lost.deployment.node.work() }
    #expect(try await lost.operation(id).text("state") == "succeeded")
    #expect(try await lost.place(own) == "cell-b/2")
  }
}
