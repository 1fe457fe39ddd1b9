import Simulation
import Storage
import Testing
import Wire

@testable import Cell

@Suite("Prices") struct PriceTests {
  private static func rate(_ market: String, _ amount: Int64, from: Int64 = 0) throws -> Rate {
    Rate(
      market: try #require(Market(code: market)), category: .marketing,
      validFrom: Timestamp(seconds: from), amount: Micros(amount))
  }

  @Test func `the market's own rate wins over any, the newest valid one over older`() throws {
    let books = try Books()
    let rates = try [
      Self.rate("*", 100), Self.rate("*", 110, from: 1_000), Self.rate("BR", 60),
      Self.rate("BR", 70, from: 2_000),
    ]
    try books.store.write(at: books.now) { tx in
      let prices = try Prices(tx)
      _ = try prices.replace(rates, currency: Books.eur)
      func amount(_ market: String, _ second: Int64) throws -> Int64 {
        try prices.quote(
          market: try #require(Market(code: market)), category: .marketing,
          at: Timestamp(seconds: second)
        ).amount.rawValue
      }
      #expect(try amount("BR", 0) == 60)
      #expect(try amount("BR", 1_999) == 60)
      #expect(try amount("BR", 2_000) == 70)
      #expect(try amount("DE", 999) == 100)
      #expect(try amount("DE", 1_000) == 110)
      #expect(try amount("*", 5_000) == 110)
      #expect(throws: Failure.self) {
        try prices.quote(market: .any, category: .utility, at: Timestamp(seconds: 5_000))
      }
      #expect(throws: Failure.self) {
        try prices.quote(market: .any, category: .marketing, at: Timestamp(seconds: -1))
      }
    }
  }

  @Test func `a changed book is a new version, the same book is not`() throws {
    let books = try Books()
    let (one, two) = (try Self.rate("*", 100), try Self.rate("FR", 90))
    try books.store.write(at: books.now) { tx in
      let prices = try Prices(tx)
      #expect(try prices.replace([one, two], currency: Books.eur).version == 1)
      #expect(try prices.replace([two, one], currency: Books.eur).version == 1)
      #expect(try prices.replace([one], currency: Books.eur).version == 2)
      let france = try #require(Market(code: "FR"))
      let quote = try prices.quote(market: france, category: .marketing, at: tx.now)
      #expect(quote.amount == Micros(100))
      #expect(quote.version == 2)
      #expect(quote.market == france)
      #expect(throws: Failure.self) { try prices.replace([one, one], currency: Books.eur) }
    }
    #expect(throws: SQLiteError.self) {
      try books.store.write(at: books.now) { tx in
        _ = try tx.file(.ledger).run("UPDATE prices SET amount = 1")
      }
    }
  }

  @Test(arguments: [
    ("+16505551234", "US"), ("14165550100", "CA"), ("18765550100", "JM"), ("16585550100", "JM"),
    ("18095550100", "DO"), ("17875550100", "PR"), ("12425550100", "BS"), ("79161234567", "RU"),
    ("77011234567", "KZ"), ("76001234567", "KZ"), ("447911123456", "GG"), ("447400123456", "GB"),
    ("5511987654321", "BR"), ("4915112345678", "DE"), ("390669812345", "VA"),
    ("393331234567", "IT"),
    ("262692123456", "RE"), ("262639123456", "YT"), ("59996123456", "CW"), ("5997123456", "BQ"),
    ("212528812345", "EH"), ("212612345678", "MA"), ("38345123456", "XK"), ("881612345678", "*"),
    ("80012345678", "*"), ("999123", "*"), ("", "*"), ("2111234567", "SS"),
    ("+971 50 123 4567", "AE"),
  ])
  func `a number belongs to the country of its longest prefix`(phone: String, market: String) {
    #expect(Market(phone: phone).code == market)
  }

  @Test func `every country of the table is two capital letters and found by its own code`() {
    #expect(CallingCodes.countries.count >= 235)
    for country in CallingCodes.countries { #expect(Market(code: country) != nil, "\(country)") }
  }

  @Test func `a user id tells its country`() {
    #expect(Market(userID: "BR.13491208655302741918")?.code == "BR")
    #expect(Market(userID: "US.ENT.1349")?.code == "US")
    #expect(Market(userID: "13491208655302741918") == nil)
    #expect(Market(userID: "*.1") == nil)
  }
}
