import Alerts
import Storage
import Trust
import Wire

/// Where the platform's alerts go.
extension PlatformRows {
  func put(_ channel: AlertChannel) throws {
    try connection.run(
      """
      INSERT INTO alert_channels
        (kind, target, delivered, failures, failing_since, retry_at, last_error)
      VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
      ON CONFLICT (kind) DO UPDATE SET target = excluded.target,
        delivered = excluded.delivered, failures = excluded.failures,
        failing_since = excluded.failing_since, retry_at = excluded.retry_at,
        last_error = excluded.last_error
      """,
      .text(channel.kind.rawValue), .blob(channel.sealedTarget), .integer(channel.delivered),
      .int(channel.failures), .optional(channel.failingSince?.milliseconds),
      .optional(channel.retryAt?.milliseconds), .text(channel.lastError))
  }

  func deleteAlertChannel(_ kind: AlertChannel.Kind) throws -> Bool {
    try connection.run("DELETE FROM alert_channels WHERE kind = ?1", .text(kind.rawValue)) == 1
  }

  func alertChannels() throws -> [AlertChannel] {
    try connection.rows(
      """
      SELECT kind, target, delivered, failures, failing_since, retry_at, last_error
      FROM alert_channels ORDER BY kind
      """, transform: Self.channel
    ).compactMap { $0 }
  }

  func alertChannel(_ kind: AlertChannel.Kind) throws -> AlertChannel? {
    try alertChannels().first { $0.kind == kind }
  }

  /// Entries after a position of the log, the oldest first.
  func auditEvents(after sequence: Int64, limit: Int) throws -> [AuditEvent] {
    try connection.rows(
      "SELECT body FROM audit_log WHERE sequence > ?1 ORDER BY sequence LIMIT ?2",
      .integer(sequence), .int(limit)
    ) { AuditEvent(json: $0.blob(0)) }.compactMap { $0 }
  }

  private static func channel(_ row: Row) -> AlertChannel? {
    AlertChannel.Kind(rawValue: row.text(0)).map { kind in
      AlertChannel(
        kind: kind, sealedTarget: row.blob(1), delivered: row.int64(2), failures: row.int(3),
        failingSince: row.optionalInt64(4).map { Timestamp(milliseconds: $0) },
        retryAt: row.optionalInt64(5).map { Timestamp(milliseconds: $0) },
        lastError: row.text(6))
    }
  }
}
