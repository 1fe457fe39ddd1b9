import Storage
import Wire

/// The SQL of taking a fork's inherited credentials away.
struct ForkedAccessStore {
  private let db: Connection

  init(_ transaction: Transaction) throws { db = try transaction.file(.sessions) }

  func close(at now: Timestamp) throws {
    try db.run(
      "UPDATE api_keys SET revoked_at = ? WHERE revoked_at IS NULL", .integer(now.milliseconds))
    try db.run(
      "UPDATE sessions SET revoked_at = ? WHERE revoked_at IS NULL", .integer(now.milliseconds))
    try db.run("DELETE FROM session_tokens WHERE id > ?", .integer(0))
    try db.run("DELETE FROM one_time_tokens WHERE user_id > ?", .integer(0))
    try db.run("DELETE FROM email_changes WHERE user_id > ?", .integer(0))
    // A copy for people to look at writes to nobody.
    try db.run("DELETE FROM mails WHERE id > ?", .integer(0))
    try db.run("DELETE FROM alert_channels WHERE delivered >= ?", .integer(-1))
  }
}
