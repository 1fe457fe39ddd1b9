import Storage
import Wire

/// The SQL of lists of messages.
struct MessageListStore {
  private let db: Connection

  init(_ connection: Connection) { db = connection }

  /// Messages that pass the filter, newest first.
  func list(_ filter: MessageFilter, before: RowID?, limit: Int) throws -> [Message] {
    let values = Values(filter, before, limit)
    if filter.wamid != nil { return try byWamid(values) }
    if filter.contact != nil { return try byContact(values) }
    return try all(values)
  }

  private struct Values {
    let before: SQLValue
    let direction: SQLValue
    let number: SQLValue
    let campaign: SQLValue
    let state: SQLValue
    let key: SQLValue
    let limit: SQLValue

    init(_ filter: MessageFilter, _ before: RowID?, _ limit: Int) {
      self.before = .integer(before?.rawValue ?? .max)
      direction = .optional(filter.isOutgoing.map { $0 ? 1 : 0 })
      number = .optional(filter.phoneNumberID)
      campaign = .optional(filter.campaign?.rawValue)
      state = .optional(filter.state?.rawValue)
      key = .optional(filter.wamid ?? filter.contact)
      self.limit = .int(limit)
    }
  }

  private func all(_ v: Values) throws -> [Message] {
    try db.rows(
      """
      SELECT m.id, direction, m.at, phone_number_id, type, party, user_id, campaign_id, content,
        m.wamid, context_id, hold_id, price_id, price_version, amount, market, category
      FROM messages m LEFT JOIN message_states s ON s.id = m.id
      WHERE m.id < ?1 AND (?2 IS NULL OR direction = ?2) AND (?3 IS NULL OR phone_number_id = ?3)
        AND (?4 IS NULL OR campaign_id = ?4) AND (?5 IS NULL OR coalesce(s.state, 12) = ?5)
      ORDER BY m.id DESC LIMIT ?6
      """, v.before, v.direction, v.number, v.campaign, v.state, v.limit,
      transform: MessageStore.message)
  }

  private func byWamid(_ v: Values) throws -> [Message] {
    try db.rows(
      """
      SELECT m.id, direction, m.at, phone_number_id, type, party, user_id, campaign_id, content,
        m.wamid, context_id, hold_id, price_id, price_version, amount, market, category
      FROM messages m LEFT JOIN message_states s ON s.id = m.id
      WHERE m.id IN (SELECT id FROM messages WHERE wamid = ?7
          UNION SELECT message_id FROM message_wamids WHERE wamid = ?7)
        AND m.id < ?1 AND (?2 IS NULL OR direction = ?2) AND (?3 IS NULL OR phone_number_id = ?3)
        AND (?4 IS NULL OR campaign_id = ?4) AND (?5 IS NULL OR coalesce(s.state, 12) = ?5)
      ORDER BY m.id DESC LIMIT ?6
      """, v.before, v.direction, v.number, v.campaign, v.state, v.limit, v.key,
      transform: MessageStore.message)
  }

  private func byContact(_ v: Values) throws -> [Message] {
    try db.rows(
      """
      SELECT m.id, direction, m.at, phone_number_id, type, party, user_id, campaign_id, content,
        m.wamid, context_id, hold_id, price_id, price_version, amount, market, category
      FROM messages m LEFT JOIN message_states s ON s.id = m.id
      WHERE m.id IN (SELECT id FROM messages WHERE party = ?7
          UNION SELECT id FROM messages WHERE user_id = ?7)
        AND m.id < ?1 AND (?2 IS NULL OR direction = ?2) AND (?3 IS NULL OR phone_number_id = ?3)
        AND (?4 IS NULL OR campaign_id = ?4) AND (?5 IS NULL OR coalesce(s.state, 12) = ?5)
      ORDER BY m.id DESC LIMIT ?6
      """, v.before, v.direction, v.number, v.campaign, v.state, v.limit, v.key,
      transform: MessageStore.message)
  }
}

/// The SQL of what a message moved in the ledger.
struct MessageMoneyStore {
  private let db: Connection

  /// - Parameter connection: Of the ledger file.
  init(_ connection: Connection) { db = connection }

  /// The transfers about these sources, in their order.
  func transfers(
    of sources: [RowID]
  ) throws -> [(id: RowID, at: Timestamp, kind: TransferKind, amount: Micros)] {
    try sources.flatMap { source in
      try db.rows(
        "SELECT id, at, kind, amount FROM transfers WHERE source_id = ? ORDER BY id",
        .integer(source.rawValue)
      ) { row in
        TransferKind(rawValue: row.int64(2)).map {
          (RowID(row.int64(0)), Timestamp(milliseconds: row.int64(1)), $0, Micros(row.int64(3)))
        }
      }.compactMap { $0 }
    }
  }
}
