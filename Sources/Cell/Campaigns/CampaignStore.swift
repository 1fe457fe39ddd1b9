import Storage
import Wire

/// The SQL of campaigns and their counts, over a writing or a reading connection.
struct CampaignStore {
  let db: Connection

  init(_ connection: Connection) { db = connection }

  func insert(_ campaign: Campaign, scheduledAt: Timestamp?) throws {
    try db.run(
      """
      INSERT INTO campaigns (id, at, name, number_id, phone_number_id, template, language)
      VALUES (?, ?, ?, ?, ?, ?, ?)
      """, .integer(campaign.id.rawValue), .integer(campaign.at.milliseconds),
      .text(campaign.name), .integer(campaign.number.rawValue), .text(campaign.phoneNumberID),
      .text(campaign.template), .text(campaign.language))
    try db.run(
      """
      INSERT INTO campaign_counts VALUES (?, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
      """, .integer(campaign.id.rawValue))
    try put(
      CampaignStanding(state: .draft, since: campaign.at, scheduledAt: scheduledAt),
      of: campaign.id)
  }

  func campaign(_ id: RowID) throws -> Campaign? {
    try db.first(
      """
      SELECT id, at, name, number_id, phone_number_id, template, language FROM campaigns
      WHERE id = ?
      """, .integer(id.rawValue), transform: Self.campaign)
  }

  /// Campaigns newest first, before `before`.
  func list(before: RowID?, limit: Int) throws -> [Campaign] {
    try db.rows(
      """
      SELECT id, at, name, number_id, phone_number_id, template, language FROM campaigns
      WHERE id < ? ORDER BY id DESC LIMIT ?
      """, .integer(before?.rawValue ?? .max), .int(limit), transform: Self.campaign)
  }

  private static func campaign(_ row: Row) -> Campaign {
    Campaign(
      id: RowID(row.int64(0)), at: Timestamp(milliseconds: row.int64(1)), name: row.text(2),
      number: RowID(row.int64(3)), phoneNumberID: row.text(4), template: row.text(5),
      language: row.text(6))
  }

  func standing(_ id: RowID) throws -> CampaignStanding? {
    try db.first(
      """
      SELECT state, since, scheduled_at, reason_code, reason FROM campaign_states
      WHERE campaign_id = ?
      """, .integer(id.rawValue)
    ) { row in
      CampaignStanding(
        state: CampaignState(rawValue: row.int64(0)) ?? .paused,
        since: Timestamp(milliseconds: row.int64(1)),
        scheduledAt: row.optionalInt64(2).map { Timestamp(milliseconds: $0) },
        reasonCode: row.optionalInt64(3).map { Int($0) }, reason: row.optionalText(4))
    }
  }

  func put(_ standing: CampaignStanding, of id: RowID) throws {
    try db.run(
      """
      INSERT INTO campaign_states
        (campaign_id, state, since, scheduled_at, reason_code, reason) VALUES (?, ?, ?, ?, ?, ?)
      ON CONFLICT (campaign_id) DO UPDATE SET state = excluded.state, since = excluded.since,
        scheduled_at = excluded.scheduled_at, reason_code = excluded.reason_code,
        reason = excluded.reason
      """, .integer(id.rawValue), .integer(standing.state.rawValue),
      .integer(standing.since.milliseconds), .optional(standing.scheduledAt?.milliseconds),
      .optional(standing.reasonCode.map { Int64($0) }), .optional(standing.reason))
  }

  /// Campaigns that run or are scheduled and use this template, or this number.
  func active(template: String?, phoneNumberID: String?) throws -> [RowID] {
    try db.rows(
      """
      SELECT c.id FROM campaign_states s JOIN campaigns c ON c.id = s.campaign_id
      WHERE s.state IN (1, 2) AND (?1 IS NULL OR c.template = ?1)
        AND (?2 IS NULL OR c.phone_number_id = ?2)
      ORDER BY c.id
      """, .optional(template), .optional(phoneNumberID)
    ) { RowID($0.int64(0)) }
  }

  // MARK: - Launch

  func insert(_ launch: CampaignLaunch, of id: RowID) throws {
    try db.run(
      """
      INSERT INTO campaign_launches
        (campaign_id, at, hold_id, amount, category, template_version) VALUES (?, ?, ?, ?, ?, ?)
      """, .integer(id.rawValue), .integer(launch.at.milliseconds),
      .integer(launch.hold.rawValue), .integer(launch.amount.rawValue),
      .integer(launch.category.rawValue), .integer(launch.templateVersion))
  }

  /// The hold that pays from now on.
  func setHold(_ hold: RowID, of id: RowID) throws {
    try db.run(
      "UPDATE campaign_launches SET hold_id = ? WHERE campaign_id = ?", .integer(hold.rawValue),
      .integer(id.rawValue))
  }

  func launch(_ id: RowID) throws -> CampaignLaunch? {
    try db.first(
      """
      SELECT at, hold_id, amount, category, template_version FROM campaign_launches
      WHERE campaign_id = ?
      """, .integer(id.rawValue)
    ) { row in
      MessageCategory(rawValue: row.int64(3)).map { category in
        CampaignLaunch(
          at: Timestamp(milliseconds: row.int64(0)), hold: RowID(row.int64(1)),
          amount: Micros(row.int64(2)), category: category, templateVersion: row.int64(4))
      }
    } ?? nil
  }

  func insert(_ quote: PriceQuote, reserve: Micros, of id: RowID) throws {
    try db.run(
      """
      INSERT INTO campaign_prices (campaign_id, market, price_id, price_version, amount, reserve)
      VALUES (?, ?, ?, ?, ?, ?)
      """, .integer(id.rawValue), .text(quote.market.code), .integer(quote.id.rawValue),
      .integer(quote.version), .integer(quote.amount.rawValue), .integer(reserve.rawValue))
  }

  /// What a message of this campaign costs: the price that was frozen at its launch.
  func charge(_ id: RowID, market: Market) throws -> MessageCharge? {
    try db.first(
      """
      SELECT l.hold_id, l.category, p.price_id, p.price_version, p.amount,
        coalesce(p.reserve, 0)
      FROM campaign_launches l JOIN campaign_prices p ON p.campaign_id = l.campaign_id
      WHERE l.campaign_id = ? AND p.market = ?
      """, .integer(id.rawValue), .text(market.code)
    ) { row in
      MessageCategory(rawValue: row.int64(1)).map { category in
        MessageCharge(
          hold: RowID(row.int64(0)),
          quote: PriceQuote(
            id: RowID(row.int64(2)), version: row.int64(3), amount: Micros(row.int64(4)),
            market: market, category: category), isOwnHold: false,
          reserve: Micros(row.int64(5)))
      }
    } ?? nil
  }

  // MARK: - Counts

  func tally(_ id: RowID) throws -> CampaignTally? {
    try db.first(
      """
      SELECT recipients, claimed, waiting, sending, ambiguous, accepted, delivered, read, failed,
        suppressed, cancelled, captured, released, refunded,
        coalesce(reserved, 0)
      FROM campaign_counts WHERE campaign_id = ?
      """, .integer(id.rawValue)
    ) { row in
      var tally = CampaignTally()
      for (column, field) in CampaignTally.fields.enumerated() {
        tally[keyPath: field] = row.int64(Int32(column))
      }
      return tally
    }
  }

  func add(_ tally: CampaignTally, to id: RowID) throws {
    try db.run(
      """
      UPDATE campaign_counts SET recipients = recipients + ?2, claimed = claimed + ?3,
        waiting = waiting + ?4, sending = sending + ?5, ambiguous = ambiguous + ?6,
        accepted = accepted + ?7, delivered = delivered + ?8, read = read + ?9,
        failed = failed + ?10, suppressed = suppressed + ?11, cancelled = cancelled + ?12,
        captured = captured + ?13, released = released + ?14, refunded = refunded + ?15,
        reserved = coalesce(reserved, 0) + ?16
      WHERE campaign_id = ?1
      """, .integer(id.rawValue), .integer(tally.recipients), .integer(tally.claimed),
      .integer(tally.waiting), .integer(tally.sending), .integer(tally.ambiguous),
      .integer(tally.accepted), .integer(tally.delivered), .integer(tally.read),
      .integer(tally.failed), .integer(tally.suppressed), .integer(tally.cancelled),
      .integer(tally.captured), .integer(tally.released), .integer(tally.refunded),
      .integer(tally.reserved))
  }
}
