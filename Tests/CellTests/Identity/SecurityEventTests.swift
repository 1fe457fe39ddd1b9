import Foundation
import Storage
import Testing
import Trust
import Wire

@testable import Cell

@Suite("Security events") struct SecurityEventTests {
  private func ofKeys(_ events: [[String: any Sendable]]) -> [String: any Sendable]? {
    events.first { $0["principal_kind"] as? String == "api_key" }
  }

  private func events(_ api: TestAPI, _ query: String = "") async -> [[String: any Sendable]] {
    await api.admin("GET", "/v1/tenants/t1/security-events?limit=500\(query)").list("data")
  }

  @Test func `a principal's minute is one event with every feature`() async throws {
    let shop = try await TestShop()
    let api = shop.api
    _ = api.services.security.windows.take(all: true)
    for _ in 0..<3 { _ = await shop.post("/v1/messages", shop.text()) }
    _ = await shop.get("/v1/contacts")
    _ = await shop.get("/v1/contacts/none")
    await api.services.security.round()
    #expect(await events(api).isEmpty, "the minute is not over")
    api.clock.advance(milliseconds: 60_000)
    await api.services.security.round()
    let found = try #require(ofKeys(await events(api)))
    func number(_ name: String) -> Int64? { (found[name] as? NSNumber)?.int64Value }
    #expect(number("version") == 1 && number("window_seconds") == 60)
    #expect(number("requests") == 5 && number("rate_per_minute") == 5)
    #expect(number("refused") == 1 && number("failed") == 0)
    #expect(number("failure_permille") == 200)
    #expect(number("distinct_routes") == 3)
    #expect(number("addresses") == 1 && number("new_addresses") == 1)
    #expect((number("request_bytes") ?? 0) > 0 && (number("response_bytes") ?? 0) > 0)
    #expect((number("spend_micros") ?? 0) > 0, "three messages were set aside for")
    #expect((0...23).contains(number("hour") ?? -1) && (1...7).contains(number("weekday") ?? 0))
    // The same address again is no news.
    _ = await shop.get("/v1/contacts")
    api.clock.advance(milliseconds: 60_000)
    await api.services.security.round()
    let newest = try #require(ofKeys(await events(api)))
    #expect((newest["new_addresses"] as? NSNumber)?.int64Value == 0)
    #expect((newest["spend_micros"] as? NSNumber)?.int64Value == 0)
  }

  @Test func `a window ends early where its principal is quiet, and not while it asks`()
    async throws
  {
    let shop = try await TestShop()
    let api = shop.api
    _ = api.services.security.windows.take(all: true)
    for _ in 0..<5 {
      _ = await shop.get("/v1/contacts")
      api.clock.advance(milliseconds: 11_000)
      await api.services.security.round()
    }
    #expect(await events(api).isEmpty, "it asks again and again")
    api.clock.advance(milliseconds: 1_000)
    await api.services.security.round()
    let found = try #require(ofKeys(await events(api)))
    #expect((found["requests"] as? NSNumber)?.int64Value == 5)
    // The next request begins a window of its own.
    _ = await shop.get("/v1/contacts")
    await api.services.security.round()
    #expect(await events(api).filter { ofKeys([$0]) != nil }.count == 1)
  }

  @Test func `those whom nobody knows are counted, and what is stored is published`() async throws {
    let api = try TestAPI()
    let published = Collector()
    api.services.security.publish { await published.add($0) }
    for _ in 0..<4 { _ = await api.api("GET", "/v1/contacts", bearer: "nonsense") }
    await api.services.security.round(all: true)
    let found = try #require(await published.events.first)
    #expect(found.principalKind == .anonymous && found.features.refused == 4)
    #expect(SecurityEvent(json: found.json) == found)
    let list = await events(api, "&principal=")
    #expect(list.count == 1)
  }

  @Test func `events and origins of a tenant are bounded`() async throws {
    let api = try TestAPI()
    try await api.services.store.write(TestAPI.tenant, .init(requestID: "", traceID: "")) { tx in
      let rows = try SecurityEventsStore(tx)
      for index in 0..<30 {
        try rows.insert(
          tx.freshID(),
          SecurityEvent(
            tenant: tx.tenant, principalKind: .user, principal: "u\(index)", at: tx.now,
            features: .init()))
      }
      try rows.trim(to: 10)
      #expect(try rows.count() == 10)
      let newest = try rows.list(before: RowID(.max), principal: nil, limit: 1).first
      #expect(newest?.1.principal == "u29")
      let addresses = Set((0..<200).map { "192.0.2.\($0)" })
      #expect(try rows.note(addresses, .address, of: "user:u", at: tx.now) == 200)
      let kept = try tx.file(.sessions).first("SELECT count(*) FROM known_origins") { $0.int(0) }
      #expect(kept == SecurityEventsStore.origins)
    }
  }

  @Test func `a form of another version is not read`() {
    let event = SecurityEvent(
      tenant: TestAPI.tenant, principalKind: .user, principal: "u", at: .zero, features: .init())
    #expect(event.hour == 0 && event.weekday == 4, "1970 began on a Thursday")
    let text = String(decoding: event.json, as: UTF8.self)
    let other = text.replacing("\"version\":1", with: "\"version\":2")
    #expect(SecurityEvent(json: Array(other.utf8)) == nil)
  }
}

private actor Collector {
  private(set) var events: [SecurityEvent] = []
  func add(_ event: SecurityEvent) { events.append(event) }
}
