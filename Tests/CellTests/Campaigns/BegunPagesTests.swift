import Simulation
import Storage
import Testing
import Wire

@testable import Cell

/// The limit of a campaign and the key of a page, where a page is cut off or another begins.
@Suite("Pages that have begun") struct BegunPagesTests {
  private static let people = (0..<20_000).map { "+49170\(1_000_000 + $0)" }
  private static let pages = [Array(people.prefix(10_000)), Array(people.suffix(10_000))]
  private static let most = Int64(CampaignLimits.recipients)

  private func withShop(_ body: (TestShop, MeetingStore) async throws -> Void) async throws {
    let clock = SimulatedWallClock()
    try await withRealEngine(CellSchema.schema, tenant: TestAPI.tenant, clock: clock) { engine in
      let store = MeetingStore(engine)
      try await body(try await TestShop(over: TestAPI(store, clock: clock)), store)
    }
  }

  /// A campaign as if so many had been added before.
  private func campaign(_ recipients: Int64, _ shop: TestShop) async throws -> String {
    let text = try await shop.campaign()
    let id = try #require(RowID(text, .campaign))
    try await shop.api.services.store.write(TestAPI.tenant, Shop.origin) { tx in
      var tally = CampaignTally()
      tally.recipients = recipients
      try CampaignStore(try tx.file(.messages)).add(tally, to: id)
    }
    return text
  }

  private func recipients(_ shop: TestShop, _ campaign: String) async -> Int64? {
    await shop.get("/v1/campaigns/\(campaign)").object("counts").integer("recipients")
  }

  @Test func `two pages that begin at once do not go over the limit together`() async throws {
    try await withShop { shop, store in
      let id = try await campaign(Self.most - 15_000, shop)
      store.meet(2)
      async let one = shop.addRecipients(id, page: 0, Self.pages[0])
      async let two = shop.addRecipients(id, page: 1, Self.pages[1])
      let answers = await [one, two]
      #expect(answers.map(\.status).sorted() == [200, 400])
      let refused = try #require(answers.first { $0.status == 400 })
      #expect(refused.code == "invalid_field")
      #expect(refused.text("detail")?.hasPrefix("recipients") == true)
      #expect(await recipients(shop, id) == Self.most - 5_000)
    }
  }

  @Test func `a page that was cut off keeps its room until it is whole`() async throws {
    try await withShop { shop, store in
      let id = try await campaign(Self.most - 15_000, shop)
      store.cutOff(true)
      #expect(await shop.addRecipients(id, page: 0, Self.pages[0], key: "k").status == 503)
      store.cutOff(false)
      let refused = await shop.addRecipients(id, page: 1, Self.pages[1])
      #expect(refused.code == "invalid_field")
      #expect(await shop.addRecipients(id, page: 0, Self.pages[0], key: "k").status == 200)
      let rest = await shop.addRecipients(id, page: 1, Array(Self.pages[1].prefix(5_000)))
      #expect(rest.status == 200)
      #expect(await recipients(shop, id) == Self.most)
    }
  }

  /// A version before looks there, and gives what it finds to whoever repeats.
  @Test func `nothing is kept under a client's key before the page is whole`() async throws {
    try await withShop { shop, store in
      let id = try await shop.campaign()
      let list = Self.pages[0].map { #"{"to":"\#($0)","parameters":["Ana"]}"# }
      let body = #"{"page":0,"recipients":[\#(list.joined(separator: ","))]}"#
      let path = "/v1/campaigns/\(id)/recipients"
      let key = try #require(APIKeyText(shop.bearer))
      let claim = IdempotencyClaim(
        principal: "key:\(key.publicID)", key: "k",
        payloadHash: Digest.sha256(Array("POST \(path)\n\(body)".utf8)), file: .messages,
        retentionSeconds: IdempotencyClaim.dayRetention)
      func kept() async throws -> StoredAnswer? {
        try await shop.api.services.store.read(TestAPI.tenant, [.messages, .ledger]) {
          try $0.answer(under: claim)
        }
      }
      store.cutOff(true)
      #expect(await shop.post(path, body, key: "k").status == 503)
      #expect(try await kept() == nil)
      store.cutOff(false)
      let whole = await shop.post(path, body, key: "k")
      #expect(whole.status == 200)
      #expect(try await kept()?.body == whole.bytes)
      #expect(await shop.post(path, body, key: "k").bytes == whole.bytes)
    }
  }

  @Test func `room that a version before left taken is free where every page is whole`()
    async throws
  {
    try await withShop { shop, store in
      let text = try await campaign(Self.most - 15_000, shop)
      let id = try #require(RowID(text, .campaign))
      store.cutOff(true)
      #expect(await shop.addRecipients(text, page: 0, Self.pages[0], key: "k").status == 503)
      store.cutOff(false)
      // A version before knows of no room: it completes the page, and leaves it taken.
      try await shop.api.services.store.write(TestAPI.tenant, Shop.origin) { tx in
        let queue = CampaignQueueStore(try tx.file(.messages))
        let stored = try #require(try queue.page(0, of: id))
        var tally = CampaignTally()
        tally.recipients = Int64(10_000 - stored.added)
        try CampaignStore(try tx.file(.messages)).add(tally, to: id)
        try queue.insertPage(
          0, chunk: stored.chunks, of: id, added: 10_000 - stored.added, duplicates: 0,
          hash: stored.hash, isLast: true)
      }
      func awaited() async throws -> Int64 {
        try await shop.api.services.store.read(TestAPI.tenant, [.messages, .ledger]) {
          try CampaignQueueStore($0.file(.messages)).awaited(id)
        }
      }
      #expect(try await awaited() > 0)
      let rest = Array(Self.pages[1].prefix(5_000))
      let added = await shop.addRecipients(text, page: 1, rest)
      #expect(added.status == 200, "\(added.json)")
      #expect(await recipients(shop, text) == Self.most)
      #expect(try await awaited() == 0)
    }
  }
}
