import Edge
import Hummingbird
import Storage
import Wire

/// A tenant's price book, set and read by operators; the tenant may read it.
enum PriceRoutes {
  static func register(on routes: CellRoutes) {
    let services = routes.services
    routes.admin(.put, "/v1/tenants/:tenant/prices") { request, context in
      let call = try await context.command(
        PricesInput.self, request, file: .ledger, retention: IdempotencyClaim.moneyRetention)
      return try await call.perform(services) { tx, input in
        let book = try Prices(tx).replace(input.rates.map(\.rate), currency: input.currency)
        return try .json(200, PricesAnswer(book))
      }
    }
    routes.admin(.get, "/v1/tenants/:tenant/prices") { _, context in
      try await current(context, services)
    }
    routes.api(.get, "/v1/prices", .walletRead) { _, context in
      try await current(context, services)
    }
  }

  private static func current(
    _ context: CellContext, _ services: CellServices
  ) async throws -> Response {
    let book = try await services.store.read(try context.tenant(), [.ledger]) { snapshot in
      try PricesStore(snapshot.file(.ledger)).current()
    }
    guard let book else { throw Failure(.notFound, "this tenant has no prices yet") }
    return try .json(PricesAnswer(book))
  }
}

/// The body of a price book.
struct PricesInput: Decodable, Sendable {
  struct Line: Decodable, Sendable {
    let rate: Rate

    private enum CodingKeys: String, CodingKey {
      case market, category
      case validFrom = "valid_from"
      case amountMicros = "amount_micros"
    }

    init(from decoder: any Decoder) throws {
      let container = try decoder.container(keyedBy: CodingKeys.self)
      let market = Market(code: try container.decode(String.self, forKey: .market))
      guard let market, market == .any || CallingCodes.countries.contains(market.code) else {
        throw DecodingError.dataCorruptedError(
          forKey: .market, in: container, debugDescription: "an ISO 3166 country code or *")
      }
      let name = try container.decode(String.self, forKey: .category)
      guard let category = MessageCategory(name: name) else {
        throw DecodingError.dataCorruptedError(
          forKey: .category, in: container,
          debugDescription: "one of marketing, utility, authentication, service")
      }
      rate = Rate(
        market: market, category: category,
        validFrom: try container.decode(Timestamp.self, forKey: .validFrom),
        amount: try container.decode(Micros.self, forKey: .amountMicros))
    }
  }

  let currency: Currency
  let rates: [Line]
}

/// A price book as clients see it.
struct PricesAnswer: Encodable, Sendable {
  struct Line: Encodable, Sendable {
    let market: String
    let category: String
    let validFrom: Timestamp
    let amountMicros: Int64

    private enum CodingKeys: String, CodingKey {
      case market, category
      case validFrom = "valid_from"
      case amountMicros = "amount_micros"
    }
  }

  let version: Int64
  let currency: Currency
  let rates: [Line]

  init(_ book: PriceBook) {
    version = book.version
    currency = book.currency
    rates = book.rates.map { rate in
      Line(
        market: rate.market.code, category: rate.category.name, validFrom: rate.validFrom,
        amountMicros: rate.amount.rawValue)
    }
  }
}
