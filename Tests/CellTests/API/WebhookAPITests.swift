import Foundation
import Testing
import Wire

@testable import Cell

@Suite("Webhook events API") struct WebhookAPITests {
  @Test func `what is not understood is kept byte for byte, listed and paged, once`()
    async throws
  {
    let shop = try await TestShop()
    for _ in 0..<2 {
      try await shop.webhook(#"{"event":"B\/C","n":1}"#, field: "account_alerts")
      try await shop.webhook("not json", field: "flows")
      try await shop.webhook(#"{"messages":[{"from":"16505551234"},7,null]}"#)
      try await shop.webhook(#"{"messages":{},"statuses":[{"id":"w"},[]]}"#)
    }
    let all = await shop.get("/v1/webhook-events")
    #expect(all.objects("data").count == 8)
    let alerts = await shop.get("/v1/webhook-events?field=account_alerts")
    #expect(alerts.objects("data").count == 1)
    #expect(
      String(decoding: alerts.bytes, as: UTF8.self).contains(#""value":{"event":"B\/C","n":1}"#))
    let flows = await shop.get("/v1/webhook-events?field=flows").objects("data")
    #expect(flows.first?["text"] as? String == "not json")
    #expect(flows.first?["quarantine"] is String)
    let page = await shop.get("/v1/webhook-events?limit=4")
    let cursor = try #require(page.text("next_cursor"))
    let rest = await shop.get("/v1/webhook-events?limit=4&cursor=\(cursor)")
    #expect(page.texts("id") + rest.texts("id") == all.texts("id"))
    #expect(rest.text("next_cursor") == nil)
    let poor = await shop.api.makeKey(#""scopes":["wallet:read"]"#)
    #expect(await shop.api.api("GET", "/v1/webhook-events", bearer: poor).code == "forbidden")
  }

  @Test func `a page of large values ends by its bytes, and none is left out`() async throws {
    let shop = try await TestShop()
    for n in 0..<9 {
      let filler = String(repeating: "x", count: 900_000)
      try await shop.webhook(#"{"n":\#(n),"x":"\#(filler)"}"#, field: "history")
    }
    var numbers: [Int] = []
    var cursor = ""
    var pages = 0
    repeat {
      let page = await shop.get("/v1/webhook-events?cursor=\(cursor)")
      #expect(page.status == 200)
      numbers += page.objects("data").compactMap { ($0["value"] as? [String: Any])?["n"] as? Int }
      cursor = page.text("next_cursor") ?? ""
      pages += 1
    } while !cursor.isEmpty && pages < 20
    #expect(numbers == (0..<9).reversed() && pages == 3)
  }

  @Test func `a value longer than a command takes is kept whole, in parts`() async throws {
    let shop = try await TestShop()
    let long = #"{"history":"\#(String(repeating: "x", count: 2_900_000))"}"#
    for _ in 0..<2 { try await shop.webhook(long, field: "history") }
    let parts = await shop.get("/v1/webhook-events?field=history").objects("data")
    #expect(
      parts.compactMap { $0["quarantine"] as? String }.first?.hasPrefix("part 8 of 8") == true)
    #expect(parts.reversed().compactMap { $0["text"] as? String }.joined() == long)
  }
}
