import Simulation
import Storage
import Testing
import Wire

@testable import Cell

/// Pages of recipients that come under one idempotency key at once, or are cut off in the middle.
@Suite("Pages under one key at once") struct PagesAtOnceTests {
  private static let people = (0..<20_000).map { "+49170\(1_000_000 + $0)" }
  private static let full = Array(people.prefix(10_000))

  private func withShop(_ body: (TestShop, MeetingStore) async throws -> Void) async throws {
    let clock = SimulatedWallClock()
    try await withRealEngine(CellSchema.schema, tenant: TestAPI.tenant, clock: clock) { engine in
      let store = MeetingStore(engine)
      try await body(
        try await TestShop(funds: 100_000_000, over: TestAPI(store, clock: clock)), store)
    }
  }

  private func recipients(_ shop: TestShop, _ campaign: String) async -> Int64? {
    await shop.get("/v1/campaigns/\(campaign)").object("counts").integer("recipients")
  }

  /// A full page takes several commands, three people take one.
  @Test(arguments: [9_000, 3])
  func `one of two pages is stored, and nothing of the other`(others: Int) async throws {
    try await withShop { shop, store in
      let id = try await shop.campaign()
      let other = Array(Self.people.suffix(others))
      // Neither is stored when the other looks whether the key is taken.
      store.meet(2)
      async let one = shop.addRecipients(id, page: 0, Self.full, key: "k")
      async let two = shop.addRecipients(id, page: 1, other, key: "k")
      let answers = await [one, two]
      let stored = try #require(answers.firstIndex { $0.status == 200 })
      let refused = answers[1 - stored]
      #expect(refused.status == 409)
      #expect(refused.code == "idempotency_conflict")
      let count = Int64(stored == 0 ? Self.full.count : others)
      #expect(answers[stored].integer("added") == count)
      #expect(await recipients(shop, id) == count)

      // The one is answered alike again, and the other is added under a key of its own.
      let pages = [Self.full, other]
      let again = await shop.addRecipients(id, page: stored, pages[stored], key: "k")
      #expect(again.bytes == answers[stored].bytes)
      let late = await shop.addRecipients(id, page: 1 - stored, pages[1 - stored], key: "k2")
      #expect(late.status == 200)
      #expect(await recipients(shop, id) == Int64(Self.full.count + others))
      #expect(await shop.post("/v1/campaigns/\(id)/start").status == 200)
    }
  }

  @Test func `two that are the same page are answered alike`() async throws {
    try await withShop { shop, store in
      let id = try await shop.campaign()
      store.meet(2)
      async let one = shop.addRecipients(id, Self.full, key: "k")
      async let two = shop.addRecipients(id, Self.full, key: "k")
      let answers = await [one, two]
      #expect(answers.map(\.status) == [200, 200])
      #expect(answers[0].bytes == answers[1].bytes)
      #expect(answers[0].integer("added") == 10_000)
      #expect(await recipients(shop, id) == 10_000)
    }
  }

  @Test func `a page that was cut off keeps its key, and goes on under it`() async throws {
    try await withShop { shop, store in
      let id = try await shop.campaign()
      store.cutOff(true)
      #expect(await shop.addRecipients(id, Self.full, key: "k").status == 503)
      store.cutOff(false)
      let part = try #require(await recipients(shop, id))
      #expect(part > 0 && part < 10_000)
      let refused = await shop.addRecipients(id, page: 1, ["+16505551234"], key: "k")
      #expect(refused.code == "idempotency_conflict")
      #expect(await recipients(shop, id) == part)
      let whole = await shop.addRecipients(id, Self.full, key: "k")
      #expect(whole.integer("added") == 10_000)
      #expect(await shop.addRecipients(id, Self.full, key: "k").bytes == whole.bytes)
      #expect(await recipients(shop, id) == 10_000)
    }
  }
}
