import Storage
import Wire

/// A stored webhook value.
struct StoredWebhookEvent: Hashable, Sendable {
  let id: RowID
  let receivedAt: Timestamp
  let event: WebhookEvent
}

/// The SQL of webhook events.
struct WebhookEventStore {
  private let db: Connection

  init(_ connection: Connection) { db = connection }

  /// Keeps an event; false where the same bytes are known.
  func insert(_ event: WebhookEvent, id: RowID, receivedAt: Timestamp) throws -> Bool {
    let isKnown =
      try db.first(
        """
        SELECT 1 FROM webhook_events WHERE field = ? AND entry_time = ? AND waba_id = ?
          AND quarantine IS ? AND raw = ? LIMIT 1
        """, .text(event.field), .integer(event.entryTime), .text(event.wabaID),
        .optional(event.quarantine), .blob(event.raw)
      ) { _ in true } ?? false
    guard !isKnown else { return false }
    try db.run(
      """
      INSERT INTO webhook_events
        (id, received_at, field, waba_id, phone_number_id, entry_time, quarantine, raw)
      VALUES (?, ?, ?, ?, ?, ?, ?, ?)
      """, .integer(id.rawValue), .integer(receivedAt.milliseconds), .text(event.field),
      .text(event.wabaID), .text(event.phoneNumberID), .integer(event.entryTime),
      .optional(event.quarantine), .blob(event.raw))
    return true
  }

  /// Events newest first; of one field where it is named.
  func list(before: RowID?, field: String?, limit: Int) throws -> [StoredWebhookEvent] {
    try db.rows(
      """
      SELECT id, received_at, field, waba_id, phone_number_id, entry_time, quarantine, raw
      FROM webhook_events WHERE id < ?1 AND (?2 IS NULL OR field = ?2)
      ORDER BY id DESC LIMIT ?3
      """, .integer(before?.rawValue ?? .max), .optional(field), .int(limit)
    ) { row in
      StoredWebhookEvent(
        id: RowID(row.int64(0)), receivedAt: Timestamp(milliseconds: row.int64(1)),
        event: WebhookEvent(
          field: row.text(2), wabaID: row.text(3), phoneNumberID: row.text(4),
          entryTime: row.int64(5), quarantine: row.optionalText(6), raw: row.blob(7)))
    }
  }
}
