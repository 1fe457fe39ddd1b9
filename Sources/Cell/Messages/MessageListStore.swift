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

  struct Entry {
    let id: RowID
    let at: Timestamp
    let kind: TransferKind
    let amount: Micros
    /// Of a correction: the price that it corrects to.
    let price: (id: RowID, version: Int64)?
  }

  /// The transfers about these sources, in their order.
  func transfers(of sources: [RowID]) throws -> [Entry] {
    try sources.flatMap { source in
      try db.rows(
        """
        SELECT t.id, t.at, t.kind, t.amount, c.price_id, c.price_version
        FROM transfers t LEFT JOIN corrections c ON c.transfer_id = t.id
        WHERE t.source_id = ? ORDER BY t.id
        """, .integer(source.rawValue)
      ) { row in
        TransferKind(rawValue: row.int64(2)).map { kind in
          Entry(
            id: RowID(row.int64(0)), at: Timestamp(milliseconds: row.int64(1)), kind: kind,
            amount: Micros(row.int64(3)),
            price: row.optionalInt64(4).map { (RowID($0), row.int64(5)) })
        }
      }.compactMap { $0 }
    }
  }
}
