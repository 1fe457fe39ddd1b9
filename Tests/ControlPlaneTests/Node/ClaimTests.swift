import Testing
import Wire

@testable import ControlPlane

@Suite("Claims over messaging") struct ClaimTests {
  @Test func `of two tenants that race for a number exactly one gets it`() async throws {
    let deployment = try await Deployment()
    let a = try await deployment.cell("cell-a")
    let b = try await deployment.cell("cell-b")
    let one = try await deployment.tenant("one", cell: "cell-a")
    let two = try await deployment.tenant("two", cell: "cell-b")
    for round in 0..<10 {
      let key = "100\(round)"
      async let first = a.claim(deployment.control, tenant: one, [("phone_number", key)])
      async let second = b.claim(deployment.control, tenant: two, [("phone_number", key)])
      let refused = try await [first, second]
      #expect(refused.filter(\.isEmpty).count == 1)
      #expect(refused.filter { $0 == key }.count == 1)
    }
    let held = try await deployment.map().chunks.flatMap(\.claims)
      .filter { $0.kind == "phone_number" }
    #expect(held.count == 10)
  }

  @Test func `a claim is all or nothing`() async throws {
    let deployment = try await Deployment()
    let a = try await deployment.cell("cell-a")
    let one = try await deployment.tenant("one")
    let two = try await deployment.tenant("two")
    #expect(try await a.claim(deployment.control, tenant: one, [("phone_number", "1")]) == "")
    let refused = try await a.claim(
      deployment.control, tenant: two, [("waba", "w"), ("phone_number", "1")])
    #expect(refused == "1")
    #expect(try await deployment.map().chunks.flatMap(\.claims).allSatisfy { $0.kind != "waba" })
  }

  @Test func `a released number is free for another, and its version rises`() async throws {
    let deployment = try await Deployment()
    let a = try await deployment.cell("cell-a")
    let one = try await deployment.tenant("one")
    let two = try await deployment.tenant("two")
    func number() async throws -> Aimstors_ProtoKeyClaim {
      try #require(
        try await deployment.map().chunks.flatMap(\.claims).first { $0.kind == "phone_number" })
    }
    let key = [(kind: "phone_number", key: "1")]
    #expect(try await a.claim(deployment.control, tenant: one, key) == "")
    let first = try await number()
    #expect(try await a.claim(deployment.control, tenant: one, key) == "")
    #expect(try await number() == first)
    #expect(try await a.claim(deployment.control, tenant: one, key, release: true) == "")
    let released = try await number()
    #expect(released.released && released.version > first.version)
    #expect(try await a.claim(deployment.control, tenant: two, key) == "")
    let last = try await number()
    #expect(last.tenant == two && !last.released && last.version > released.version)
  }

  @Test func `a cell claims for its own tenants only, and no slugs`() async throws {
    let deployment = try await Deployment()
    _ = try await deployment.cell("cell-a")
    let b = try await deployment.cell("cell-b")
    let one = try await deployment.tenant("one", cell: "cell-a")
    let foreign = await #expect(throws: Failure.self) {
      try await b.claim(deployment.control, tenant: one, [("phone_number", "1")])
    }
    #expect(foreign?.code == .epochStale)
    let two = try await deployment.tenant("two", cell: "cell-b")
    let slug = await #expect(throws: Failure.self) {
      try await b.claim(deployment.control, tenant: two, [("slug", "free")])
    }
    #expect(slug?.code == .invalidField)
  }

  @Test func `a claim through a Meta app that is not there for the tenant claims nothing`()
    async throws
  {
    let deployment = try await Deployment()
    let a = try await deployment.cell("cell-a")
    let one = try await deployment.tenant("one")
    let two = try await deployment.tenant("two")
    let secrets = #""app_secret":"s","verify_token":"v""#
    _ = try await deployment.admin("PUT", "/v1/meta-apps/shared", "{\(secrets)}")
    let bound = try await deployment.admin(
      "PUT", "/v1/meta-apps/ones", "{\(secrets),\"tenant_id\":\"\(one)\"}")
    #expect(bound.status == 200)

    var refusals: [Failure?] = []
    for app in ["unknown", "ones", "no app!"] {
      refusals.append(
        await #expect(throws: Failure.self) {
          try await a.claim(
            deployment.control, tenant: two, [("phone_number", "1"), ("waba", "w")], app: app)
        })
    }
    #expect(refusals.allSatisfy { $0?.code == .invalidField })
    // Another tenant's app is refused word for word like one that nobody has.
    #expect(Set(refusals.map { $0?.detail }) == ["meta_app: no such Meta app"])
    #expect(try await deployment.map().chunks.flatMap(\.claims).allSatisfy { $0.kind == "slug" })

    #expect(
      try await a.claim(deployment.control, tenant: two, [("phone_number", "1")], app: "shared")
        == "")
    #expect(
      try await a.claim(deployment.control, tenant: one, [("phone_number", "2")], app: "ones")
        == "")
    // A cell that does not name an app, as cells before this version, is served as before.
    #expect(try await a.claim(deployment.control, tenant: one, [("phone_number", "3")]) == "")
  }
}
