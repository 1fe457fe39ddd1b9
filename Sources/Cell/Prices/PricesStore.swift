import Storage
import Wire

/// The price book's SQL, over a writing or a reading connection.
struct PricesStore {
  private let db: Connection

  init(_ connection: Connection) { db = connection }

  /// The price in a version of the book, or in the newest.
  func quote(
    market: Market, category: MessageCategory, at: Timestamp, version: Int64? = nil
  ) throws -> PriceQuote? {
    for candidate in market == .any ? [Market.any] : [market, .any] {
      let quote = try db.first(
        """
        SELECT id, version, amount FROM prices
        WHERE version = coalesce(?4, (SELECT max(version) FROM price_books))
          AND market = ?1 AND category = ?2 AND valid_from <= ?3
        ORDER BY valid_from DESC LIMIT 1
        """, .text(candidate.code), .integer(category.rawValue), .integer(at.milliseconds),
        .optional(version)
      ) { row in
        PriceQuote(
          id: RowID(row.int64(0)), version: row.int64(1), amount: Micros(row.int64(2)),
          market: market, category: category)
      }
      if let quote { return quote }
    }
    return nil
  }

  /// When the newest version next has another price for a market or for any; nil: never.
  func nextChange(
    market: Market, category: MessageCategory, after: Timestamp
  ) throws -> Timestamp? {
    try db.first(
      """
      SELECT min(valid_from) FROM prices
      WHERE version = (SELECT max(version) FROM price_books) AND market IN (?, ?)
        AND category = ? AND valid_from > ?
      """, .text(market.code), .text(Market.any.code), .integer(category.rawValue),
      .integer(after.milliseconds)
    ) { $0.optionalInt64(0).map { Timestamp(milliseconds: $0) } } ?? nil
  }

  func current() throws -> PriceBook? {
    let head = try db.first(
      "SELECT version, currency FROM price_books ORDER BY version DESC LIMIT 1"
    ) { row in Currency(row.text(1)).map { (row.int64(0), $0) } }
    guard let (version, currency) = head ?? nil else { return nil }
    let rates = try db.rows(
      """
      SELECT market, category, valid_from, amount FROM prices WHERE version = ?
      ORDER BY market, category, valid_from
      """, .integer(version)
    ) { row -> Rate? in
      guard let market = Market(code: row.text(0)),
        let category = MessageCategory(rawValue: row.int64(1))
      else { return nil }
      return Rate(
        market: market, category: category, validFrom: Timestamp(milliseconds: row.int64(2)),
        amount: Micros(row.int64(3)))
    }
    return PriceBook(version: version, currency: currency, rates: rates.compactMap { $0 })
  }

  /// The market that a price is for: a country or `*`.
  func market(ofPrice id: RowID) throws -> String? {
    try db.first("SELECT market FROM prices WHERE id = ?", .integer(id.rawValue)) { $0.text(0) }
  }

  func insert(_ book: PriceBook, at: Timestamp, freshID: () -> RowID) throws {
    try db.run(
      "INSERT INTO price_books (version, currency, at) VALUES (?, ?, ?)",
      .integer(book.version), .text(book.currency.code), .integer(at.milliseconds))
    for rate in book.rates {
      try db.run(
        """
        INSERT INTO prices (id, version, market, category, valid_from, amount)
        VALUES (?, ?, ?, ?, ?, ?)
        """, .integer(freshID().rawValue), .integer(book.version), .text(rate.market.code),
        .integer(rate.category.rawValue), .integer(rate.validFrom.milliseconds),
        .integer(rate.amount.rawValue))
    }
  }
}
