import Testing
import Wire

@testable import Cell

@Suite("API key rotation") struct KeyRotationTests {
  @Test func `both secrets work for the overlap, then the new one`() async throws {
    let api = try TestAPI()
    let owner = try await api.person("owner")
    let made = await api.admin(
      "POST", "/v1/tenants/t1/api-keys", #"{"name":"ci","scopes":["contacts:read"]}"#)
    let id = try #require(made.text("id"))
    let old = try #require(made.text("key"))
    #expect(await api.api("GET", "/v1/contacts", bearer: old).status == 200)
    let rotated = await api.api(
      "POST", "/v1/api-keys/\(id)/rotate", #"{"overlap_seconds":60}"#, bearer: owner.access,
      key: "r1")
    let new = try #require(rotated.text("key"))
    #expect(new != old && rotated.text("public_id") == made.text("public_id"))
    let again = await api.api(
      "POST", "/v1/api-keys/\(id)/rotate", #"{"overlap_seconds":60}"#, bearer: owner.access,
      key: "r1")
    #expect(again.bytes == rotated.bytes, "a repeat is answered the same")
    for text in [old, new] {
      #expect(await api.api("GET", "/v1/contacts", bearer: text).status == 200)
    }
    api.clock.advance(milliseconds: 60_000)
    #expect(await api.api("GET", "/v1/contacts", bearer: old).code == "unauthenticated")
    #expect(await api.api("GET", "/v1/contacts", bearer: new).status == 200)
    let atOnce = await api.api(
      "POST", "/v1/api-keys/\(id)/rotate", #"{"overlap_seconds":0}"#, bearer: owner.access)
    #expect(atOnce.status == 200)
    #expect(await api.api("GET", "/v1/contacts", bearer: new).code == "unauthenticated")
    let long = #"{"overlap_seconds":999999}"#
    let refused = await api.api(
      "POST", "/v1/api-keys/\(id)/rotate", long, bearer: owner.access)
    #expect(refused.code == "invalid_field")
    #expect(await api.audited().contains("api_key.rotate"))
  }

  @Test func `another address list holds from the next request on, and is told`() async throws {
    let api = try TestAPI()
    let owner = try await api.person("owner")
    let key = await api.makeKey()
    #expect(await api.api("GET", "/v1/contacts", bearer: key).status == 200)
    let list = await api.admin("GET", "/v1/tenants/t1/api-keys").list("data")
    let id = try #require(list.first?["id"] as? String)
    let narrow = await api.api(
      "PATCH", "/v1/api-keys/\(id)", #"{"allow_cidrs":["2001:db8::/32"]}"#, bearer: owner.access)
    #expect(narrow.status == 200)
    #expect(await api.api("GET", "/v1/contacts", bearer: key).code == "address_not_allowed")
    let inside = await api.api("GET", "/v1/contacts", bearer: key, address: "2001:db8::1")
    #expect(inside.status == 200)
    let alerts = await api.admin("GET", "/v1/tenants/t1/alerts").list("data")
    #expect(alerts.contains { $0["action"] as? String == "api_key.allow_list_change" })
  }
}
