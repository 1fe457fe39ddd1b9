import Storage
import Wire

/// The SQL of a campaign's report.
struct CampaignReportStore {
  private let db: Connection

  init(_ connection: Connection) { db = connection }

  struct Line: Hashable, Sendable {
    let id: RowID
    let party: String?
    let userID: String?
    let state: MessageState
    let error: MessageError?
  }

  /// Recipients in their order, claimed or not.
  func lines(
    _ campaign: RowID, after: RowID, state: MessageState?, limit: Int, isCancelled: Bool
  ) throws -> [Line] {
    try db.rows(
      """
      SELECT r.id, r.party, r.user_id, coalesce(s.state, ?3), e.code, e.title, e.details
      FROM campaign_recipients r LEFT JOIN message_states s ON s.id = r.id
        LEFT JOIN message_errors e ON e.message_id = r.id
      WHERE r.campaign_id = ?1 AND r.id > ?2 AND (?4 IS NULL OR coalesce(s.state, ?3) = ?4)
      ORDER BY r.id LIMIT ?5
      """, .integer(campaign.rawValue), .integer(after.rawValue),
      .integer((isCancelled ? MessageState.cancelled : .queued).rawValue),
      .optional(state?.rawValue), .int(limit)
    ) { row in
      let state = MessageState(rawValue: row.int64(3)) ?? .queued
      // Why it waited or was in doubt says nothing about one that went out.
      return Line(
        id: RowID(row.int64(0)), party: row.optionalText(1), userID: row.optionalText(2),
        state: state,
        error: row.isNull(4) || state.deliveryRank != nil
          ? nil
          : MessageError(code: row.int(4), title: row.text(5), details: row.text(6)))
    }
  }
}
