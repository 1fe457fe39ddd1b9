import Storage
import Wire

/// The price of one message at one moment, as it goes into the usage event.
struct PriceQuote: Hashable, Sendable {
  /// The rate's own identifier.
  let id: RowID
  /// The version of the price book that the rate stands in.
  let version: Int64
  let amount: Micros
  /// The recipient's market.
  let market: Market
  let category: MessageCategory
}

/// One line of a price book: what a category costs in a market from a moment on.
struct Rate: Hashable, Sendable {
  /// A country or ``Market/any``.
  let market: Market
  let category: MessageCategory
  let validFrom: Timestamp
  let amount: Micros
}

/// A version of a tenant's prices.
///
/// Versions are added, never changed.
struct PriceBook: Hashable, Sendable {
  let version: Int64
  let currency: Currency
  let rates: [Rate]

  static let maximumRates = 5_000
}

/// A tenant's price book inside one transaction.
struct Prices {
  private let tx: Transaction
  private let store: PricesStore

  init(_ tx: Transaction) throws {
    self.tx = tx
    store = PricesStore(try tx.file(.ledger))
  }

  /// The price of a message to `market` at `at`: the market's own rate, else that of any market;
  /// of these the newest that is valid by then.
  ///
  /// Throws `price_missing` where there is none.
  func quote(market: Market, category: MessageCategory, at: Timestamp) throws -> PriceQuote {
    guard let quote = try find(market: market, category: category, at: at) else {
      throw Failure(
        .priceMissing, "there is no \(category.name) price for \(market.code) at \(at.rfc3339)")
    }
    return quote
  }

  /// What is to be held beyond the price of `quote`, so that the message is paid whatever category
  /// Meta charges it as; zero where none is dearer.
  ///
  /// A category without a price cannot be charged and counts for nothing.
  func reserve(beyond quote: PriceQuote, at: Timestamp) throws -> Micros {
    let others = quote.category.mayBeChargedAs.filter { $0 != quote.category }
    let dearest = try others.compactMap {
      try find(market: quote.market, category: $0, at: at)?.amount
    }.max()
    guard let dearest, dearest > quote.amount else { return .zero }
    return try dearest.subtracting(quote.amount)
  }

  private func find(
    market: Market, category: MessageCategory, at: Timestamp
  ) throws -> PriceQuote? {
    let span = try tx.remember(
      Key(market: market, category: category), in: .ledger, tables: PricesSchema.tableIDs,
      isValid: { $0.holds(at: at) }
    ) {
      let store = PricesStore($0)
      return QuoteSpan(
        quote: try store.quote(market: market, category: category, at: at), from: at,
        until: try store.nextChange(market: market, category: category, after: at))
    }
    return span.quote
  }

  private struct Key: Hashable {
    let market: Market
    let category: MessageCategory
  }

  /// A price and the time in which the book names no other.
  private struct QuoteSpan {
    let quote: PriceQuote?
    let from: Timestamp
    let until: Timestamp?

    func holds(at time: Timestamp) -> Bool { time >= from && until.map { time < $0 } ?? true }
  }

  /// The price in an earlier version of the book, for re-rating; nil where it had none.
  func quote(
    market: Market, category: MessageCategory, at: Timestamp, version: Int64
  ) throws -> PriceQuote? {
    try store.quote(market: market, category: category, at: at, version: version)
  }

  /// Makes `rates` the tenant's prices.
  ///
  /// The same rates again keep the version.
  ///
  /// Throws `invalid_field` where two rates are for the same market, category and moment,
  /// `currency_mismatch` where the wallet is in another currency.
  func replace(_ rates: [Rate], currency: Currency) throws -> PriceBook {
    guard rates.count <= PriceBook.maximumRates else {
      throw Failure(.invalidField, "rates: at most \(PriceBook.maximumRates)")
    }
    var seen: Set<String> = []
    for rate in rates {
      guard rate.amount >= .zero, rate.amount <= LedgerLimits.maximumAmount else {
        throw Failure(.amountOutOfRange, "rates: amount_micros must be between 0 and 10^15")
      }
      let key = "\(rate.market.code) \(rate.category.rawValue) \(rate.validFrom.milliseconds)"
      guard seen.insert(key).inserted else {
        throw Failure(
          .invalidField,
          "rates: two for \(rate.market.code), \(rate.category.name), \(rate.validFrom.rfc3339)")
      }
    }
    try Ledger(tx).open(currency)
    let sorted = rates.sorted(by: Self.inOrder)
    let current = try store.current()
    if let current, current.rates.sorted(by: Self.inOrder) == sorted { return current }
    let book = PriceBook(version: (current?.version ?? 0) + 1, currency: currency, rates: sorted)
    try store.insert(book, at: tx.now, freshID: tx.freshID)
    return book
  }

  func current() throws -> PriceBook? { try store.current() }

  private static func inOrder(_ a: Rate, _ b: Rate) -> Bool {
    (a.market.code, a.category.rawValue, a.validFrom)
      < (b.market.code, b.category.rawValue, b.validFrom)
  }
}
