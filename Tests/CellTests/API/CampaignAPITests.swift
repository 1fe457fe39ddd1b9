import Testing
import Wire

@testable import Cell

@Suite("Campaigns API") struct CampaignAPITests {
  private static let people = ["+16505551230", "+16505551231", "+491701234567"]

  @Test func `a page has at most 10,000 recipients`() throws {
    func page(_ count: Int) throws(Failure) -> RecipientPage {
      let people = repeatElement(#"{"to":"+16505551230"}"#, count: count).joined(separator: ",")
      return try RecipientPage(
        Array(#"{"page":1,"recipients":[\#(people)]}"#.utf8), parameters: [], isNamed: false)
    }
    #expect(CampaignLimits.recipientsPerPage == 10_000)
    #expect(try page(10_000).entries.count == 10_000)
    let failure = #expect(throws: Failure.self) { _ = try page(10_001) }
    #expect(failure?.code == .invalidField)
    #expect(failure?.detail.hasPrefix("recipients") == true)
  }

  @Test func `a campaign is made, filled, started and reported, each once per key`()
    async throws
  {
    let shop = try await TestShop()
    let id = try await shop.campaign()
    #expect(id.hasPrefix("cmp_"))
    let draft = await shop.get("/v1/campaigns/\(id)")
    #expect(draft.text("state") == "draft")
    #expect(draft.integer("hold_micros") == 0)
    let added = await shop.addRecipients(id, Self.people + [Self.people[0]])
    #expect(added.status == 200)
    #expect(added.integer("added") == 3)
    #expect(added.integer("duplicates") == 1)
    #expect(await shop.addRecipients(id, Self.people + [Self.people[0]]).integer("recipients") == 3)
    #expect(await shop.addRecipients(id, [Self.people[0]]).code == "conflict")

    let started = await shop.post("/v1/campaigns/\(id)/start", key: "go")
    #expect(started.status == 200)
    #expect(started.text("state") == "running")
    #expect(started.integer("hold_micros") == 3_000)
    #expect(await shop.post("/v1/campaigns/\(id)/start", key: "go").bytes == started.bytes)
    #expect(await shop.post("/v1/campaigns/\(id)/start", key: "again").code == "invalid_state")
    #expect(await shop.get("/v1/wallet").integer("held_micros") == 3_000)

    let jobs = try await shop.turn()
    #expect(jobs.count == 3)
    try await shop.turn([
      Shop.accepted(jobs[0]), Shop.refused(jobs[1], 131_026),
      SendResult(id: jobs[2].id, phoneNumberID: "106", outcome: .ambiguous(reason: "reset")),
    ])
    let report = await shop.get("/v1/campaigns/\(id)")
    let counts = report.object("counts")
    for (key, count) in [
      ("recipients", 3), ("queued", 0), ("accepted", 1), ("delivered", 0), ("read", 0),
      ("failed", 1), ("ambiguous", 1), ("suppressed", 0),
    ] { #expect(counts.integer(key) == Int64(count), "\(key)") }
    let money = report.object("money")
    for (key, micros) in [
      ("held_micros", 1_000), ("captured_micros", 1_000), ("released_micros", 1_000),
      ("refunded_micros", 0),
    ] { #expect(money.integer(key) == Int64(micros), "\(key)") }
    #expect(money["currency"] as? String == "EUR")

    let first = await shop.get("/v1/campaigns/\(id)/recipients?limit=2")
    let cursor = try #require(first.text("next_cursor"))
    let second = await shop.get("/v1/campaigns/\(id)/recipients?limit=2&cursor=\(cursor)")
    #expect(first.texts("to") + second.texts("to") == Self.people)
    #expect(first.texts("state") + second.texts("state") == ["accepted", "failed", "ambiguous"])
    let failed = first.objects("data")[1]
    #expect(failed.integer("code") == 131_026)
    for key in ["message_id", "cause", "action"] {
      #expect(failed[key] is String, "\(key)")
    }
    let filtered = await shop.get("/v1/campaigns/\(id)/recipients?state=failed")
    #expect(filtered.texts("to") == [Self.people[1]])
    #expect(await shop.get("/v1/campaigns/\(id)/recipients?state=x").code == "invalid_field")
    let listed = await shop.get("/v1/messages?campaign_id=\(id)")
    #expect(listed.objects("data").count == 3)

    // The doubt is resolved by a status; nothing of it stays in the report.
    let doubtful = jobs[2].id.text(.message)
    try await shop.webhook(
      #"{"statuses":[{"id":"wamid.z","status":"read","timestamp":"1795435201","#
        + #""biz_opaque_callback_data":"\#(doubtful)"}]}"#)
    let last = await shop.get("/v1/campaigns/\(id)/recipients?cursor=\(cursor)").objects("data")[0]
    #expect(last["state"] as? String == "read")
    #expect(last["cause"] is String == false)
    #expect(await shop.get("/v1/wallet").integer("held_micros") == 0)
    #expect(await shop.get("/v1/wallet").integer("balance_micros") == 8_000)
  }

  @Test func `a start without money or price holds nothing and stays a draft`() async throws {
    for (shop, status, code) in [
      (try await TestShop(funds: 2_999), 402, "insufficient_funds"),
      (try await TestShop(market: "US"), 409, "price_missing"),
    ] {
      let id = try await shop.campaign()
      _ = await shop.addRecipients(id, Self.people)
      let refused = await shop.post("/v1/campaigns/\(id)/start")
      #expect(refused.status == status)
      #expect(refused.code == code)
      #expect(await shop.get("/v1/campaigns/\(id)").text("state") == "draft")
      #expect(await shop.get("/v1/wallet").integer("held_micros") == 0)
    }
  }

  @Test func `wrong fields are named`() async throws {
    let shop = try await TestShop()
    let template = #""template":{"name":"hello","language":"en_US"}"#
    let name = #""name":"c","number_id":"\#(shop.number)""#
    for (body, field) in [
      (#"{"name":7,"number_id":"x",\#(template)}"#, "name"),
      (#"{"name":"","number_id":"\#(shop.number)",\#(template)}"#, "name"),
      (#"{"name":"c","number_id":"x",\#(template)}"#, "number_id"),
      (#"{\#(name)}"#, "template"),
      (#"{\#(name),\#(template),"scheduled_at":"soon"}"#, "scheduled_at"),
    ] {
      let refused = await shop.post("/v1/campaigns", body)
      #expect(refused.code == "invalid_field", "\(body)")
      #expect(refused.text("detail")?.contains(field) == true, "\(refused.json)")
    }
    let id = try await shop.campaign()
    for (body, detail) in [
      (#"{"recipients":[{"to":"+16505551234","parameters":["A"]}]}"#, "page"),
      (#"{"page":0,"recipients":[]}"#, "recipients"),
      (#"{"page":0,"recipients":[{"to":"+1","parameters":["A"]}]}"#, "recipients[0].to"),
      (
        #"{"page":0,"recipients":[{"to":"+16505551234","parameters":[]}]}"#,
        "recipients[0].parameters"
      ),
      (
        #"{"page":0,"recipients":[{"to":"+16505551234","parameters":["A"],"to":"+16505551235"}]}"#,
        "recipients[0].to is there twice"
      ),
    ] {
      let refused = await shop.post("/v1/campaigns/\(id)/recipients", body)
      #expect(refused.code == "invalid_field", "\(body)")
      #expect(refused.text("detail")?.hasPrefix(detail) == true, "\(refused.json)")
    }
    #expect(await shop.get("/v1/campaigns/\(id)").object("counts").integer("recipients") == 0)
  }

  @Test func `a schedule starts a hold, beyond its 30 days it is refused`() async throws {
    let shop = try await TestShop()
    let id = try await shop.campaign()
    _ = await shop.addRecipients(id, Self.people)
    let now = Timestamp(milliseconds: shop.api.clock.milliseconds())
    func body(_ days: Int64) -> String {
      #"{"scheduled_at":"\#(now.adding(seconds: days * 86_400).rfc3339)"}"#
    }
    let refused = await shop.post("/v1/campaigns/\(id)/start", body(31))
    #expect(refused.code == "invalid_field")
    #expect(refused.text("detail")?.hasPrefix("scheduled_at") == true)
    #expect(await shop.get("/v1/wallet").integer("held_micros") == 0)
    let waits = await shop.post("/v1/campaigns/\(id)/start", body(2))
    #expect(waits.text("state") == "scheduled")
    #expect(await shop.get("/v1/wallet").integer("held_micros") == 3_000)
    #expect(try await shop.turn().isEmpty)
  }

  @Test func `a cancelled campaign gives its money back and waits for nobody`() async throws {
    let shop = try await TestShop()
    let id = try await shop.campaign()
    _ = await shop.addRecipients(id, Self.people)
    _ = await shop.post("/v1/campaigns/\(id)/start")
    for (verb, state) in [
      ("pause", "paused"), ("resume", "running"), ("cancel", "cancelled"), ("cancel", "cancelled"),
    ] { #expect(await shop.post("/v1/campaigns/\(id)/\(verb)").text("state") == state, "\(verb)") }
    #expect(await shop.post("/v1/campaigns/\(id)/resume").code == "invalid_state")
    #expect(try await shop.turn().isEmpty)
    let report = await shop.get("/v1/campaigns/\(id)")
    #expect(report.object("counts").integer("queued") == 0)
    #expect(report.object("counts").integer("cancelled") == 3)
    #expect(report.object("money").integer("released_micros") == 3_000)
    #expect(await shop.get("/v1/wallet").integer("available_micros") == 10_000)
    #expect(await shop.post("/v1/campaigns/cmp_x/start").code == "not_found")
    #expect(await shop.get("/v1/campaigns").texts("id") == [id])
  }
}
