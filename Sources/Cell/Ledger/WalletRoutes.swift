import Edge
import Hummingbird
import Storage
import Wire

/// Top-ups by operators; balances and entries for the tenant.
enum WalletRoutes {
  static func register(on routes: CellRoutes) {
    let services = routes.services
    routes.admin(.post, "/v1/tenants/:tenant/wallet/top-ups") { request, context in
      try await topUp(request, context, services)
    }
    routes.admin(.get, "/v1/tenants/:tenant/wallet") { _, context in
      try await wallet(context, services)
    }
    routes.api(.get, "/v1/wallet", .walletRead) { _, context in
      try await wallet(context, services)
    }
    routes.admin(.get, "/v1/tenants/:tenant/wallet/entries") { request, context in
      try await entries(request, context, services)
    }
    routes.api(.get, "/v1/wallet/entries", .walletRead) { request, context in
      try await entries(request, context, services)
    }
  }

  private static func topUp(
    _ request: Request, _ context: CellContext, _ services: CellServices
  ) async throws -> Response {
    let call = try await context.command(
      TopUpInput.self, request, file: .ledger, retention: IdempotencyClaim.moneyRetention)
    return try await call.perform(services) { tx, input in
      let ledger = try Ledger(tx)
      let topUp = try ledger.topUp(
        input.amount, currency: input.currency, reference: input.reference)
      return try .json(201, TopUpAnswer(topUp: topUp, balances: try ledger.balances()))
    }
  }

  private static func wallet(
    _ context: CellContext, _ services: CellServices
  ) async throws -> Response {
    let balances = try await services.store.read(try context.tenant(), [.ledger, .sessions]) {
      snapshot in
      let store = LedgerStore(snapshot.file(.ledger))
      // Before the first payment the tenant's profile, not an empty table, says that it is zero.
      if try store.currency() == nil, let profile = try ProfileStore(snapshot).profile() {
        return WalletBalances(
          currency: profile.currency, balance: .zero, held: .zero, available: .zero)
      }
      return try store.balances()
    }
    return try .json(BalancesAnswer(balances))
  }

  private static func entries(
    _ request: Request, _ context: CellContext, _ services: CellServices
  ) async throws -> Response {
    let list = try ListQuery(request)
    let query = try EntryQuery(request, list)
    let (transfers, usages, currency) = try await services.store.read(
      try context.tenant(), [.ledger]
    ) { snapshot in
      let store = LedgerStore(snapshot.file(.ledger))
      let transfers = try store.transfers(
        from: query.from, to: query.to, after: query.after, limit: query.transfers)
      var usages: [RowID: RowKind] = [:]
      for transfer in transfers where transfer.kind.sourceKind == .usageEvent {
        usages[transfer.source] = try store.usageKind(transfer.source)?.rowKind
      }
      return (transfers, usages, try store.currency())
    }
    let rows = transfers.flatMap { transfer in
      EntryAnswer.both(
        of: transfer, currency: currency?.code ?? "",
        sourceKind: usages[transfer.source] ?? transfer.kind.sourceKind)
    }
    return try .json(
      Page(query.skipping(rows), list) { entry in EntryQuery.cursor(after: entry) })
  }
}

/// Which entries: `?from&to` (RFC 3339, from included, to not), and where the page starts.
struct EntryQuery: Sendable {
  let from: Timestamp
  let to: Timestamp
  /// Transfers after this one.
  let after: RowID
  /// A page may start with the second entry of a transfer.
  private let skipsFirst: Bool
  /// How many transfers hold one entry more than the page.
  let transfers: Int

  init(_ request: Request, _ list: ListQuery) throws {
    let parameters = request.uri.queryParameters
    from = try Self.time("from", parameters["from"]) ?? .zero
    to = try Self.time("to", parameters["to"]) ?? .distantFuture
    transfers = list.limit / 2 + 2
    guard let cursor = list.after else {
      after = RowID(0)
      skipsFirst = false
      return
    }
    guard let number = Int64(cursor.dropLast()), let side = cursor.last, "ft".contains(side) else {
      throw Failure(.invalidCursor, "cursor must be the next_cursor of an earlier page")
    }
    skipsFirst = side == "f"
    after = RowID(skipsFirst ? number - 1 : number)
  }

  func skipping(_ rows: [EntryAnswer]) -> [EntryAnswer] {
    skipsFirst ? Array(rows.dropFirst()) : rows
  }

  static func cursor(after entry: EntryAnswer) -> String {
    "\(entry.transfer.rawValue)\(entry.isFirst ? "f" : "t")"
  }

  private static func time(_ name: String, _ text: Substring?) throws -> Timestamp? {
    guard let text, !text.isEmpty else { return nil }
    guard let time = Timestamp(rfc3339: String(text)) else {
      throw Failure(.invalidField, "\(name) must be an RFC 3339 time")
    }
    return time
  }
}
