import Testing
import Wire

@testable import Cell

@Suite("Cell API") struct CellAPITests {
  private let topUp = #"{"amount_micros":1000000,"currency":"EUR","reference":"bank-1"}"#

  @Test func `a top-up answers the balances, once per key and per reference`() async throws {
    let api = try TestAPI()
    let path = "/v1/tenants/t1/wallet/top-ups"
    let first = await api.admin("POST", path, topUp, key: "k1")
    #expect(first.status == 201)
    #expect(first.text("id")?.hasPrefix("top_") == true)
    #expect(first.integer("balance_micros") == 1_000_000)
    #expect(first.integer("held_micros") == 0)
    #expect(first.integer("available_micros") == 1_000_000)
    #expect(await api.admin("POST", path, topUp, key: "k1").bytes == first.bytes)
    #expect(await api.admin("POST", path, topUp, key: "k2").document == first.document)
    let other = topUp.replacing("1000000", with: "5")
    #expect(await api.admin("POST", path, other, key: "k1").code == "idempotency_conflict")
    let wrong = topUp.replacing("1000000", with: "\"5\"")
    let refused = await api.admin("POST", path, wrong)
    #expect(refused.status == 400)
    #expect(refused.text("detail")?.contains("amount_micros") == true)
    #expect(await api.admin("POST", path, topUp, role: .router).code == "forbidden")

    let bearer = await api.makeKey()
    let wallet = await api.api("GET", "/v1/wallet", bearer: bearer)
    #expect(wallet.integer("balance_micros") == 1_000_000)
    let page = await api.api("GET", "/v1/wallet/entries?limit=1", bearer: bearer)
    let cursor = try #require(page.text("next_cursor"))
    let rest = await api.api("GET", "/v1/wallet/entries?cursor=\(cursor)", bearer: bearer)
    let text = String(decoding: page.bytes + rest.bytes, as: UTF8.self)
    #expect(text.contains(#""account":"external""#) && text.contains(#""account":"wallet""#))
    #expect(text.contains(#""balance_after_micros":1000000"#))
    #expect(rest.json["next_cursor"] is String == false)
    let early = await api.api(
      "GET", "/v1/wallet/entries?to=2020-01-01T00:00:00Z", bearer: bearer)
    #expect(String(decoding: early.bytes, as: UTF8.self).contains(#""data":[]"#))
  }

  @Test func `a top-up's key is kept for 30 days`() async throws {
    let api = try TestAPI()
    let path = "/v1/tenants/t1/wallet/top-ups"
    #expect(await api.admin("POST", path, topUp, key: "k1").status == 201)
    let other = topUp.replacing("bank-1", with: "bank-2")
    api.clock.advance(milliseconds: (30 * 86_400 - 1) * 1_000)
    #expect(await api.admin("POST", path, other, key: "k1").code == "idempotency_conflict")
    api.clock.advance(milliseconds: 2_000)
    let second = await api.admin("POST", path, other, key: "k1")
    #expect(second.status == 201)
    #expect(second.integer("balance_micros") == 2_000_000)
  }

  @Test func `a key is shown once, opens what its scopes say, and ends with its revocation`()
    async throws
  {
    let api = try TestAPI()
    let body = #"{"name":"ci","mode":"live","scopes":["contacts:read","api_keys:write"]}"#
    let made = await api.admin("POST", "/v1/tenants/t1/api-keys", body, key: "k")
    #expect(made.status == 201)
    let text = try #require(made.text("key"))
    #expect(await api.admin("POST", "/v1/tenants/t1/api-keys", body, key: "k").bytes == made.bytes)
    let list = await api.admin("GET", "/v1/tenants/t1/api-keys")
    #expect(String(decoding: list.bytes, as: UTF8.self).contains(text) == false)
    #expect(await api.api("GET", "/v1/contacts", bearer: text).status == 200)
    #expect(await api.api("GET", "/v1/wallet", bearer: text).code == "forbidden")
    let more = #"{"name":"x","scopes":["wallet:read"]}"#
    #expect(await api.api("POST", "/v1/api-keys", more, bearer: text).code == "forbidden")
    #expect(await api.api("GET", "/v1/contacts", bearer: "nonsense").code == "unauthenticated")
    let id = try #require(made.text("id"))
    #expect(await api.admin("DELETE", "/v1/tenants/t1/api-keys/\(id)").status == 204)
    #expect(await api.api("GET", "/v1/contacts", bearer: text).code == "unauthenticated")
  }

  @Test func `a key works until it expires, from its addresses, at its rate`() async throws {
    let api = try TestAPI()
    let limited = await api.makeKey(
      #""scopes":["*"],"allow_cidrs":["192.0.2.0/24"],"rate":{"per_second":1,"burst":2}"#)
    for _ in 0..<5 {
      let answer = await api.api("GET", "/v1/contacts", bearer: limited, address: "198.51.100.1")
      #expect(answer.code == "address_not_allowed")
    }
    // The refusals by address took nothing of the rate.
    let first = await api.api("GET", "/v1/contacts", bearer: limited)
    #expect(first.status == 200)
    #expect(first.headers["ratelimit"] == "\"key\";r=1;t=1")
    #expect(await api.api("GET", "/v1/contacts", bearer: limited).status == 200)
    let refused = await api.api("GET", "/v1/contacts", bearer: limited)
    #expect(refused.status == 429)
    #expect(refused.code == "rate_limited")
    #expect(refused.headers["retry-after"] == "1")
    #expect(refused.headers["x-ratelimit-remaining"] == "0")
    api.clock.advance(milliseconds: 1_000)
    #expect(await api.api("GET", "/v1/contacts", bearer: limited).status == 200)

    let soon = Timestamp(milliseconds: api.clock.milliseconds()).adding(seconds: 60).rfc3339
    let brief = await api.makeKey("\"expires_at\":\"\(soon)\"")
    #expect(await api.api("GET", "/v1/contacts", bearer: brief).status == 200)
    api.clock.advance(milliseconds: 60_000)
    #expect(await api.api("GET", "/v1/contacts", bearer: brief).code == "unauthenticated")
  }

  @Test func `a number is checked, claimed, listed and given back`() async throws {
    let api = try TestAPI()
    let bearer = await api.makeKey()
    let good =
      #"{"phone_number_id":"106","waba_id":"7","access_token":"good","meta_app":"default"}"#
    let bad = good.replacing("good", with: "bad")
    #expect(await api.api("POST", "/v1/numbers", bad, bearer: bearer).code == "graph_refused")
    // Another business's account would bring its events here.
    let foreign = good.replacing("\"7\"", with: "\"8\"")
    let refused = await api.api("POST", "/v1/numbers", foreign, bearer: bearer)
    #expect(refused.code == "invalid_field")
    #expect(refused.text("detail")?.hasPrefix("waba_id") == true)
    let elsewhere = good.replacing(#""default""#, with: #""nobodys""#)
    let unknown = await api.api("POST", "/v1/numbers", elsewhere, bearer: bearer)
    #expect(unknown.status == 400 && unknown.code == "invalid_field")
    #expect(unknown.text("detail") == "meta_app: no such Meta app")
    #expect(await api.api("GET", "/v1/numbers", bearer: bearer).document.contains("106") == false)
    let claimed = api.claims.taken.withLock { claims in claims.count }
    #expect(claimed == 0)
    let made = await api.api("POST", "/v1/numbers", good, bearer: bearer)
    #expect(made.status == 201)
    #expect(made.text("state") == "connected")
    #expect(made.text("phone_number_id") == "106")
    #expect(api.claims.taken.withLock { $0.keys.sorted() } == ["phoneNumber/106", "waba/7"])
    #expect(String(decoding: made.bytes, as: UTF8.self).contains("good") == false)
    let id = try #require(made.text("id"))
    // Operators may stop the number by this name too.
    #expect(api.claims.names.withLock { $0 } == [id: "106"])
    #expect(await api.api("POST", "/v1/numbers", good, bearer: bearer).text("id") == id)
    #expect(await api.api("GET", "/v1/numbers/\(id)", bearer: bearer).text("id") == id)
    #expect(await api.api("DELETE", "/v1/numbers/\(id)", bearer: bearer).status == 204)
    #expect(await api.api("GET", "/v1/numbers/\(id)", bearer: bearer).code == "not_found")
    #expect(await api.api("GET", "/v1/numbers/num_x", bearer: bearer).code == "not_found")
    api.claims.taken.withLock { $0["phoneNumber/106"] = TenantID(trusted: "t2") }
    let taken = await api.api("POST", "/v1/numbers", good, bearer: bearer)
    #expect(taken.status == 409)
    #expect(taken.code == "number_claimed")
  }

  @Test func `a suspended tenant reads and does not write; operators still do`() async throws {
    let api = try TestAPI()
    let bearer = await api.makeKey()
    let body = #"{"phone":"+15550001111","name":"Ana","tags":["vip"]}"#
    let made = await api.api("POST", "/v1/contacts", body, bearer: bearer)
    #expect(made.status == 201)
    for (state, code) in [
      (TenantState.suspended, "tenant_suspended"), (.readOnly, "tenant_read_only"),
    ] {
      api.gate.current.withLock { $0 = state }
      let refused = await api.api("POST", "/v1/contacts", body, bearer: bearer)
      #expect(refused.status == 423)
      #expect(refused.code == code)
      #expect(await api.api("GET", "/v1/contacts?tag=vip", bearer: bearer).status == 200)
    }
    #expect(await api.admin("POST", "/v1/tenants/t1/wallet/top-ups", topUp).status == 201)
  }

  @Test func `prices and templates are put and read back`() async throws {
    let api = try TestAPI()
    let bearer = await api.makeKey()
    let prices = """
      {"currency":"EUR","rates":[{"market":"*","category":"marketing",
      "valid_from":"2026-01-01T00:00:00Z","amount_micros":50000}]}
      """
    let put = await api.admin("PUT", "/v1/tenants/t1/prices", prices)
    #expect(put.status == 200)
    #expect(put.integer("version") == 1)
    #expect(await api.admin("GET", "/v1/tenants/t1/prices").document == put.document)
    let wrong = prices.replacing("\"*\"", with: "\"QQ\"")
    let refused = await api.admin("PUT", "/v1/tenants/t1/prices", wrong)
    #expect(refused.text("detail")?.hasPrefix("rates[0].market") == true)

    let template =
      #"{"category":"MARKETING","components":[{"type":"BODY","text":"Hi {{1}}, you"}]}"#
    let stored = await api.api("PUT", "/v1/templates/hello/en_US", template, bearer: bearer)
    #expect(stored.status == 200)
    #expect(stored.integer("version") == 1)
    #expect(stored.text("status") == "PENDING")
    let again = await api.api("GET", "/v1/templates/hello/en_US", bearer: bearer)
    #expect(again.document == stored.document)
    #expect(await api.api("GET", "/v1/templates/no/en_US", bearer: bearer).code == "not_found")
  }
}
