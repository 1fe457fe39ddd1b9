import Simulation
import Storage
import Testing
import Wire

@testable import Cell

/// On the real engine: it is its records that a page is cut for.
@Suite("Full pages of recipients") struct FullPageTests {
  private static let people = (0...10_000).map { "+49170\(1_000_000 + $0)" }
  private static let full = Array(people.prefix(10_000))

  private func withShop(_ body: (TestShop) async throws -> Void) async throws {
    let clock = SimulatedWallClock()
    try await withRealEngine(CellSchema.schema, tenant: TestAPI.tenant, clock: clock) { engine in
      try await body(try await TestShop(over: TestAPI(engine, clock: clock)))
    }
  }

  private func recipients(_ shop: TestShop, _ campaign: String) async -> Int64? {
    await shop.get("/v1/campaigns/\(campaign)").object("counts").integer("recipients")
  }

  @Test func `a page of 10,000 is added, once, and one of 10,001 adds nobody`() async throws {
    try await withShop { shop in
      let id = try await shop.campaign()
      // Each under a key of its own: the page's number says that it is the same.
      for _ in 0..<2 {
        let added = await shop.addRecipients(id, Self.full)
        #expect(added.status == 200)
        #expect(added.integer("added") == 10_000)
        #expect(added.integer("recipients") == 10_000)
      }
      let refused = await shop.addRecipients(id, page: 1, Self.people)
      #expect(refused.status == 400)
      #expect(refused.code == "invalid_field")
      #expect(await recipients(shop, id) == 10_000)
    }
  }

  @Test func `a page under another page's key adds nobody, however many commands it takes`()
    async throws
  {
    try await withShop { shop in
      let id = try await shop.campaign()
      let first = await shop.addRecipients(id, ["+16505551234"], key: "k")
      #expect(first.status == 200)
      let refused = await shop.addRecipients(id, page: 1, Self.full, key: "k")
      #expect(refused.status == 409)
      #expect(refused.code == "idempotency_conflict")
      #expect(await recipients(shop, id) == 1)
      #expect(await shop.addRecipients(id, ["+16505551234"], key: "k").bytes == first.bytes)
      // Nothing is left of the refused page that would hold up the campaign.
      #expect(await shop.post("/v1/campaigns/\(id)/start").status == 200)
    }
  }
}
