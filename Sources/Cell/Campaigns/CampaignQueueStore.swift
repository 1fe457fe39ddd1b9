import Storage
import Wire

/// The SQL of recipients: adding them, and claiming each once in their order.
///
/// `state IN (1, 2)` are the words of the index of campaigns that are not over: without them SQLite
/// looks at every campaign there ever was.
struct CampaignQueueStore {
  private let db: Connection

  init(_ connection: Connection) { db = connection }

  /// Whether a running campaign has recipients that were not claimed.
  func hasWork() throws -> Bool {
    try db.first(
      """
      SELECT 1 FROM campaign_states s JOIN campaign_counts n ON n.campaign_id = s.campaign_id
      WHERE s.state IN (1, 2) AND s.state = 2 AND n.claimed < n.recipients LIMIT 1
      """
    ) { _ in true } ?? false
  }

  /// When the next scheduled campaign begins.
  func nextSchedule() throws -> Timestamp? {
    try db.first(
      """
      SELECT scheduled_at FROM campaign_states
      WHERE state IN (1, 2) AND state = 1 AND scheduled_at IS NOT NULL
      ORDER BY scheduled_at LIMIT 1
      """
    ) { Timestamp(milliseconds: $0.int64(0)) }
  }

  func scheduled(by now: Timestamp) throws -> [RowID] {
    try db.rows(
      """
      SELECT campaign_id FROM campaign_states
      WHERE state IN (1, 2) AND state = 1 AND scheduled_at <= ?
      """, .integer(now.milliseconds)
    ) { RowID($0.int64(0)) }
  }

  /// Running campaigns with recipients that were not claimed, without those of excluded numbers.
  func running(excluding excluded: String, limit: Int) throws -> [(id: RowID, number: String)] {
    try db.rows(
      """
      SELECT c.id, c.phone_number_id FROM campaign_states s
        JOIN campaign_counts n ON n.campaign_id = s.campaign_id
        JOIN campaigns c ON c.id = s.campaign_id
      WHERE s.state IN (1, 2) AND s.state = 2 AND n.claimed < n.recipients
        AND c.phone_number_id NOT IN (SELECT value FROM json_each(?))
      ORDER BY c.id LIMIT ?
      """, .text(excluded), .int(limit)
    ) { (RowID($0.int64(0)), $0.text(1)) }
  }

  /// The next recipients that were not claimed, in the order in which they were added.
  func next(of campaign: RowID, limit: Int) throws -> [CampaignRecipient] {
    try db.rows(
      """
      SELECT r.id, r.campaign_id, r.party, r.user_id, r.components
      FROM campaign_counts n JOIN campaign_recipients r ON r.campaign_id = n.campaign_id
      WHERE n.campaign_id = ? AND r.id > n.cursor ORDER BY r.id LIMIT ?
      """, .integer(campaign.rawValue), .int(limit), transform: Self.recipient)
  }

  func recipient(_ id: RowID) throws -> CampaignRecipient? {
    try db.first(
      "SELECT id, campaign_id, party, user_id, components FROM campaign_recipients WHERE id = ?",
      .integer(id.rawValue), transform: Self.recipient)
  }

  private static func recipient(_ row: Row) -> CampaignRecipient {
    CampaignRecipient(
      id: RowID(row.int64(0)), campaign: RowID(row.int64(1)), party: row.optionalText(2),
      userID: row.optionalText(3), components: row.optionalBlob(4))
  }

  /// Moves the cursor past a claimed recipient.
  ///
  /// Never back.
  func advance(_ campaign: RowID, past recipient: RowID) throws {
    try db.run(
      "UPDATE campaign_counts SET cursor = ?2 WHERE campaign_id = ?1 AND cursor < ?2",
      .integer(campaign.rawValue), .integer(recipient.rawValue))
  }

  /// Adds a recipient; false where the campaign has this person already.
  func insert(_ recipient: CampaignRecipient) throws -> Bool {
    try db.run(
      """
      INSERT INTO campaign_recipients (id, campaign_id, party, user_id, components)
      VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING
      """, .integer(recipient.id.rawValue), .integer(recipient.campaign.rawValue),
      .optional(recipient.party), .optional(recipient.userID), .optional(recipient.components))
      == 1
  }

  func addMarket(_ market: Market, _ count: Int64, to campaign: RowID) throws {
    try db.run(
      """
      INSERT INTO campaign_markets (campaign_id, market, recipients) VALUES (?, ?, ?)
      ON CONFLICT (campaign_id, market)
      DO UPDATE SET recipients = recipients + excluded.recipients
      """, .integer(campaign.rawValue), .text(market.code), .integer(count))
  }

  /// How many recipients each market has; what is awaited (``awaited(_:)``) has no market.
  func markets(_ campaign: RowID) throws -> [(market: Market, recipients: Int64)] {
    try db.rows(
      """
      SELECT market, recipients FROM campaign_markets WHERE campaign_id = ? ORDER BY market
      """, .integer(campaign.rawValue)
    ) { row in Market(code: row.text(0)).map { ($0, row.int64(1)) } }.compactMap { $0 }
  }

  /// How many recipients that were not claimed each market has.
  func unclaimedMarkets(_ campaign: RowID) throws -> [Market: Int64] {
    var markets: [Market: Int64] = [:]
    try db.query(
      """
      SELECT r.party, r.user_id
      FROM campaign_counts n JOIN campaign_recipients r ON r.campaign_id = n.campaign_id
      WHERE n.campaign_id = ? AND r.id > n.cursor
      """, .integer(campaign.rawValue)
    ) { row in
      let market = Message.market(party: row.optionalText(0), userID: row.optionalText(1))
      markets[market, default: 0] += 1
    }
    return markets
  }

  // MARK: - Pages

  /// The commands of a page that are stored: how far it came, with which content.
  func page(
    _ page: Int64, of campaign: RowID
  ) throws -> (chunks: Int, hash: [UInt8], isWhole: Bool, added: Int, duplicates: Int)? {
    try db.first(
      """
      SELECT count(*), max(page_hash), max(is_last), sum(recipients), sum(duplicates)
      FROM campaign_pages WHERE campaign_id = ? AND page = ? HAVING count(*) > 0
      """, .integer(campaign.rawValue), .integer(page)
    ) { ($0.int(0), $0.blob(1), $0.int(2) == 1, $0.int(3), $0.int(4)) }
  }

  func insertPage(
    _ page: Int64, chunk: Int, of campaign: RowID, added: Int, duplicates: Int, hash: [UInt8],
    isLast: Bool
  ) throws {
    try db.run(
      """
      INSERT INTO campaign_pages
        (campaign_id, page, chunk, recipients, duplicates, page_hash, is_last)
      VALUES (?, ?, ?, ?, ?, ?, ?)
      """, .integer(campaign.rawValue), .integer(page), .int(chunk), .int(added),
      .int(duplicates), .blob(hash), .integer(isLast ? 1 : 0))
  }

  /// How many people of pages that have begun are still to come.
  ///
  /// The number stands beside those of the markets, under a name that is none: ``markets(_:)``
  /// passes it over, and so does every version before.
  func awaited(_ campaign: RowID) throws -> Int64 {
    try db.first(
      "SELECT recipients FROM campaign_markets WHERE campaign_id = ? AND market = ''",
      .integer(campaign.rawValue)
    ) { $0.int64(0) } ?? 0
  }

  /// More people are awaited, or fewer; never less than none, where a version that kept no room
  /// began the page.
  func addAwaited(_ count: Int, to campaign: RowID) throws {
    try db.run(
      """
      INSERT INTO campaign_markets (campaign_id, market, recipients) VALUES (?1, '', max(0, ?2))
      ON CONFLICT (campaign_id, market) DO UPDATE SET recipients = max(0, recipients + ?2)
      """, .integer(campaign.rawValue), .int(count))
  }

  /// A page of which some commands are stored and the last is not.
  func unfinishedPage(_ campaign: RowID) throws -> Int64? {
    try db.first(
      """
      SELECT page FROM campaign_pages WHERE campaign_id = ? GROUP BY page HAVING max(is_last) = 0
      """, .integer(campaign.rawValue)
    ) { $0.int64(0) }
  }

  /// Messages of a campaign that wait, are on their way or are ambiguous.
  func open(_ campaign: RowID) throws -> [(id: RowID, state: MessageState, market: Market)] {
    try db.rows(
      """
      SELECT m.id, s.state, m.party, m.user_id FROM message_states s
        JOIN messages m ON m.id = s.id
      WHERE s.state IN (0, 1, 2) AND m.campaign_id = ? ORDER BY m.id
      """, .integer(campaign.rawValue)
    ) { row in
      (
        RowID(row.int64(0)), MessageState(rawValue: row.int64(1)) ?? .queued,
        Message.market(party: row.optionalText(2), userID: row.optionalText(3))
      )
    }
  }
}
