import Testing
import Wire

@testable import Cell

@Suite("Messages API") struct MessageAPITests {
  @Test func `a message is taken once per key, and its money is held once`() async throws {
    let shop = try await TestShop()
    let wakes = shop.api.wakes.count
    let first = await shop.post("/v1/messages", shop.text(), key: "k1")
    #expect(first.status == 202)
    #expect(first.text("id")?.hasPrefix("msg_") == true)
    #expect(first.text("state") == "queued")
    #expect(shop.api.wakes.count == wakes + 1)
    #expect(await shop.post("/v1/messages", shop.text(), key: "k1").bytes == first.bytes)
    let wallet = await shop.get("/v1/wallet")
    #expect(wallet.integer("held_micros") == 400)
    #expect(wallet.integer("available_micros") == 9_600)
    #expect(wallet.text("currency") == "EUR")
    let other = await shop.post("/v1/messages", shop.text(to: "+16505551235"), key: "k1")
    #expect(other.status == 409)
    #expect(other.code == "idempotency_conflict")
    #expect(await shop.get("/v1/wallet").integer("held_micros") == 400)
    #expect(try await shop.turn().count == 1)
  }

  @Test func `without money it is 402 and without a price 409, and nothing is held`()
    async throws
  {
    let poor = try await TestShop(funds: 399)
    let refused = await poor.post("/v1/messages", poor.text(), key: "k")
    #expect(refused.status == 402)
    #expect(refused.code == "insufficient_funds")
    #expect(refused.headers["content-type"] == "application/problem+json")
    #expect(refused.text("trace_id") == String(repeating: "a", count: 32))
    #expect(await poor.get("/v1/messages").objects("data").isEmpty)
    // A refusal is not an answer to keep: after a payment the same key goes through.
    let topUp = #"{"amount_micros":1,"currency":"EUR","reference":"more"}"#
    #expect(await poor.api.admin("POST", "/v1/tenants/t1/wallet/top-ups", topUp).status == 201)
    #expect(await poor.post("/v1/messages", poor.text(), key: "k").status == 202)

    let abroad = try await TestShop(market: "DE")
    let missing = await abroad.post("/v1/messages", abroad.text())
    #expect(missing.status == 409)
    #expect(missing.code == "price_missing")
    #expect(await abroad.get("/v1/wallet").integer("held_micros") == 0)
  }

  @Test(arguments: [
    (#"{"number_id":"N","to":"+16505551234","type":"text","text":{"body":7}}"#, "text.body"),
    (#"{"number_id":"N","to":7,"type":"text","text":{"body":"x"}}"#, "to must"),
    (#"{"number_id":7,"to":"+16505551234","text":{"body":"x"}}"#, "number_id"),
    (
      #"{"number_id":"N","to":"+16505551234","type":"text","text":{"body":"x"},"type":"template"}"#,
      "type is there twice"
    ),
    (
      #"{"number_id":"N","to":"+16505551234","type":"template","template":{"name":"hello","#
        + #""language":{"code":"en_US"},"na\u006de":"other"}}"#, "template.name is there twice"
    ),
  ])
  func `a wrong field is named`(body: String, detail: String) async throws {
    let shop = try await TestShop()
    let refused = await shop.post(
      "/v1/messages", body.replacing("\"N\"", with: "\"\(shop.number)\""))
    #expect(refused.status == 400)
    #expect(refused.code == "invalid_field")
    #expect(refused.text("detail")?.hasPrefix(detail) == true, "\(refused.json)")
  }

  @Test func `a template takes as many parameters as its texts have, while Meta sends it`()
    async throws
  {
    let shop = try await TestShop()
    func message(_ components: String) -> String {
      #"{"number_id":"\#(shop.number)","to":"+16505551234","type":"template","#
        + #""template":{"name":"hello","language":{"code":"en_US"},"components":[\#(components)]}}"#
    }
    func body(_ texts: String...) -> String {
      let parameters = texts.map { #"{"type":"text","text":"\#($0)"}"# }.joined(separator: ",")
      return #"{"type":"body","parameters":[\#(parameters)]}"#
    }
    for wrong in ["", body(), body("Ana", "Bea")] {
      let refused = await shop.post("/v1/messages", message(wrong))
      #expect(refused.code == "invalid_field", "\(wrong)")
      #expect(refused.text("detail")?.hasPrefix("template.components") == true)
    }
    #expect(await shop.get("/v1/wallet").integer("held_micros") == 0)
    #expect(await shop.post("/v1/messages", message(body("Ana"))).status == 202)

    try await shop.webhook(
      #"{"event":"PAUSED","message_template_id":1,"message_template_name":"hello","#
        + #""message_template_language":"en_US","reason":"x"}"#,
      field: "message_template_status_update")
    let paused = await shop.post("/v1/messages", message(body("Ana")))
    #expect(paused.status == 409)
    #expect(paused.code == "invalid_state")
    #expect(paused.text("detail")?.contains("PAUSED") == true)
  }

  @Test func `a message shows its pinned fields, its money and its end`() async throws {
    let shop = try await TestShop()
    let id = try #require(await shop.post("/v1/messages", shop.text()).text("id"))
    let jobs = try await shop.turn()
    #expect(jobs.first?.traceID == String(repeating: "a", count: 32))
    try await shop.turn(jobs.map { Shop.accepted($0) })
    let wamid = try #require(await shop.get("/v1/messages/\(id)").text("wamid"))
    try await shop.webhook(
      #"{"statuses":[{"id":"\#(wamid)","status":"failed","timestamp":"1795435201","#
        + #""errors":[{"code":131026,"title":"Undeliverable","error_data":{"details":"d"}}]}]}"#)
    let message = await shop.get("/v1/messages/\(id)")
    #expect(message.status == 200)
    for (key, value) in [
      ("id", id), ("direction", "outbound"), ("type", "text"), ("from", "106"),
      ("to", "+16505551234"), ("status", "failed"),
    ] { #expect(message.text(key) == value, "\(key)") }
    for key in [
      "wamid", "from_user_id", "content", "supported", "statuses", "error", "context_id",
      "campaign_id", "at",
    ] { #expect(message.json[key] != nil, "\(key)") }
    #expect(message.object("error").integer("code") == 131_026)
    #expect(message.object("error")["title"] as? String == "Undeliverable")
    #expect(message.object("error")["details"] as? String == "d")
    let status = try #require(message.objects("statuses").first)
    #expect(status["status"] as? String == "failed")
    #expect(status["at"] != nil && status["raw"] != nil)

    let money = await shop.get("/v1/messages/\(id)/money")
    #expect(money.text("currency") == "EUR")
    #expect(money.object("price").integer("amount_micros") == 400)
    #expect(money.object("price").integer("version") == 1)
    #expect(money.object("price")["market"] as? String == "US")
    #expect(money.object("price")["category"] as? String == "service")
    #expect(money.object("hold")["state"] as? String == "captured")
    #expect(money.objects("evidence").count == 1)
    #expect(
      money.objects("settlement").compactMap { $0["kind"] as? String }.suffix(1) == ["refund"])
    #expect(await shop.get("/v1/wallet").integer("available_micros") == 10_000)
    #expect(await shop.get("/v1/messages/msg_nonsense").code == "not_found")
    #expect(await shop.get("/v1/messages/msg_nonsense/money").code == "not_found")
  }

  @Test func `lists are filtered and paged without gaps`() async throws {
    let shop = try await TestShop()
    var ids: [String] = []
    for line in 0..<5 {
      let body = shop.text(to: "+1650555123\(line)")
      ids.append(try #require(await shop.post("/v1/messages", body).text("id")))
    }
    try await shop.webhook(
      #"{"contacts":[{"profile":{"name":"A\u0000na"},"wa_id":"16505551230"}],"messages":[{"#
        + #""from":"16505551230","id":"wamid.in","timestamp":"1795435201","type":"text","#
        + #""text":{"body":"hey"}}]}"#)
    var seen: [String] = []
    var target: String? = "/v1/messages?direction=outbound&limit=2"
    while let next = target {
      let page = await shop.get(next)
      seen += page.texts("id")
      target = page.text("next_cursor").map {
        "/v1/messages?direction=outbound&limit=2&cursor=\($0)"
      }
    }
    #expect(seen == ids.reversed())
    for (query, count) in [
      ("direction=inbound", 1), ("contact=%2B16505551230", 2), ("contact=+16505551230", 2),
      ("status=queued", 5), ("status=received", 1), ("wamid=wamid.in", 1), ("wamid=none", 0),
      ("phone_number_id=106", 6), ("phone_number_id=107", 0),
      ("direction=inbound&status=queued", 0),
    ] {
      #expect(await shop.get("/v1/messages?\(query)").objects("data").count == count, "\(query)")
    }
    let inbound = await shop.get("/v1/messages?direction=inbound").objects("data")[0]
    #expect(inbound["from"] as? String == "16505551230")
    #expect(inbound["status"] as? String == "received")
    #expect(inbound["supported"] as? Bool == true)
    for (query, code) in [
      ("direction=sideways", "invalid_field"), ("status=lost", "invalid_field"),
      ("campaign_id=x", "invalid_field"), ("limit=0", "invalid_field"),
      ("cursor=!!", "invalid_cursor"),
    ] { #expect(await shop.get("/v1/messages?\(query)").code == code, "\(query)") }
  }

  @Test func `a reconnected number sends what waited`() async throws {
    let shop = try await TestShop()
    _ = await shop.post("/v1/messages", shop.text())
    let jobs = try await shop.turn()
    let refused = SendResult(
      id: jobs[0].id, phoneNumberID: "106",
      outcome: .refused(GraphError(code: 190, title: "token", httpStatus: 401)))
    #expect(try await shop.turn([refused]).isEmpty)
    #expect(try await shop.turn().isEmpty)
    let wakes = shop.api.wakes.count
    let connect =
      #"{"phone_number_id":"106","waba_id":"7","access_token":"good","meta_app":"default"}"#
    #expect(await shop.post("/v1/numbers", connect).status == 201)
    #expect(shop.api.wakes.count == wakes + 1)
    #expect(try await shop.turn().count == 1)
  }
}
