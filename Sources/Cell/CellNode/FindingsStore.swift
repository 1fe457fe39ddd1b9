import Storage
import Wire

/// Reads what the sweep looks for in one tenant's messages.
struct FindingsStore {
  private let db: Connection

  init(_ connection: Connection) { db = connection }

  func reading(now: Timestamp) throws -> TenantFindings.Reading {
    var reading = TenantFindings.Reading()
    reading.blocked = try db.rows(
      """
      SELECT phone_number_id, reason FROM numbers JOIN number_states ON number_id = id
      WHERE state = 2 ORDER BY id LIMIT 10
      """
    ) { "\($0.text(0)) (\($0.text(1)))" }
    // Row keys rise with time: the last day is the end of the table.
    let first = RowID.lowest(at: now.adding(seconds: -TenantFindings.underchargeSeconds))
    let (count, at) =
      try db.first(
        """
        SELECT count(*), coalesce(min(at), 0) FROM message_alerts
        WHERE id >= ?1 AND kind = 'undercharged'
        """, .integer(first.rawValue)
      ) { ($0.int(0), $0.int64(1)) } ?? (0, 0)
    reading.undercharged = count
    reading.firstUndercharge = count > 0 ? Timestamp(milliseconds: at) : nil
    return reading
  }
}
