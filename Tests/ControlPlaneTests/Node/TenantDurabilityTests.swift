import Testing
import Wire

@testable import ControlPlane

/// A tenant's own mode: asked for here, told to its cell, and held to by whoever places it.
@Suite("Durability of a tenant") struct TenantDurabilityTests {
  /// `cell-a` feeds a follower, `cell-b` does not.
  private func scene() async throws -> (Deployment, FakeCell, FakeCell) {
    let deployment = try await Deployment()
    let fed = try await deployment.cell("cell-a")
    let alone = try await deployment.cell("cell-b")
    try await fed.heartbeat(deployment.control, hasFollower: true)
    return (deployment, fed, alone)
  }

  private func create(_ deployment: Deployment, _ slug: String, _ extra: String) async throws
    -> Answer
  {
    try await deployment.admin(
      "POST", "/v1/tenants", Deployment.tenantBody(slug, extra: extra), key: slug)
  }

  @Test func `who asks for a follower is placed where one is fed, and the cell is told`()
    async throws
  {
    let (deployment, fed, alone) = try await scene()
    for number in 1...4 {
      let answer = try await create(deployment, "t\(number)", #","durability":"follower""#)
      #expect(answer.status == 201, "\(answer.raw)")
      #expect(try answer.text("cell") == "cell-a")
      #expect(try answer.text("durability") == "follower")
    }
    #expect(fed.seen.provisioned.map(\.durability) == Array(repeating: "follower", count: 4))
    // The others go where there is most room.
    #expect(try await create(deployment, "t5", "").text("cell") == "cell-b")
    #expect(alone.seen.provisioned.map(\.durability) == [""])
  }

  @Test func `where no follower is fed the tenant is refused, and so is the wish of one`()
    async throws
  {
    let (deployment, _, _) = try await scene()
    let pinned = try await create(
      deployment, "t1", #","cell":"cell-b","durability":"follower""#)
    #expect(try pinned.code() == "follower_missing", "\(pinned.raw)")
    let tenant = try await deployment.tenant("t2", cell: "cell-b")
    let wish = try await deployment.admin(
      "PATCH", "/v1/tenants/\(tenant)", #"{"durability":"follower"}"#)
    #expect(wish.status == 409)
    #expect(try wish.code() == "follower_missing")
    let unknown = try await deployment.admin(
      "PATCH", "/v1/tenants/\(tenant)", #"{"durability":"magnetic"}"#)
    #expect(unknown.status == 400, "\(unknown.raw)")
    let shown = try await deployment.admin("GET", "/v1/tenants/\(tenant)")
    #expect(try shown.text("durability") == "cell")
  }

  @Test func `no move takes it where none is fed, until it asks for nothing any more`()
    async throws
  {
    let (deployment, fed, _) = try await scene()
    let tenant = try await deployment.tenant("t1", cell: "cell-a")
    let wish = try await deployment.admin(
      "PATCH", "/v1/tenants/\(tenant)", #"{"durability":"follower"}"#)
    #expect(try wish.text("durability") == "follower", "\(wish.raw)")
    #expect(fed.seen.states.last?.durability == "follower")
    let body = #"{"to_cell":"cell-b"}"#
    let move = try await deployment.admin("POST", "/v1/tenants/\(tenant)/moves", body, key: "m1")
    #expect(try move.code() == "follower_missing", "\(move.raw)")
    _ = try await deployment.admin("PATCH", "/v1/tenants/\(tenant)", #"{"durability":"cell"}"#)
    #expect(fed.seen.states.last?.durability == "")
    let again = try await deployment.admin("POST", "/v1/tenants/\(tenant)/moves", body, key: "m2")
    #expect(again.status == 202, "\(again.raw)")
  }

  @Test func `a cell that joins is told the modes of its tenants`() async throws {
    let (deployment, fed, _) = try await scene()
    _ = try await create(deployment, "t1", #","durability":"follower""#)
    let joined = try await fed.join(deployment.control, credential: fed.credential)
    #expect(joined.tenants.map(\.durability) == ["follower"])
  }

  @Test func `a copy that is older than a wish does not take it back from the cell`()
    async throws
  {
    let (deployment, fed, _) = try await scene()
    let tenant = try await deployment.tenant("t1", cell: "cell-a")
    try await deployment.beginSurvey()
    var owned = Aimstors_ProtoOwnedTenant()
    owned.tenant = tenant
    owned.epoch = 1
    owned.state = "suspended"
    owned.durability = "follower"
    var unknown = owned
    unknown.tenant = "t9999999999999"
    let joined = try await fed.join(
      deployment.control, credential: fed.credential, tenants: [owned, unknown])
    #expect(joined.tenants.map(\.durability) == ["follower", "follower"])
    #expect(joined.tenants.map(\.state) == ["suspended", "suspended"])
    let shown = try await deployment.admin("GET", "/v1/tenants/\(unknown.tenant)")
    #expect(try shown.text("durability") == "follower")
  }

  @Test func `a tenant that asks for less makes its cell's copy one that may lack something`()
    async throws
  {
    let (deployment, _, _) = try await scene()
    let services = deployment.node.services
    let cell = CellID(trusted: "cell-a")
    try await services.store.write(trace: "") { _, rows in
      try rows.put(CellRegister(cell: cell, generation: .first, primary: "cell-a"))
      try rows.put(isMixed: false, of: cell)
    }
    #expect(try await !PromoteRoute.isMixed(cell, services))
    let tenant = try await deployment.tenant("t1", cell: "cell-a")
    _ = try await deployment.admin("PATCH", "/v1/tenants/\(tenant)", #"{"durability":"local"}"#)
    #expect(try await PromoteRoute.isMixed(cell, services))
  }
}
