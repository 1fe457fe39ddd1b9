import Storage
import Trust
import Wire

/// The SQL of alert channels: a table of a tenant's, and one of the platform's.
public struct AlertChannelsStore {
  /// The table's step; a tenant's files were made with this text.
  public static let ddl = """
    CREATE TABLE alert_channels (
      kind TEXT NOT NULL PRIMARY KEY CHECK (kind IN ('webhook', 'email')),
      -- Sealed: a webhook's secret is in it.
      target BLOB NOT NULL,
      -- Alerts up to this position of the audit log are done.
      delivered INTEGER NOT NULL,
      failures INTEGER NOT NULL,
      failing_since INTEGER,
      retry_at INTEGER,
      last_error TEXT NOT NULL
    ) STRICT;
    """

  private let db: Connection

  public init(_ connection: Connection) { db = connection }

  public func put(_ channel: AlertChannel) throws {
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

  public func delete(_ kind: AlertChannel.Kind) throws -> Bool {
    try db.run("DELETE FROM alert_channels WHERE kind = ?", .text(kind.rawValue)) == 1
  }

  public func list() throws -> [AlertChannel] {
    try db.rows(
      """
      SELECT kind, target, delivered, failures, failing_since, retry_at, last_error
      FROM alert_channels ORDER BY kind
      """, transform: Self.channel
    ).compactMap { $0 }
  }

  public func find(_ kind: AlertChannel.Kind) throws -> AlertChannel? {
    try db.first(
      """
      SELECT kind, target, delivered, failures, failing_since, retry_at, last_error
      FROM alert_channels WHERE kind = ?
      """, .text(kind.rawValue), transform: Self.channel) ?? nil
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
