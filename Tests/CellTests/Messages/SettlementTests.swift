import Testing
import Wire

@testable import Cell

@Suite("Settlement") struct SettlementTests {
  private static let funds: Int64 = 10_000_000
  private static let free = #"{"type":"free_entry_point","category":"service"}"#

  private static func regular(_ category: String) -> String {
    #"{"billable":true,"pricing_model":"PMP","type":"regular","category":"\#(category)"}"#
  }

  /// Every category at its own price; the book's second version has others.
  private func reprice(_ shop: Shop, _ factor: Int64) async throws {
    try await shop.write { tx in
      let rates = MessageCategory.allCases.map {
        Rate(
          market: .any, category: $0, validFrom: .zero,
          amount: Micros(factor * (Shop.price + 100 * $0.rawValue)))
      }
      _ = try Prices(tx).replace(rates, currency: Books.eur)
    }
  }

  private func send(_ shop: Shop) async throws -> (RowID, String) {
    let id = try await shop.send(Shop.text)
    let jobs = try await shop.turn()
    _ = try await shop.turn(jobs.map(Shop.accepted))
    return (id, "wamid.\(id.rawValue)")
  }

  @Test func `a message that was free is given back, once`() async throws {
    let shop = try await Shop()
    let (_, wamid) = try await send(shop)
    for status in ["sent", "delivered", "delivered", "read"] {
      try await shop.status(wamid, status, pricing: Self.free)
    }
    #expect(try await shop.balances().available == Micros(Self.funds))
    try await shop.status(wamid, "failed", code: 131_026)
    #expect(try await shop.balances().balance == Micros(Self.funds))
  }

  @Test func `another category is re-rated at the prices of its time, and back`() async throws {
    let shop = try await Shop()
    try await reprice(shop, 1)
    let (_, wamid) = try await send(shop)
    #expect(try await shop.balances().available == Micros(Self.funds - 1_400))
    try await reprice(shop, 7)
    try await shop.status(wamid, "sent", pricing: Self.regular("marketing_lite"))
    #expect(try await shop.balances().available == Micros(Self.funds - 1_100))
    try await shop.status(wamid, "delivered", pricing: Self.regular("service"))
    #expect(try await shop.balances().available == Micros(Self.funds - 1_400))
    try await shop.status(wamid, "read", pricing: Self.regular("service"))
    #expect(try await shop.balances().available == Micros(Self.funds - 1_400))
  }

  @Test func `a failed message gives back what it was re-rated to and no more`() async throws {
    let shop = try await Shop()
    try await reprice(shop, 1)
    let (_, wamid) = try await send(shop)
    try await shop.status(wamid, "sent", pricing: Self.regular("utility"))
    try await shop.status(wamid, "failed", code: 131_026, pricing: Self.regular("marketing"))
    #expect(try await shop.balances().balance == Micros(Self.funds))
  }

  @Test func `a difference that the wallet cannot pay is flagged, never below zero`()
    async throws
  {
    let shop = try await Shop(funds: 1_100)
    try await shop.write { tx in
      let rates = [MessageCategory.service, .marketing].map {
        Rate(
          market: .any, category: $0, validFrom: .zero,
          amount: Micros($0 == .service ? 1_000 : 9_000))
      }
      _ = try Prices(tx).replace(rates, currency: Books.eur)
    }
    let (id, wamid) = try await send(shop)
    try await shop.status(wamid, "sent", pricing: Self.regular("marketing"))
    try await shop.status(wamid, "delivered", pricing: Self.regular("utility"))
    #expect(try await shop.balances().available == Micros(100))
    let alerts = try await shop.read { try MessageStore($0.file(.messages)).alerts(id).map(\.kind) }
    #expect(alerts == ["undercharged", "unrated"])
  }

  @Test func `pricing that came before the answer settles when they are joined`() async throws {
    let shop = try await Shop()
    let campaign = try await shop.campaign(recipients: 1)
    let jobs = try await shop.turn()
    let wamid = "wamid.\(jobs[0].id.rawValue)"
    try await shop.status(wamid, "delivered", pricing: Self.free)
    _ = try await shop.turn(jobs.map(Shop.accepted))
    #expect(try await shop.balances().balance == Micros(Self.funds))
    #expect(try await shop.tally(campaign).refunded == Shop.price)
  }

  @Test(arguments: [
    (#"{"pricing":null}"#, StatusPricing?.none), ("{}", nil), (#"{"pricing":[]}"#, nil),
    (#"{"pricing":{"type":7,"category":"referral_conversion"}}"#, nil),
    (#"{"pricing":{"type":"free_customer_service"}}"#, .free),
    (#"{"pricing":{"category":"authentication-international"}}"#, .charged(.authentication)),
  ])
  func `odd pricing is read without harm`(json: String, expected: StatusPricing?) {
    #expect(StatusPricing(status: Array(json.utf8)) == expected)
  }
}
