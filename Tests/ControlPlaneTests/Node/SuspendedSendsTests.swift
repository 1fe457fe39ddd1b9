import Testing
import Wire

@testable import ControlPlane

@Suite("What waits for an operator's release") struct SuspendedSendsTests {
  private static let waiting = """
    {"suspended":[{"tenant_id":"t1","messages":2,"recipients":40,"timers":1}],"suspended_count":42}
    """
  private static let overloaded = Failure(.overloaded, "busy")

  /// Promoted without proof; the copy serves as generation 2.
  private func promoted() async throws -> (ReplicaPair, operation: String) {
    let pair = try await ReplicaPair(isMixed: true)
    let begun = try await pair.promote(#"{"old_is_dead":true}"#)
    #expect(begun.status == 202, "\(begun.raw)")
    try await pair.serve()
    return (pair, try begun.text("id"))
  }

  private func ended(_ pair: ReplicaPair, _ id: String) async throws -> Answer {
    for _ in 0..<3 { await pair.deployment.node.promote() }
    let ended = try await pair.deployment.admin("GET", "/v1/operations/\(id)")
    #expect(try ended.text("state") == "succeeded", "\(ended.raw)")
    return ended
  }

  private func questions(_ cell: FakeCell) -> [Aimstors_ProtoCellWork] {
    cell.seen.work.filter { $0.kind == "suspended" }
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
    let asked = questions(pair.cell)
    #expect(!asked.isEmpty && asked.allSatisfy { $0.at.isEmpty })
    #expect(asked.count == pair.cell.seen.work.count, "nothing else is asked")

    let problems = try await pair.told()
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
    #expect(try await pair.told().isEmpty)
    #expect(try await deployment.admin("GET", "/v1/send-stops/cell/cell-1").status == 404)
    // Once more, under the same key and another: nothing waits any more, and nobody is asked.
    let count = pair.cell.seen.work.count
    #expect(try await deployment.admin("POST", path, key: "r1").raw == released.raw)
    let again = try await deployment.admin("POST", path, key: "r2")
    #expect(try again.root()["released"]?.integer == 0)
    let after = try await deployment.admin("GET", "/v1/restores/\(id)")
    #expect(try after.root()["suspended_count"]?.integer == 0)
    #expect(pair.cell.seen.work.count == count)
    #expect(Set(questions(pair.cell).map(\.operation)).count == 1, "who asks joins the count")
  }

  // One stop of a cell, and two who stop it.

  @Test func `an operator's stop from before the promotion stands again after its release`()
    async throws
  {
    let pair = try await ReplicaPair(isMixed: true)
    let deployment = pair.deployment
    let stopped = try await deployment.admin(
      "PUT", "/v1/send-stops/cell/cell-1", #"{"reason":"abuse: see ticket 7"}"#)
    let id = try await pair.promote(#"{"old_is_dead":true}"#).text("id")
    try await pair.serve()
    #expect(try await pair.told().allSatisfy { $0.contains(id) })
    #expect(try await pair.told().count == 1)
    _ = try await ended(pair, id)
    pair.cell.change { $0.answersByKind["suspended"] = LostCell.status("done", Self.waiting) }
    let released = try await deployment.admin("POST", "/v1/restores/\(id)/release", key: "r1")
    #expect(try released.root()["released"]?.integer == 42, "\(released.raw)")
    try await expectOperators(pair, id, reason: "abuse: see ticket 7")
    let stop = try await deployment.admin("GET", "/v1/send-stops/cell/cell-1")
    #expect(try stop.text("since") == stopped.text("since"))
    let lift = try await deployment.admin("DELETE", "/v1/send-stops/cell/cell-1", key: "l")
    #expect(lift.status == 200)
    #expect(pair.cell.seen.stops.last?.lifted == true)
  }

  @Test func `an operator's stop from after the promotion stands on after its release`()
    async throws
  {
    let (pair, id) = try await promoted()
    let deployment = pair.deployment
    _ = try await ended(pair, id)
    pair.cell.change { $0.answersByKind["suspended"] = LostCell.status("done", Self.waiting) }
    let path = "/v1/send-stops/cell/cell-1"
    let put = try await deployment.admin("PUT", path, #"{"reason":"abuse"}"#)
    #expect(try put.status == 200 && put.text("reason").hasSuffix("abuse"), "\(put.raw)")
    let problems = try await pair.told()
    #expect(problems.count == 1 && problems.allSatisfy { $0.contains(id) }, "\(problems)")
    let released = try await deployment.admin("POST", "/v1/restores/\(id)/release", key: "r1")
    #expect(try released.root()["released"]?.integer == 42, "\(released.raw)")
    try await expectOperators(pair, id, reason: "abuse")
  }

  @Test func `whoever lifts an operator's stop lets nothing go that a promotion keeps back`()
    async throws
  {
    let (pair, id) = try await promoted()
    let deployment = pair.deployment
    let path = "/v1/send-stops/cell/cell-1"
    let refused = try await deployment.admin("DELETE", path, key: "l1")
    #expect(try refused.code() == "conflict" && refused.text("detail").contains("release \(id)"))
    _ = try await deployment.admin("PUT", path, #"{"reason":"abuse"}"#)
    let lifted = try await deployment.admin("DELETE", path, key: "l1")
    #expect(try lifted.root()["lifted"]?.bool == false, "\(lifted.raw)")
    #expect(try !lifted.text("reason").contains("abuse"))
    #expect(try await deployment.admin("DELETE", path, key: "l2").code() == "conflict")
    #expect(pair.cell.seen.stops.allSatisfy { !$0.lifted } && !pair.cell.seen.stops.isEmpty)
    #expect(try await pair.told().count == 1)
    // Nobody says it in a promotion's place.
    let said = try lifted.text("reason")
    let forged = try await deployment.admin("PUT", path, #"{"reason":"\#(said)"}"#)
    #expect(try forged.code() == "invalid_field", "\(forged.raw)")
  }

  /// Only the operator's stop stands: here, and where it was told last.
  private func expectOperators(_ pair: ReplicaPair, _ id: String, reason: String) async throws {
    let stop = try await pair.deployment.admin("GET", "/v1/send-stops/cell/cell-1")
    #expect(try stop.status == 200 && stop.text("reason") == reason, "\(stop.raw)")
    try await pair.deployment.sweep { pair.cell.seen.stops.last?.reason == reason }
    #expect(pair.cell.seen.stops.last?.lifted == false)
    #expect(try await pair.told().isEmpty)
    // Released twice, it lifts no other's.
    let again = try await pair.deployment.admin("POST", "/v1/restores/\(id)/release", key: "r9")
    #expect(try again.root()["released"]?.integer == 0, "\(again.raw)")
    let after = try await pair.deployment.admin("GET", "/v1/send-stops/cell/cell-1")
    #expect(after.raw == stop.raw)
  }

  @Test func `a later promotion's stop is not lifted by the earlier one's release`() async throws {
    let (pair, id) = try await promoted()
    _ = try await ended(pair, id)
    let later = PromotionStop(
      promotion: OperationID(trusted: "op_later"), generation: Generation(3))
    try await pair.deployment.node.services.store.write(trace: "") { transaction, rows in
      try PromotionStop.put(
        of: CellID(trusted: "cell-1"), later.generation, for: later.promotion, transaction, rows)
    }
    let refused = try await pair.deployment.admin(
      "POST", "/v1/restores/\(id)/release", #"{"accept":true}"#, key: "r1")
    #expect(try refused.code() == "conflict", "\(refused.raw)")
    let stop = try await pair.deployment.admin("GET", "/v1/send-stops/cell/cell-1")
    #expect(try stop.text("reason") == later.reason)
  }

  // Who does not say what waits.

  @Test func `what nobody could count is released only by who accepts that`() async throws {
    let (pair, id) = try await promoted()
    let ended = try await ended(pair, id)
    // A cell that does not say what waits keeps the promotion from nothing.
    #expect(try ended.root()["result"]?["uncounted"]?[0]?.string == "cell-1")
    let path = "/v1/restores/\(id)/release"
    let refused = try await pair.deployment.admin("POST", path, key: "r1")
    #expect(try refused.code() == "restore_not_accepted", "\(refused.raw)")
    #expect(try await pair.told().count == 1)
    let released = try await pair.deployment.admin("POST", path, #"{"accept":true}"#, key: "r2")
    #expect(try released.status == 200 && released.root()["released"] == nil, "\(released.raw)")
    #expect(try await pair.told().isEmpty)
  }

  @Test func `a cell that is busy for a moment is asked again before a promotion ends`()
    async throws
  {
    let (pair, id) = try await promoted()
    pair.cell.change {
      $0.refusalsByKind["suspended"] = [Self.overloaded, Failure(.recovering, "not yet")]
      $0.answersByKind["suspended"] = LostCell.status("done", Self.waiting)
    }
    for _ in 0..<3 {
      await pair.deployment.node.promote()
      let begun = try await pair.deployment.admin("GET", "/v1/operations/\(id)")
      #expect(try begun.text("state") == "running", "\(begun.raw)")
    }
    let ended = try await ended(pair, id)
    #expect(try ended.root()["result"]?["suspended_count"]?.integer == 42, "\(ended.raw)")
    #expect(try ended.root()["result"]?["uncounted"] == nil)
  }

  @Test func `a cell that stays busy does not keep a promotion from its end`() async throws {
    let (pair, id) = try await promoted()
    pair.cell.change {
      $0.refusalsByKind["suspended"] = Array(repeating: Self.overloaded, count: 100)
    }
    for _ in 0..<3 { await pair.deployment.node.promote() }
    let begun = try await pair.deployment.admin("GET", "/v1/operations/\(id)")
    #expect(try begun.text("state") == "running", "\(begun.raw)")
    pair.deployment.boot.advance(
      milliseconds: ControlPlaneLimits.countPatienceNanoseconds / 1_000_000)
    try await pair.serve()
    let ended = try await ended(pair, id)
    #expect(try ended.root()["result"]?["uncounted"]?[0]?.string == "cell-1", "\(ended.raw)")
  }

  @Test func `whoever looks is answered when a busy cell has counted, and nobody else is asked`()
    async throws
  {
    let (pair, id) = try await promoted()
    let other = try await pair.deployment.cell("cell-2")
    let early = try await pair.deployment.admin("GET", "/v1/restores/\(id)")
    #expect(try early.status == 200 && early.root()["suspended_count"] == nil)
    #expect(questions(pair.cell).isEmpty, "it has not ended")
    _ = try await ended(pair, id)
    let running = LostCell.status("running")
    let counted = LostCell.status("done", Self.waiting)
    pair.cell.change {
      $0.refusalsByKind["suspended"] = [Self.overloaded]
      $0.workAnswers = [running, running, counted]
    }
    let shown = try await pair.deployment.admin("GET", "/v1/restores/\(id)")
    #expect(try shown.root()["suspended_count"]?.integer == 42, "\(shown.raw)")
    #expect(try shown.root()["uncounted"] == nil)
    #expect(pair.cell.seen.workAnswers.count == 1, "it was asked until it had counted")
    #expect(Set(questions(pair.cell).map(\.operation)).count == 1)
    #expect(other.seen.work.isEmpty)
    // One that is away is not waited for.
    pair.deployment.boot.advance(milliseconds: 60_000)
    let away = try await pair.deployment.admin("GET", "/v1/restores/\(id)")
    #expect(try away.root()["uncounted"]?[0]?.string == "cell-1", "\(away.raw)")
  }

  @Test func `a promotion with proof keeps nothing back`() async throws {
    let pair = try await ReplicaPair()
    let id = try await pair.promote().text("id")
    #expect(try await pair.told().isEmpty)
    #expect(try await pair.deployment.admin("GET", "/v1/restores/\(id)").status == 404)
  }
}
