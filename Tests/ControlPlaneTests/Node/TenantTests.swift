import Testing
import Wire

@testable import ControlPlane

@Suite("Tenants over messaging") struct TenantTests {
  @Test func `a tenant is created once its cell holds it`() async throws {
    let deployment = try await Deployment()
    let cell = try await deployment.cell("cell-a")
    let answer = try await deployment.admin(
      "POST", "/v1/tenants", Deployment.tenantBody("acme"), key: "k1")
    #expect(answer.status == 201)
    let id = try answer.text("id")
    #expect(id.count == 13 && id.hasPrefix("t"))
    #expect(try answer.text("state") == "active")
    #expect(try answer.text("cell") == "cell-a")
    #expect(try answer.root()["epoch"]?.integer == 1)
    #expect(cell.seen.provisioned.map(\.tenant) == [id])
    #expect(cell.seen.provisioned.first?.currency == "EUR")
    let map = try await deployment.map()
    #expect(map.chunks.flatMap(\.tenants).map(\.tenant) == [id])
    #expect(map.chunks.flatMap(\.claims).map(\.key) == ["acme"])
    let operations = try await deployment.admin("GET", "/v1/operations").data()
    #expect(operations.first?["state"]?.string == "succeeded")
    #expect(operations.first?["subject"]?.string == id)
  }

  @Test func `a repeat under the same key answers the same bytes and makes nothing new`()
    async throws
  {
    let deployment = try await Deployment()
    let cell = try await deployment.cell("cell-a")
    let body = Deployment.tenantBody("acme")
    let first = try await deployment.admin("POST", "/v1/tenants", body, key: "k1")
    let again = try await deployment.admin("POST", "/v1/tenants", body, key: "k1")
    #expect(again.bytes == first.bytes)
    #expect(again.status == 201)
    #expect(cell.seen.provisioned.count == 1)
    let other = try await deployment.admin(
      "POST", "/v1/tenants", Deployment.tenantBody("other"), key: "k1")
    #expect(other.status == 409)
    #expect(try other.code() == "idempotency_conflict")
  }

  @Test func `two tenants never share a slug`() async throws {
    let deployment = try await Deployment()
    _ = try await deployment.cell("cell-a")
    _ = try await deployment.tenant("acme")
    let second = try await deployment.admin(
      "POST", "/v1/tenants", Deployment.tenantBody("acme"), key: "k2")
    #expect(second.status == 409)
    #expect(try second.code() == "slug_taken")
  }

  @Test func `a cell that dies before it answered gets the tenant later, under the same key`()
    async throws
  {
    let deployment = try await Deployment()
    let cell = try await deployment.cell("cell-a")
    cell.change { $0.refusal = Failure(.recovering, "not yet") }
    let body = Deployment.tenantBody("acme")
    async let waiting = deployment.admin("POST", "/v1/tenants", body, key: "k1")
    while try await deployment.admin("GET", "/v1/tenants").data().isEmpty { await Task.yield() }
    let shown = try await deployment.admin("GET", "/v1/tenants").data()
    #expect(shown.first?["state"]?.string == "provisioning")
    #expect(try await deployment.map().chunks.flatMap(\.tenants).isEmpty)
    cell.change { $0.refusal = nil }
    let answer = try await waiting
    #expect(answer.status == 201)
    #expect(try await deployment.map().chunks.flatMap(\.tenants).count == 1)
  }

  @Test func `tenants spread over the cells of their region`() async throws {
    let deployment = try await Deployment()
    let a = try await deployment.cell("cell-a")
    let b = try await deployment.cell("cell-b")
    let us = try await deployment.cell("cell-us", region: "us")
    for index in 0..<6 { _ = try await deployment.tenant("t-\(index)") }
    #expect(a.seen.provisioned.count == 3)
    #expect(b.seen.provisioned.count == 3)
    #expect(us.seen.provisioned.isEmpty)
  }

  @Test func `a full region refuses and records nothing`() async throws {
    let deployment = try await Deployment { $0.tenantsPerCell = 1 }
    _ = try await deployment.cell("cell-a")
    _ = try await deployment.tenant("one")
    let answer = try await deployment.admin(
      "POST", "/v1/tenants", Deployment.tenantBody("two"), key: "k")
    #expect(answer.status == 503)
    #expect(try answer.code() == "cell_full")
    #expect(try await deployment.admin("GET", "/v1/tenants").data().count == 1)
    #expect(try await deployment.map().chunks.flatMap(\.claims).map(\.key) == ["one"])
  }

  @Test(arguments: [
    (#"{"name":5}"#, "name must be a string"),
    (#"{"name":"a"}"#, "slug is missing"),
    (#"{"name":"a","slug":"A b","region":"eu","currency":"EUR","time_zone":"UTC"}"#, "slug must"),
    (#"{"name":"a","slug":"admin","region":"eu","currency":"EUR","time_zone":"UTC"}"#, "slug:"),
    (#"{"name":"a","slug":"a","region":"eu","currency":"euro","time_zone":"UTC"}"#, "currency"),
    (#"{"name":"a","slug":"a","region":"e/u","currency":"EUR","time_zone":"UTC"}"#, "region"),
    (#"{"name":"a","slug":"a","region":"xx","currency":"EUR","time_zone":"UTC"}"#, "region"),
    (#"{"name":"a","slug":"a","region":"eu","currency":"EUR","time_zone":"a b"}"#, "time_zone"),
    (
      #"{"name":"a","slug":"a","region":"eu","currency":"EUR","time_zone":"Mars/Base"}"#,
      "time_zone"
    ),
    (#"{"name":"a","slug":"a","region":"eu","currency":"EUR","time_zone":"GMT+5"}"#, "time_zone"),
    (#"{"name":"a","slug":"a","region":"eu","currency":"ABC","time_zone":"UTC"}"#, "currency"),
    (#"{"name":"","slug":"a","region":"eu","currency":"EUR","time_zone":"UTC"}"#, "name must"),
    (
      #"{"name":"a","slug":"a","region":"eu","currency":"EUR","time_zone":"UTC","parent_id":"tx"}"#,
      "parent_id"
    ),
  ])
  func `a wrong field is named`(body: String, detail: String) async throws {
    let deployment = try await Deployment()
    _ = try await deployment.cell("cell-a")
    let answer = try await deployment.admin("POST", "/v1/tenants", body, key: "k")
    #expect(answer.status == 400)
    #expect(try answer.code() == "invalid_field")
    #expect(try answer.text("detail").hasPrefix(detail), "\(answer.raw)")
    #expect(answer.headers["content-type"] == "application/problem+json")
  }

  @Test func `a body that is not JSON is said to be so`() async throws {
    let deployment = try await Deployment()
    let answer = try await deployment.admin("POST", "/v1/tenants", "{", key: "k")
    #expect(answer.status == 400)
    #expect(try answer.code() == "invalid_json")
  }

  @Test func `lists come in pages that cover everything once`() async throws {
    let deployment = try await Deployment()
    _ = try await deployment.cell("cell-a")
    var made: Set<String> = []
    for index in 0..<5 { made.insert(try await deployment.tenant("t-\(index)")) }
    var seen: [String] = []
    var cursor = ""
    repeat {
      let page = try await deployment.admin("GET", "/v1/tenants?limit=2\(cursor)")
      seen += try page.data().compactMap { $0["id"]?.string }
      cursor = try page.root()["next_cursor"]?.string.map { "&cursor=\($0)" } ?? ""
    } while !cursor.isEmpty
    #expect(seen.count == 5)
    #expect(Set(seen) == made)
  }

  @Test func `a state reaches the cell and the map, and operations tell`() async throws {
    let deployment = try await Deployment()
    let cell = try await deployment.cell("cell-a")
    let id = try await deployment.tenant("acme")
    let answer = try await deployment.admin(
      "PATCH", "/v1/tenants/\(id)", #"{"state":"suspended","reason":"unpaid"}"#)
    #expect(answer.status == 200)
    #expect(try answer.text("state") == "suspended")
    #expect(cell.seen.states.map(\.state) == ["suspended"])
    #expect(cell.seen.states.first?.reason == "unpaid")
    #expect(try await deployment.map().chunks.flatMap(\.tenants).map(\.state) == ["suspended"])
    let wrong = try await deployment.admin("PATCH", "/v1/tenants/\(id)", #"{"state":"gone"}"#)
    #expect(wrong.status == 400)
    #expect(try wrong.text("detail").hasPrefix("state"))
    let missing = try await deployment.admin(
      "PATCH", "/v1/tenants/tnone", #"{"state":"suspended"}"#)
    #expect(missing.status == 404)
  }

  @Test func `what a cell keeps of a tenant is asked there, in the operator's name`() async throws {
    let deployment = try await Deployment()
    let cell = try await deployment.cell("cell-a")
    let id = try await deployment.tenant("acme")
    let answer = try await deployment.admin(
      "POST", "/v1/tenants/\(id)/wallet/top-ups", #"{"amount_micros":1}"#, key: "k9")
    #expect(answer.status == 201)
    #expect(answer.raw == #"{"from":"cell"}"#)
    let request = try #require(cell.seen.requests.first)
    #expect(request.hostKind == "admin")
    #expect(request.tenant == id)
    #expect(request.epoch == 1)
    #expect(request.target == "/v1/tenants/\(id)/wallet/top-ups")
    #expect(request.idempotencyKey == "k9")
    let names = request.headers.map(\.name)
    #expect(names.contains("x-aimstors-operator"))
    #expect(!names.contains("authorization"))
    let missing = try await deployment.admin("GET", "/v1/tenants/tnone/wallet")
    #expect(missing.status == 404)
  }

  @Test func `a tenant's digest comes from its cell`() async throws {
    let deployment = try await Deployment()
    _ = try await deployment.cell("cell-a")
    let id = try await deployment.tenant("acme")
    let answer = try await deployment.admin("GET", "/v1/tenants/\(id)/digest")
    #expect(try answer.root()["tenant_seq"]?.integer == 7)
    #expect(try answer.root()["files"]?["ledger.sqlite"]?.string == "aa")
  }

  @Test func `another cell that claims a tenant is asked for its digest by name`() async throws {
    let deployment = try await Deployment()
    _ = try await deployment.cell("cell-a")
    let other = try await deployment.cell("cell-b")
    let id = try await deployment.tenant("acme", cell: "cell-a")
    other.change { $0.refusal = Failure(.notFound, "not here") }
    let path = "/v1/tenants/\(id)/digest"
    #expect(try await deployment.admin("GET", path).status == 200)
    #expect(try await deployment.admin("GET", path + "?cell=cell-b").code() == "not_found")
    #expect(try await deployment.admin("GET", path + "?cell=cell-c").code() == "invalid_field")
    other.change { $0.refusal = nil }
    #expect(try await deployment.admin("GET", path + "?cell=cell-b").status == 200)
  }
}
