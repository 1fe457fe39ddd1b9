import Edge
import Messaging
import Simulation
import Testing
import Wire

@testable import ControlPlane

@Suite("A control plane from an older copy") struct SurveyTests {
  private func answer(_ page: CellSurveyPage) throws -> Aimstors_ProtoCellWorkStatus {
    var status = Aimstors_ProtoCellWorkStatus()
    status.state = "done"
    status.result = String(decoding: try EdgeJSON.encode(page), as: UTF8.self)
    return status
  }

  private func told(
    _ id: String, epoch: UInt64 = 1, slug: String, numbers: [String] = []
  ) -> CellSurveyPage.Tenant {
    CellSurveyPage.Tenant(
      id: id, epoch: epoch, state: "suspended", reason: "unpaid",
      profile: .init(
        name: "Name of \(slug)", slug: slug, currency: "EUR", timeZone: "Europe/Berlin",
        tier: "standard", parent: "", createdAtMilliseconds: 1_000),
      numbers: numbers.map { .init(id: "num_\($0)", phoneNumberID: $0, wabaID: "") })
  }

  @Test func `nothing is issued before every cell has said what it holds`() async throws {
    let deployment = try await Deployment()
    let one = try await deployment.cell("cell-a")
    let two = try await deployment.cell("cell-b")
    let known = try await deployment.tenant("known", cell: "cell-a")
    _ = try await one.claim(deployment.control, tenant: known, [("phone_number", "111")])
    try await deployment.beginSurvey()

    func create(_ slug: String, key: String) async throws -> Answer {
      try await deployment.admin(
        "POST", "/v1/tenants", Deployment.tenantBody(slug, cell: "cell-a"), key: key)
    }
    #expect(try await create("new", key: "k1").code() == "recovering")
    await #expect(throws: (any Error).self) {
      try await one.claim(deployment.control, tenant: known, [("phone_number", "222")])
    }
    // Nor is another cell told that the tenant is not its: it may have moved there since the copy.
    do {
      _ = try await two.claim(deployment.control, tenant: known, [("phone_number", "333")])
      Issue.record("claimed during the survey")
    } catch let failure as Failure {
      #expect(failure.code == .recovering)
    }
    // Its number has been given up, and another tenant made, since the copy.
    let stop = CellSurveyPage.Stop(
      scope: "tenant", id: known, reason: "fraud", sinceMilliseconds: 5, version: 9_000,
      isLifted: false)
    let first = try answer(
      CellSurveyPage(tenants: [told(known, slug: "known")], stops: [stop], next: known))
    let second = try answer(
      CellSurveyPage(
        tenants: [told("tzzzzzzzzzzzz", epoch: 7, slug: "late", numbers: ["111"])], stops: [],
        next: nil))
    one.change { $0.workAnswers = [first, second] }
    two.change { $0.refusal = Failure(.recovering, "not yet") }
    await deployment.node.survey()
    #expect(one.seen.work.map(\.at) == ["", known])
    #expect(try await create("new", key: "k2").code() == "recovering")
    let status = try await deployment.admin("GET", "/v1/status")
    #expect(status.raw.contains("control_plane_surveying") && status.raw.contains("cell-b"))

    let nothing = try answer(CellSurveyPage(tenants: [], stops: [], next: nil))
    two.change {
      $0.refusal = nil
      $0.workAnswers = [nothing]
    }
    await deployment.node.survey()
    await deployment.node.survey()
    #expect(try await create("late", key: "k3").code() == "slug_taken")
    #expect(try await create("new", key: "k4").status == 201)
    let late = try await deployment.admin("GET", "/v1/tenants/tzzzzzzzzzzzz")
    #expect(try late.text("slug") == "late")
    #expect(try late.text("state") == "suspended")
    #expect(try late.root()["epoch"]?.integer == 7)
    let taken = try await one.claim(deployment.control, tenant: known, [("phone_number", "111")])
    #expect(taken == "111")
    let stops = try await deployment.admin("GET", "/v1/send-stops")
    #expect(stops.raw.contains("fraud"))
  }

  @Test
  func `a number that changed hands since the copy is its new holder's, whoever is heard first`()
    async throws
  {
    let deployment = try await Deployment()
    let one = try await deployment.cell("cell-a")
    let two = try await deployment.cell("cell-b")
    let old = try await deployment.tenant("old", cell: "cell-b")
    let new = try await deployment.tenant("new", cell: "cell-a")
    _ = try await two.claim(deployment.control, tenant: old, [("phone_number", "111")])
    try await deployment.beginSurvey()
    let holds = try answer(
      CellSurveyPage(
        tenants: [told(new, slug: "new", numbers: ["111"])], stops: [], next: nil))
    let gaveUp = try answer(
      CellSurveyPage(tenants: [told(old, slug: "old")], stops: [], next: nil))
    one.change { $0.workAnswers = [holds, holds] }
    two.change { $0.workAnswers = [gaveUp, gaveUp] }
    // Each cell in one round, the end of it, and the same again.
    for _ in 0..<4 { await deployment.node.survey() }
    #expect(one.seen.work.count == 2 && two.seen.work.count == 2)
    #expect(Set(one.seen.work.map(\.operation)).count == 2, "each round is asked anew")
    let status = try await deployment.admin("GET", "/v1/status")
    #expect(!status.raw.contains("control_plane_surveying"))
    #expect(!status.raw.contains("tenant_owner_conflict"))
    let taken = try await two.claim(deployment.control, tenant: old, [("phone_number", "111")])
    #expect(taken == "111")
  }

  @Test func `a number that two hold is named until it is decided whose it is`() async throws {
    let deployment = try await Deployment()
    let one = try await deployment.cell("cell-a")
    let two = try await deployment.cell("cell-b")
    let holder = try await deployment.tenant("holder", cell: "cell-b")
    let other = try await deployment.tenant("other", cell: "cell-a")
    _ = try await two.claim(deployment.control, tenant: holder, [("phone_number", "111")])
    try await deployment.beginSurvey()
    for (cell, id, slug) in [(one, other, "other"), (two, holder, "holder")] {
      let page = try answer(
        CellSurveyPage(
          tenants: [told(id, slug: slug, numbers: ["111"])], stops: [], next: nil))
      cell.change { $0.workAnswers = [page] }
    }
    for _ in 0..<4 { await deployment.node.survey() }
    func isNamed() async throws -> Bool {
      await deployment.node.look()
      return try await deployment.admin("GET", "/v1/status").raw.contains("tenant_owner_conflict")
    }
    #expect(try await isNamed())
    _ = try await two.claim(
      deployment.control, tenant: holder, [("phone_number", "111")], release: true)
    // Nobody has it, and the other cell says that its tenant does.
    #expect(try await isNamed())
    let taken = try await one.claim(deployment.control, tenant: other, [("phone_number", "111")])
    #expect(taken == "")
    #expect(try await !isNamed())
  }

  @Test func `a survey does not end while a tenant is on its way out of a cell`() async throws {
    let deployment = try await Deployment()
    let one = try await deployment.cell("cell-a")
    let two = try await deployment.cell("cell-b")
    let id = try await deployment.tenant("mover", cell: "cell-a")
    try await deployment.beginSurvey()
    let leaving = try answer(
      CellSurveyPage(
        tenants: [told(id, slug: "mover")], stops: [], next: nil, isMoving: true))
    let nothing = try answer(CellSurveyPage(tenants: [], stops: [], next: nil))
    let arrived = try answer(
      CellSurveyPage(tenants: [told(id, epoch: 2, slug: "mover")], stops: [], next: nil))
    one.change { $0.workAnswers = [leaving, nothing] }
    two.change { $0.workAnswers = [nothing, arrived] }
    await deployment.node.survey()
    await deployment.node.survey()
    #expect(try await deployment.admin("GET", "/v1/status").raw.contains("surveying"))
    await deployment.node.survey()
    await deployment.node.survey()
    #expect(try await !deployment.admin("GET", "/v1/status").raw.contains("surveying"))
    let mover = try await deployment.admin("GET", "/v1/tenants/\(id)")
    #expect(try mover.text("cell") == "cell-b")
    #expect(try mover.root()["epoch"]?.integer == 2)
  }

  @Test func `a cell that joined after the copy was made is waited for, or said to be no more`()
    async throws
  {
    let deployment = try await Deployment()
    let one = try await deployment.cell("cell-a")
    // The last one was spread over others since.
    _ = try await deployment.cell("cell-spread")
    try await deployment.beginSurvey(archived: [
      CellID(trusted: "cell-a"): .first, CellID(trusted: "cell-late"): .first,
      CellID(trusted: "cell-gone"): Generation(2), CellID(trusted: "cell-spread"): .ended,
      CellID(trusted: "cell-unknown"): .ended,
    ])
    let nothing = try answer(CellSurveyPage(tenants: [], stops: [], next: nil))
    one.change { $0.workAnswers = [nothing] }
    func look() async throws -> String {
      await deployment.node.survey()
      await deployment.node.survey()
      let status = try await deployment.admin("GET", "/v1/status").root()
      return status["problems"]?.elements.first {
        $0["code"]?.string == "control_plane_surveying"
      }?["detail"]?.string ?? "over"
    }
    #expect(try await look().hasSuffix(": cell-gone cell-late"))
    let refused = try await deployment.admin(
      "POST", "/v1/cells/cell-gone/retire", #"{"reason":"scrapped"}"#, key: "r1")
    #expect(try refused.code() == "cell_unavailable", "\(refused.raw)")
    let retired = try await deployment.admin(
      "POST", "/v1/cells/cell-gone/retire", #"{"old_is_dead":true}"#, key: "r2")
    #expect(retired.status == 202, "\(retired.raw)")
    let unknown = try await deployment.admin(
      "POST", "/v1/cells/cell-other/retire", #"{"old_is_dead":true}"#, key: "r3")
    #expect(try unknown.code() == "not_found")
    #expect(try await look().hasSuffix(": cell-late"))
    // It comes last, and what it has is nobody else's.
    let late = try await deployment.cell("cell-late")
    let holds = try answer(
      CellSurveyPage(
        tenants: [told("tzzzzzzzzzzzz", slug: "late", numbers: ["111"])], stops: [], next: nil))
    late.change { $0.workAnswers = [holds] }
    #expect(try await look() == "over")
    let other = try await deployment.tenant("other", cell: "cell-a")
    let taken = try await one.claim(deployment.control, tenant: other, [("phone_number", "111")])
    #expect(taken == "111")
  }

  @Test func `who may be known to a cell is not called unknown while the cells are asked`()
    async throws
  {
    let deployment = try await Deployment()
    let cell = try await deployment.cell("cell-a")
    let nothing = try answer(CellSurveyPage(tenants: [], stops: [], next: nil))
    cell.change { $0.workAnswers = [nothing] }
    try await deployment.beginSurvey()
    func show() async throws -> String {
      try await deployment.admin("GET", "/v1/tenants/tzzzzzzzzzzzz").code()
    }
    #expect(try await show() == "recovering")
    await deployment.node.survey()
    await deployment.node.survey()
    #expect(try await show() == "not_found")
  }

  @Test func `a promotion of which only its stop tells is released all the same`() async throws {
    let deployment = try await Deployment()
    let cell = try await deployment.cell("cell-a")
    try await deployment.beginSurvey()
    let stop = PromotionStop(
      promotion: OperationID(trusted: "op_since"), generation: Generation(2),
      behind: PromotionStop.Behind(since: Timestamp(milliseconds: 3), reason: "abuse"))
    let told = CellSurveyPage.Stop(
      scope: "cell", id: "cell-a", reason: stop.reason, sinceMilliseconds: 5, version: 9_000,
      isLifted: false)
    let page = try answer(CellSurveyPage(tenants: [], stops: [told], next: nil))
    cell.change {
      $0.workAnswers = [page]
      $0.answersByKind["suspended"] = LostCell.status(
        "done", #"{"suspended":[],"suspended_count":42}"#)
    }
    await deployment.node.survey()
    await deployment.node.survey()
    let operation = try await deployment.admin("GET", "/v1/operations/op_since")
    #expect(try operation.text("state") == "failed", "\(operation.raw)")
    #expect(try operation.root()["error"]?["code"]?.string == "outcome_unknown")
    #expect(try operation.root()["result"]?["generation"]?.string == "2")
    #expect(try operation.root()["result"]?["uncounted"]?[0]?.string == "cell-a")
    for name in ["op_since", "cell-a@2"] {
      let shown = try await deployment.admin("GET", "/v1/restores/\(name)")
      #expect(try shown.text("id") == "op_since", "\(shown.raw)")
      #expect(try shown.root()["suspended_count"]?.integer == 42)
    }
    let released = try await deployment.admin(
      "POST", "/v1/restores/cell-a@2/release", key: "release")
    #expect(try released.root()["released"]?.integer == 42, "\(released.raw)")
    let after = try await deployment.admin("GET", "/v1/send-stops/cell/cell-a")
    #expect(try after.text("reason") == "abuse")
  }

  @Test func `versions lie above everything that was published before`() async throws {
    let deployment = try await Deployment()
    _ = try await deployment.cell("cell-a")
    let before = await deployment.node.services.map.manifest.mapVersion
    try await deployment.beginSurvey()
    await deployment.node.survey()
    let after = await deployment.node.services.map.manifest.mapVersion
    #expect(after >= before + PlatformRows.versionJump)
  }
}

extension Deployment {
  /// As a start from a copy does.
  func beginSurvey(archived: [CellID: Generation] = [:]) async throws {
    try await node.services.store.write(trace: "") { _, rows in
      try rows.beginSurvey(1, archived: archived)
    }
    try await node.services.map.refresh()
  }
}
