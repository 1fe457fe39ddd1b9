import Storage
import Wire

/// The SQL of what is due: waiting messages, intents, ambiguous sends.
///
/// `+` keeps SQLite from the index of states: it would read and sort all messages that wait, each
/// time, instead of the first few of the index of due times.
struct MessageQueueStore {
  private let db: Connection

  init(_ connection: Connection) { db = connection }

  /// The earliest moment at which a message wants something done.
  func nextDue() throws -> Timestamp? {
    try db.first(
      "SELECT due FROM message_states WHERE due IS NOT NULL ORDER BY due LIMIT 1"
    ) { Timestamp(milliseconds: $0.int64(0)) }
  }

  /// The earliest due time among waiting messages of numbers that are not in `excluded`, a JSON
  /// array of phone_number_ids.
  func nextQueued(excluding excluded: String) throws -> Timestamp? {
    try db.first(
      """
      SELECT s.due FROM message_states s JOIN messages m ON m.id = s.id
        LEFT JOIN campaign_states c ON c.campaign_id = m.campaign_id
      WHERE s.due IS NOT NULL AND +s.state = 0 AND coalesce(c.state, 2) = 2
        AND m.phone_number_id NOT IN (SELECT value FROM json_each(?))
      ORDER BY s.due LIMIT 1
      """, .text(excluded)
    ) { Timestamp(milliseconds: $0.int64(0)) }
  }

  /// Waiting messages that are due, oldest due first, without those of excluded numbers and of
  /// campaigns that do not run.
  func due(
    at now: Timestamp, excluding excluded: String, limit: Int
  ) throws -> [(id: RowID, phoneNumberID: String, contact: String)] {
    try db.rows(
      """
      SELECT m.id, m.phone_number_id, coalesce(m.party, m.user_id, '')
      FROM message_states s JOIN messages m ON m.id = s.id
        LEFT JOIN campaign_states c ON c.campaign_id = m.campaign_id
      WHERE s.due <= ? AND +s.state = 0 AND coalesce(c.state, 2) = 2
        AND m.phone_number_id NOT IN (SELECT value FROM json_each(?))
      ORDER BY s.due, s.id LIMIT ?
      """, .integer(now.milliseconds), .text(excluded), .int(limit)
    ) { (RowID($0.int64(0)), $0.text(1), $0.text(2)) }
  }

  /// Intents whose outcome was never written.
  func intents(limit: Int) throws -> [RowID] {
    try db.rows(
      "SELECT id FROM message_states WHERE state = 1 ORDER BY id LIMIT ?", .int(limit)
    ) { RowID($0.int64(0)) }
  }

  /// Ambiguous sends whose hold runs out: so few that the index of states is the better one here.
  func ambiguousDue(at now: Timestamp, limit: Int) throws -> [RowID] {
    try db.rows(
      """
      SELECT id FROM message_states WHERE due IS NOT NULL AND due <= ? AND state = 2
      ORDER BY due LIMIT ?
      """, .integer(now.milliseconds), .int(limit)
    ) { RowID($0.int64(0)) }
  }

  /// Every number that the tenant ever had.
  func numbers() throws -> [(id: RowID, phoneNumberID: String)] {
    try db.rows("SELECT id, phone_number_id FROM numbers") { (RowID($0.int64(0)), $0.text(1)) }
  }

  /// The numbers that may not send by themselves: blocked by an error, or removed.
  func stoppedNumbers() throws -> [String] {
    try db.rows(
      """
      SELECT n.phone_number_id FROM numbers n JOIN number_states s ON s.number_id = n.id
      GROUP BY n.phone_number_id HAVING min(s.state) <> 1
      """
    ) { $0.text(0) }
  }
}
