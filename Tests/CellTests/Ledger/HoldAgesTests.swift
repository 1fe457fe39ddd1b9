import Storage
import Testing
import Wire

@testable import Cell

@Suite("Ages of holds") struct HoldAgesTests {
  private let now = Timestamp(milliseconds: 1_795_435_200_000)

  @Test func `holds are counted by age, and grow older without being read again`() throws {
    let currency = try #require(Currency("EUR"))
    var summary = HoldAges.Summary(currency: currency)
    for (minutes, micros) in [(10, 1), (70, 2), (1_500, 4), (11_000, 8), (50_000, 16)] {
      summary.add(
        madeAt: now.adding(seconds: -60 * Int64(minutes)), micros: Int64(micros), now: now)
    }
    var ages = HoldAges()
    ages.set(TenantID(trusted: "a"), summary)
    ages.set(TenantID(trusted: "b"), summary)
    func totals(_ now: Timestamp) -> [Int64] {
      let totals = ages.totals(now: now)
      return HoldAges.Age.allCases.map {
        totals[HoldAges.Key(age: $0, currency: currency)]?.micros ?? 0
      }
    }
    #expect(totals(now) == [2, 4, 8, 16, 32])
    #expect(totals(now.adding(seconds: 3_600)) == [0, 6, 8, 16, 32])
    let empty = HoldAges.Summary(currency: try #require(Currency("USD")))
    ages.set(TenantID(trusted: "c"), empty)
    // Nothing is held: a zero, not nothing.
    #expect(ages.totals(now: now)[.init(age: .hour, currency: empty.currency)]?.count == 0)
    ages.set(TenantID(trusted: "a"), nil)
    #expect(totals(now) == [1, 2, 4, 8, 16])
  }

  @Test func `a ledger tells what each pending hold still holds`() async throws {
    let shop = try await Shop()
    let campaign = try await shop.campaign(recipients: 4)
    let held = try await shop.balances().held.rawValue
    #expect(held > 0)
    let summary = try await shop.write { tx in
      try LedgerStore(tx.file(.ledger)).pendingHolds(now: tx.now)
    }
    let steps = try #require(summary?.steps)
    #expect(steps.values.reduce(0) { $0 + $1.micros } == held)
    #expect(steps.values.allSatisfy { $0.count > 0 })
    for result in try await shop.turn().map(Shop.accepted) { _ = try await shop.turn([result]) }
    #expect(try await shop.state(campaign) == .completed)
    let after = try await shop.write { tx in
      try LedgerStore(tx.file(.ledger)).pendingHolds(now: tx.now)
    }
    #expect(after?.steps.isEmpty == true)
  }
}
