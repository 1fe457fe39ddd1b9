import Storage
import Wire

/// The SQL of messages, over a writing or a reading connection.
struct MessageStore {
  let db: Connection

  init(_ connection: Connection) { db = connection }

  func insert(_ message: Message) throws {
    let own = message.charge.flatMap { $0.isOwnHold ? $0 : nil }
    try db.run(
      """
      INSERT INTO messages (id, direction, at, phone_number_id, type, party, user_id, campaign_id,
        content, wamid, context_id, hold_id, price_id, price_version, amount, market, category,
        trace)
      VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
      """,
      .integer(message.id.rawValue), .integer(message.isOutgoing ? 1 : 0),
      .integer(message.at.milliseconds), .text(message.phoneNumberID), .text(message.type),
      .optional(message.party), .optional(message.userID), .optional(message.campaign?.rawValue),
      .optional(message.content), .optional(message.wamid), .optional(message.contextID),
      .optional(own?.hold.rawValue), .optional(own?.quote.id.rawValue),
      .optional(own?.quote.version), .optional(own?.quote.amount.rawValue),
      .optional(own?.quote.market.code), .optional(own?.quote.category.rawValue),
      .optional(message.trace?.bytes))
  }

  func message(_ id: RowID) throws -> Message? {
    try db.first(
      """
      SELECT id, direction, at, phone_number_id, type, party, user_id, campaign_id, content, wamid,
        context_id, hold_id, price_id, price_version, amount, market, category
      FROM messages WHERE id = ?
      """, .integer(id.rawValue), transform: Self.message)
  }

  /// Reads a row whose first columns are those of `messages`, in the table's order.
  static func message(_ row: Row) -> Message {
    var message = Message(
      id: RowID(row.int64(0)), isOutgoing: row.int64(1) == 1,
      at: Timestamp(milliseconds: row.int64(2)), phoneNumberID: row.text(3), type: row.text(4))
    message.party = row.optionalText(5)
    message.userID = row.optionalText(6)
    message.campaign = row.optionalInt64(7).map { RowID($0) }
    message.content = row.optionalBlob(8)
    message.wamid = row.optionalText(9)
    message.contextID = row.optionalText(10)
    if let hold = row.optionalInt64(11), let market = Market(code: row.text(15)),
      let category = MessageCategory(rawValue: row.int64(16))
    {
      message.charge = MessageCharge(
        hold: RowID(hold),
        quote: PriceQuote(
          id: RowID(row.int64(12)), version: row.int64(13), amount: Micros(row.int64(14)),
          market: market, category: category), isOwnHold: true)
    }
    return message
  }

  func standing(_ id: RowID) throws -> MessageStanding? {
    try db.first(
      "SELECT state, at, flags, attempts, due FROM message_states WHERE id = ?",
      .integer(id.rawValue)
    ) { row in
      MessageStanding(
        lifecycle: MessageLifecycle(
          state: MessageState(rawValue: row.int64(0)) ?? .failed,
          wasAccepted: row.int64(2) & 1 == 1, attempts: row.int(3)),
        at: Timestamp(milliseconds: row.int64(1)),
        due: row.optionalInt64(4).map { Timestamp(milliseconds: $0) },
        isReserveSettled: row.int64(2) & 2 == 2)
    }
  }

  func put(_ standing: MessageStanding, of id: RowID) throws {
    try db.run(
      """
      INSERT INTO message_states (id, state, at, flags, attempts, due) VALUES (?, ?, ?, ?, ?, ?)
      ON CONFLICT (id) DO UPDATE SET state = excluded.state, at = excluded.at,
        flags = excluded.flags, attempts = excluded.attempts, due = excluded.due
      """,
      .integer(id.rawValue), .integer(standing.lifecycle.state.rawValue),
      .integer(standing.at.milliseconds),
      .integer((standing.lifecycle.wasAccepted ? 1 : 0) | (standing.isReserveSettled ? 2 : 0)),
      .int(standing.lifecycle.attempts), .optional(standing.due?.milliseconds))
  }

  func trace(of id: RowID) throws -> String? {
    try db.first("SELECT trace FROM messages WHERE id = ?", .integer(id.rawValue)) {
      $0.optionalBlob(0).map { TraceID(bytes: $0).text }
    } ?? nil
  }

  // MARK: - Identity

  /// The incoming message under this id; unsupported and later readable are kept apart by type.
  func incoming(_ wamid: String, number: String, type: String) throws -> RowID? {
    try db.first(
      """
      SELECT id FROM messages
      WHERE direction = 0 AND phone_number_id = ? AND wamid = ? AND type = ?
      """, .text(number), .text(wamid), .text(type)
    ) { RowID($0.int64(0)) }
  }

  /// The outgoing message that Graph gave this id.
  func outgoing(_ wamid: String) throws -> RowID? {
    try db.first("SELECT message_id FROM message_wamids WHERE wamid = ?", .text(wamid)) {
      RowID($0.int64(0))
    }
  }

  func wamid(of id: RowID) throws -> String? {
    try db.first(
      "SELECT wamid FROM message_wamids WHERE message_id = ?", .integer(id.rawValue)
    ) { $0.text(0) }
  }

  func setWamid(_ wamid: String, of id: RowID) throws {
    try db.run(
      "INSERT INTO message_wamids (message_id, wamid) VALUES (?, ?)", .integer(id.rawValue),
      .text(wamid))
  }

  /// Takes a placeholder away; what was known of it has been moved to its message.
  func removePlaceholder(_ id: RowID) throws {
    try db.run("DELETE FROM message_wamids WHERE message_id = ?", .integer(id.rawValue))
    try db.run("DELETE FROM message_statuses WHERE message_id = ?", .integer(id.rawValue))
    try db.run("DELETE FROM message_errors WHERE message_id = ?", .integer(id.rawValue))
    try db.run("DELETE FROM message_states WHERE id = ?", .integer(id.rawValue))
    try db.run(
      "DELETE FROM messages WHERE id = ? AND direction = 1 AND type = 'unknown'",
      .integer(id.rawValue))
  }

  // MARK: - Evidence, errors, alerts

  /// Keeps a status; false where it is known.
  func insert(_ evidence: MessageEvidence, of id: RowID) throws -> Bool {
    try db.run(
      """
      INSERT INTO message_statuses (message_id, status, participant, at, received_at, raw)
      VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING
      """, .integer(id.rawValue), .text(evidence.status), .text(evidence.participant),
      .integer(evidence.at.milliseconds), .integer(evidence.receivedAt.milliseconds),
      .blob(evidence.raw)) == 1
  }

  /// A message's statuses in the order of their times.
  func evidence(_ id: RowID) throws -> [MessageEvidence] {
    try db.rows(
      """
      SELECT status, participant, at, received_at, raw FROM message_statuses
      WHERE message_id = ? ORDER BY at, received_at, status
      """, .integer(id.rawValue)
    ) { row in
      MessageEvidence(
        status: row.text(0), participant: row.text(1), at: Timestamp(milliseconds: row.int64(2)),
        receivedAt: Timestamp(milliseconds: row.int64(3)), raw: row.blob(4))
    }
  }

  func put(_ error: MessageError, of id: RowID) throws {
    try db.run(
      """
      INSERT INTO message_errors (message_id, code, title, details) VALUES (?, ?, ?, ?)
      ON CONFLICT (message_id) DO UPDATE SET code = excluded.code, title = excluded.title,
        details = excluded.details
      """, .integer(id.rawValue), .int(error.code), .text(error.title), .text(error.details))
  }

  func error(_ id: RowID) throws -> MessageError? {
    try db.first(
      "SELECT code, title, details FROM message_errors WHERE message_id = ?",
      .integer(id.rawValue)
    ) { MessageError(code: $0.int(0), title: $0.text(1), details: $0.text(2)) }
  }

  func insertAlert(_ alert: MessageAlert, id: RowID, of message: RowID, at: Timestamp) throws {
    try db.run(
      "INSERT INTO message_alerts (id, at, kind, message_id) VALUES (?, ?, ?, ?)",
      .integer(id.rawValue), .integer(at.milliseconds), .text(alert.rawValue),
      .integer(message.rawValue))
  }

  /// What a person should look at about one message.
  ///
  /// An alert about charging again carries the identifier of its usage event.
  func alerts(_ id: RowID) throws -> [(id: RowID, at: Timestamp, kind: String)] {
    try db.rows(
      "SELECT id, at, kind FROM message_alerts WHERE message_id = ? ORDER BY id",
      .integer(id.rawValue)
    ) { (RowID($0.int64(0)), Timestamp(milliseconds: $0.int64(1)), $0.text(2)) }
  }
}
