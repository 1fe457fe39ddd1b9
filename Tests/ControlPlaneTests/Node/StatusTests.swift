import Edge
import Testing
import Wire

@testable import ControlPlane

@Suite("What the status names") struct StatusTests {
  private func codes(_ deployment: Deployment) async throws -> [String?] {
    let status = try await deployment.admin("GET", "/v1/status").root()
    return status["problems"]?.elements.map { $0["code"]?.string } ?? []
  }

  private func owned(_ tenant: String, epoch: UInt64 = 1) -> Aimstors_ProtoOwnedTenant {
    var owned = Aimstors_ProtoOwnedTenant()
    owned.tenant = tenant
    owned.epoch = epoch
    return owned
  }

  @Test func `the control plane's own store and archive are in the status, and in its health`()
    async throws
  {
    let deployment = try await Deployment { configuration in
      configuration.ownProblems = {
        [
          HealthReport.Problem(
            code: "archive_unreachable", since: Timestamp(milliseconds: 5_000),
            runbook: Runbook.page("archive_unreachable"), detail: "no answer")
        ]
      }
    }
    let cell = try await deployment.cell("cell-a")
    var low = Aimstors_ProtoProblem()
    low.code = "disk_low"
    try await cell.heartbeat(deployment.control, problems: [low])
    let told = Set(try await codes(deployment))
    #expect(told == ["archive_unreachable", "disk_low"])
    let health = await deployment.node.health()
    let places = Dictionary(
      health.problems.map { ($0.code, $0.cell ?? "") }, uniquingKeysWith: { first, _ in first })
    #expect(places == ["archive_unreachable": "", "disk_low": "cell-a"])
  }

  @Test func `a tenant is claimed until its cell comes back without it, or is retired`()
    async throws
  {
    let deployment = try await Deployment()
    _ = try await deployment.cell("cell-a")
    let b = try await deployment.cell("cell-b")
    let id = try await deployment.tenant("acme", cell: "cell-a")
    func claim(_ tenants: [Aimstors_ProtoOwnedTenant]) async throws {
      _ = try await b.join(deployment.control, credential: b.credential, tenants: tenants)
    }
    try await claim([owned(id)])
    await deployment.node.look()
    #expect(try await codes(deployment) == ["tenant_owner_conflict"])
    try await claim([])
    #expect(try await codes(deployment).isEmpty)
    try await claim([owned(id)])
    #expect(try await codes(deployment) == ["tenant_owner_conflict"])
    let roster = deployment.node.services.roster
    var record = try #require(roster.cell(CellID(trusted: "cell-b")))
    record.state = .retired
    record.mapVersion += 1
    roster.set(record)
    #expect(try await codes(deployment).isEmpty)
  }

  @Test func `a tenant that is placed where it is claimed is claimed rightly`() async throws {
    let deployment = try await Deployment()
    _ = try await deployment.cell("cell-a")
    let b = try await deployment.cell("cell-b")
    let id = try await deployment.tenant("acme", cell: "cell-a")
    _ = try await b.join(deployment.control, credential: b.credential, tenants: [owned(id)])
    #expect(try await codes(deployment) == ["tenant_owner_conflict"])
    try await deployment.node.services.store.write(trace: "") { _, rows in
      var tenant = try rows.requireTenant(TenantID(trusted: id))
      tenant.placement = Placement(cell: CellID(trusted: "cell-b"), epoch: Epoch(2))
      try rows.put(tenant)
    }
    await deployment.node.look()
    #expect(try await codes(deployment).isEmpty)
  }

  @Test func `a key that two tenants hold is told until it is decided whose it is`() async throws {
    let deployment = try await Deployment()
    let a = try await deployment.cell("cell-a")
    let one = try await deployment.tenant("one", cell: "cell-a")
    let two = try await deployment.tenant("two", cell: "cell-a")
    _ = try await a.claim(deployment.control, tenant: one, [("phone_number", "111")])
    let conflict = OwnerConflict(
      TenantID(trusted: two), holds: .phoneNumber, "111", on: CellID(trusted: "cell-a"),
      at: .zero)
    deployment.node.services.roster.heard(conflict)
    await deployment.node.look()
    #expect(try await codes(deployment) == ["tenant_owner_conflict"])
    _ = try await a.claim(
      deployment.control, tenant: two, [("phone_number", "111")], release: true)
    #expect(try await codes(deployment).isEmpty)
    deployment.node.services.roster.heard(conflict)
    _ = try await a.claim(
      deployment.control, tenant: one, [("phone_number", "111")], release: true)
    await deployment.node.look()
    // Nobody's now, and none of its messages come to who says that it has it.
    #expect(try await codes(deployment) == ["tenant_owner_conflict"])
    _ = try await a.claim(deployment.control, tenant: two, [("phone_number", "111")])
    await deployment.node.look()
    #expect(try await codes(deployment).isEmpty)
  }
}
