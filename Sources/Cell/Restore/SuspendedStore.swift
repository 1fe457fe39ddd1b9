import Storage
import Wire

/// What waits, of a tenant that sends nothing before it is released.
struct SuspendedStore {
  private let connection: Connection

  init(_ snapshot: Snapshot) { connection = snapshot.file(.messages) }

  /// Messages that wait.
  func messages() throws -> Int {
    try connection.first("SELECT count(*) FROM message_states WHERE state = 0") { $0.int(0) } ?? 0
  }

  /// Recipients of running campaigns of whom no message was made yet.
  func recipients() throws -> Int {
    try connection.first(
      """
      SELECT coalesce(sum(n.recipients - n.claimed), 0) FROM campaign_states s
        JOIN campaign_counts n ON n.campaign_id = s.campaign_id
      WHERE s.state IN (1, 2) AND s.state = 2 AND n.claimed < n.recipients
      """
    ) { $0.int(0) } ?? 0
  }

  /// Scheduled campaigns that begin by `due`.
  func timers(by due: Timestamp) throws -> Int {
    try connection.first(
      """
      SELECT count(*) FROM campaign_states
      WHERE state IN (1, 2) AND state = 1 AND scheduled_at <= ?1
      """, .integer(due.milliseconds)
    ) { $0.int(0) } ?? 0
  }

  /// The oldest messages.
  func oldest(limit: Int) throws -> [String] {
    try connection.rows(
      "SELECT id FROM message_states WHERE state = 0 ORDER BY id LIMIT ?1", .int(limit)
    ) { RowID($0.int64(0)).text(.message) }
  }
}
