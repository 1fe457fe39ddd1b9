import Alerts
import Storage
import Trust
import Wire

/// The SQL of alert channels.
struct AlertChannelsStore {
  private let db: Connection

  init(_ transaction: Transaction) throws { db = try transaction.file(.sessions) }
  init(_ snapshot: Snapshot) { db = snapshot.file(.sessions) }

  func put(_ channel: AlertChannel) throws {
    try db.run(
      """
      INSERT INTO alert_channels
        (kind, target, delivered, failures, failing_since, retry_at, last_error)
      VALUES (?, ?, ?, ?, ?, ?, ?)
      ON CONFLICT (kind) DO UPDATE SET target = excluded.target,
        delivered = excluded.delivered, failures = excluded.failures,
        failing_since = excluded.failing_since, retry_at = excluded.retry_at,
        last_error = excluded.last_error
      """, .text(channel.kind.rawValue), .blob(channel.sealedTarget),
      .integer(channel.delivered), .int(channel.failures),
      .optional(channel.failingSince?.milliseconds), .optional(channel.retryAt?.milliseconds),
      .text(channel.lastError))
  }

  func delete(_ kind: AlertChannel.Kind) throws -> Bool {
    try db.run("DELETE FROM alert_channels WHERE kind = ?", .text(kind.rawValue)) == 1
  }

  func list() throws -> [AlertChannel] {
    try db.rows(
      """
      SELECT kind, target, delivered, failures, failing_since, retry_at, last_error
      FROM alert_channels ORDER BY kind
      """, transform: Self.channel
    ).compactMap { $0 }
  }

  func find(_ kind: AlertChannel.Kind) throws -> AlertChannel? {
    try db.first(
      """
      SELECT kind, target, delivered, failures, failing_since, retry_at, last_error
      FROM alert_channels WHERE kind = ?
      """, .text(kind.rawValue), transform: Self.channel) ?? nil
  }

  /// Alerts after a position of the log, the oldest first.
  func alerts(after sequence: Int64, limit: Int) throws -> [AuditEvent] {
    try db.rows(
      """
      SELECT body FROM audit_alerts JOIN audit_events USING (sequence) WHERE sequence > ?
      ORDER BY sequence LIMIT ?
      """, .integer(sequence), .int(limit)
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
