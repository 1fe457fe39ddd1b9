import Storage
import Wire

/// The SQL of usage events, refunds and corrections.
extension LedgerStore {
  func insert(_ usage: UsageEvent, transfer: RowID, hold: RowID?) throws {
    try db.run(
      """
      INSERT INTO usage_events
        (id, kind, transfer_id, hold_id, price_id, price_version, price_amount, market, category)
      VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
      """,
      .integer(usage.id.rawValue), .integer(usage.kind.rawValue), .integer(transfer.rawValue),
      .optional(hold?.rawValue), .integer(usage.quote.id.rawValue),
      .integer(usage.quote.version), .integer(usage.quote.amount.rawValue),
      .text(usage.quote.market.code), .integer(usage.quote.category.rawValue))
  }

  func usage(_ id: RowID) throws -> UsageRecord? {
    try db.first(
      """
      SELECT u.kind, u.transfer_id, u.hold_id, u.price_id, u.price_version, u.price_amount,
        u.market, u.category, t.amount,
        (SELECT coalesce(sum(r.amount), 0) FROM refunds r WHERE r.usage_id = u.id),
        (SELECT coalesce(sum(c.delta), 0) FROM corrections c WHERE c.usage_id = u.id)
      FROM usage_events u JOIN transfers t ON t.id = u.transfer_id WHERE u.id = ?
      """, .integer(id.rawValue)
    ) { row -> UsageRecord? in
      guard let kind = UsageKind(rawValue: row.int64(0)),
        let category = MessageCategory(rawValue: row.int64(7))
      else { return nil }
      return UsageRecord(
        id: id, kind: kind, transfer: RowID(row.int64(1)),
        hold: row.optionalInt64(2).map { RowID($0) }, priceID: RowID(row.int64(3)),
        priceVersion: row.int64(4), priceAmount: Micros(row.int64(5)), market: row.text(6),
        category: category, debit: Micros(row.int64(8)), refunded: Micros(row.int64(9)),
        corrected: row.int64(10))
    } ?? nil
  }

  /// What a usage was of, for the form of its identifier.
  func usageKind(_ id: RowID) throws -> UsageKind? {
    try db.first("SELECT kind FROM usage_events WHERE id = ?", .integer(id.rawValue)) {
      UsageKind(rawValue: $0.int64(0))
    } ?? nil
  }

  /// The transfer of an earlier refund for this cause.
  func refund(usage: RowID, cause: RefundCause) throws -> RowID? {
    try db.first(
      "SELECT transfer_id FROM refunds WHERE usage_id = ? AND cause = ?",
      .integer(usage.rawValue), .integer(cause.rawValue)
    ) { RowID($0.int64(0)) }
  }

  func insertRefund(_ transfer: RowID, usage: RowID, cause: RefundCause, amount: Micros) throws {
    try db.run(
      "INSERT INTO refunds (transfer_id, usage_id, cause, amount) VALUES (?, ?, ?, ?)",
      .integer(transfer.rawValue), .integer(usage.rawValue), .integer(cause.rawValue),
      .integer(amount.rawValue))
  }

  func refunds(usage: RowID) throws -> [(transfer: RowID, cause: RefundCause, amount: Micros)] {
    try db.rows(
      "SELECT transfer_id, cause, amount FROM refunds WHERE usage_id = ? ORDER BY transfer_id",
      .integer(usage.rawValue)
    ) { row in
      RefundCause(rawValue: row.int64(1)).map {
        (transfer: RowID(row.int64(0)), cause: $0, amount: Micros(row.int64(2)))
      }
    }.compactMap { $0 }
  }

  /// The transfer of an earlier correction to this price.
  func correction(usage: RowID, price: RowID) throws -> RowID? {
    try db.first(
      "SELECT transfer_id FROM corrections WHERE usage_id = ? AND price_id = ?",
      .integer(usage.rawValue), .integer(price.rawValue)
    ) { RowID($0.int64(0)) }
  }

  func insertCorrection(_ transfer: RowID, usage: RowID, quote: PriceQuote, delta: Int64) throws {
    try db.run(
      """
      INSERT INTO corrections (transfer_id, usage_id, price_id, price_version, delta)
      VALUES (?, ?, ?, ?, ?)
      """, .integer(transfer.rawValue), .integer(usage.rawValue),
      .integer(quote.id.rawValue), .integer(quote.version), .integer(delta))
  }
}
