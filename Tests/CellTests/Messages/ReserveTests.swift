import Testing
import Wire

@testable import Cell

/// The template is a utility one at 200 micros; Meta may charge it as marketing, 500.
@Suite("Reserve for a dearer category") struct ReserveTests {
  private static let utility: Int64 = 200
  private static let marketing: Int64 = 500
  static let template =
    #"{"number_id":"NUMBER","to":"+16505551234","type":"template","template":{"name":"hello","#
    + #""language":{"code":"en_US"},"components":[{"type":"body","parameters":[{"type":"text","#
    + #""text":"A"}]}]}}"#

  private static func regular(_ category: String) -> String {
    #"{"billable":true,"pricing_model":"PMP","type":"regular","category":"\#(category)"}"#
  }

  private func shop(
    funds: Int64, utility: Int64 = ReserveTests.utility
  ) async throws -> Shop {
    let shop = try await Shop(funds: funds, category: "UTILITY")
    try await shop.write { tx in
      let prices: [MessageCategory: Int64] = [.utility: utility, .marketing: Self.marketing]
      _ = try Prices(tx).replace(
        prices.map {
          Rate(market: .any, category: $0.key, validFrom: .zero, amount: Micros($0.value))
        }, currency: Books.eur)
    }
    return shop
  }

  private func send(_ shop: Shop) async throws -> (id: RowID, wamid: String) {
    let id = try await shop.send(Self.template)
    _ = try await shop.turn(try await shop.turn().map(Shop.accepted))
    return (id, "wamid.\(id.rawValue)")
  }

  private func money(_ shop: Shop) async throws -> [Int64] {
    let balances = try await shop.balances()
    return [balances.available.rawValue, balances.held.rawValue]
  }

  @Test func `nothing is sent that the wallet could not pay as the dearest category`() async throws
  {
    let shop = try await shop(funds: Self.marketing - 1)
    await #expect(throws: Failure.self) { _ = try await shop.send(Self.template) }
    #expect(try await money(shop) == [Self.marketing - 1, 0])
    await #expect(throws: Failure.self) { _ = try await shop.campaign(recipients: 1) }
  }

  @Test func `the difference is held until Meta says what it charges`() async throws {
    let shop = try await shop(funds: 1_000)
    let (_, wamid) = try await send(shop)
    #expect(try await money(shop) == [500, 300])
    try await shop.status(wamid, "sent", pricing: Self.regular("utility"))
    #expect(try await money(shop) == [800, 0])
    try await shop.status(wamid, "delivered", pricing: Self.regular("utility"))
    #expect(try await money(shop) == [800, 0])
  }

  @Test func `a dearer category is paid even where the wallet is empty`() async throws {
    let shop = try await shop(funds: Self.marketing)
    let (id, wamid) = try await send(shop)
    #expect(try await money(shop) == [0, 300])
    try await shop.status(wamid, "sent", pricing: Self.regular("marketing"))
    #expect(try await money(shop) == [0, 0])
    try await shop.status(wamid, "delivered", pricing: Self.regular("marketing"))
    let alerts = try await shop.read { try MessageStore($0.file(.messages)).alerts(id) }
    #expect(alerts.isEmpty)
    #expect(try await shop.balances().balance == .zero)
    try await shop.status(wamid, "failed", code: 131_026)
    #expect(try await money(shop) == [0, 0], "it was delivered")
  }

  @Test func `what fails or was free gives everything back`() async throws {
    let shop = try await shop(funds: 1_000)
    let (_, failed) = try await send(shop)
    try await shop.status(failed, "failed", code: 131_026)
    #expect(try await money(shop) == [1_000, 0])
    let (_, free) = try await send(shop)
    try await shop.status(
      free, "sent", pricing: #"{"type":"free_customer_service","category":"utility"}"#)
    #expect(try await money(shop) == [1_000, 0])
    let refused = try await shop.send(Self.template)
    let jobs = try await shop.turn()
    _ = try await shop.turn(jobs.map { Shop.refused($0, 131_026) })
    #expect(try await shop.standing(refused)?.state == .failed)
    #expect(try await money(shop) == [1_000, 0])
  }

  @Test func `what failed costs nothing, whatever a late status says of its price`() async throws {
    let shop = try await shop(funds: 1_000, utility: 0)
    let (_, wamid) = try await send(shop)
    try await shop.status(wamid, "failed", code: 131_026)
    try await shop.status(wamid, "sent", pricing: Self.regular("marketing"))
    #expect(try await money(shop) == [1_000, 0])
  }

  @Test func `what failed, arrived all the same and was free as declared is paid once`()
    async throws
  {
    let shop = try await shop(funds: 2_000, utility: 0)
    let (_, wamid) = try await send(shop)
    try await shop.status(wamid, "failed", code: 131_026)
    try await shop.status(wamid, "delivered", pricing: Self.regular("marketing"))
    #expect(try await money(shop) == [2_000 - Self.marketing, 0])
  }

  @Test func `a campaign's hold ends when its last message is settled`() async throws {
    let shop = try await shop(funds: 10_000)
    let id = try await shop.campaign(recipients: 4)
    #expect(try await money(shop) == [8_000, 2_000])
    let jobs = try await shop.turn()
    _ = try await shop.turn(jobs.dropLast().map(Shop.accepted) + [Shop.refused(jobs[3], 131_026)])
    #expect(try await shop.state(id) == .completed)
    #expect(try await shop.tally(id).reserved == 900)
    #expect(try await money(shop) == [8_500, 900])
    let wamids = jobs.map { "wamid.\($0.id.rawValue)" }
    try await shop.status(wamids[0], "sent", pricing: Self.regular("utility"))
    #expect(try await money(shop) == [8_800, 600])
    for status in ["sent", "delivered"] {
      try await shop.status(wamids[1], status, pricing: Self.regular("marketing"))
    }
    #expect(try await money(shop) == [8_800, 300])
    try await shop.status(wamids[2], "failed", code: 131_026)
    #expect(try await money(shop) == [9_300, 0])
    let tally = try await shop.tally(id)
    #expect(tally.reserved == 0)
    #expect(tally.captured - tally.refunded == Self.utility + Self.marketing)
    #expect(tally.captured + tally.released == 2_000)
    let state = try await shop.read { snapshot in
      let hold = try CampaignStore(snapshot.file(.messages)).launch(id)?.hold ?? RowID(0)
      return try LedgerStore(snapshot.file(.ledger)).hold(hold)?.state
    }
    #expect(state == .captured)
  }

  @Test func `a cancelled campaign keeps only what accepted messages may still cost`() async throws
  {
    let shop = try await shop(funds: 10_000)
    let id = try await shop.campaign(recipients: 5)
    let jobs = try await shop.turn(claim: 2)
    _ = try await shop.turn([Shop.accepted(jobs[0])], claim: 0)
    try await shop.write { try CampaignCommands($0).cancel(id) }
    // One accepted, one under way.
    #expect(try await money(shop) == [10_000 - 200 - 300 - 500, 800])
    _ = try await shop.turn([Shop.accepted(jobs[1])], claim: 0)
    for job in jobs {
      try await shop.status("wamid.\(job.id.rawValue)", "sent", pricing: Self.regular("utility"))
    }
    #expect(try await money(shop) == [9_600, 0])
  }

  @Test func `after the hold ran out a dearer category is paid from the wallet`() async throws {
    let shop = try await shop(funds: 1_000)
    let (_, wamid) = try await send(shop)
    shop.clock.advance(milliseconds: (MessageLimits.holdSeconds + 1) * 1_000)
    _ = try await shop.write { try Ledger($0).expireHolds() }
    #expect(try await money(shop) == [800, 0])
    try await shop.status(wamid, "sent", pricing: Self.regular("marketing"))
    #expect(try await money(shop) == [500, 0])
  }

  @Test func `resumed after its hold ran out, a campaign holds the worst anew, old reserves apart`()
    async throws
  {
    let shop = try await shop(funds: 10_000)
    let id = try await shop.campaign(recipients: 3)
    let first = try await shop.turn(claim: 1)
    _ = try await shop.turn(first.map(Shop.accepted), claim: 0)
    try await shop.write { try CampaignCommands($0).pause(id) }
    shop.clock.advance(milliseconds: (MessageLimits.holdSeconds + 1) * 1_000)
    _ = try await shop.write { try Ledger($0).expireHolds() }
    try await shop.write { try CampaignCommands($0).resume(id) }
    #expect(try await money(shop) == [10_000 - 200 - 1_000, 1_000])
    // The first one's reserve went back with the old hold; the new one is for the others.
    try await shop.status(
      "wamid.\(first[0].id.rawValue)", "sent", pricing: Self.regular("marketing"))
    #expect(try await money(shop) == [10_000 - 500 - 1_000, 1_000])
    let rest = try await shop.turn()
    _ = try await shop.turn(rest.map(Shop.accepted))
    #expect(try await shop.tally(id).reserved == 600)
    for job in rest {
      try await shop.status("wamid.\(job.id.rawValue)", "sent", pricing: Self.regular("utility"))
    }
    #expect(try await money(shop) == [10_000 - 500 - 400, 0])
  }

  @Test func `what is free as declared is not sent without the money that it may cost`()
    async throws
  {
    let shop = try await shop(funds: 1_000)
    try await shop.write { tx in
      let rates = [MessageCategory.utility: 0, .marketing: Self.marketing].map {
        Rate(market: .any, category: $0.key, validFrom: .zero, amount: Micros($0.value))
      }
      _ = try Prices(tx).replace(rates, currency: Books.eur)
    }
    let id = try await shop.campaign(recipients: 1)
    #expect(try await money(shop) == [500, 500])
    shop.clock.advance(milliseconds: (MessageLimits.holdSeconds + 1) * 1_000)
    _ = try await shop.write { try Ledger($0).expireHolds() }
    #expect(try await shop.turn().isEmpty)
    #expect(try await shop.state(id) == .paused)
  }
}
