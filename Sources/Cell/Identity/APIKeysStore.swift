import Edge
import Storage
import Trust
import Wire

/// The SQL of API keys.
struct APIKeysStore {
  private let db: Connection

  init(_ transaction: Transaction) throws { db = try transaction.file(.sessions) }
  init(_ snapshot: Snapshot) { db = snapshot.file(.sessions) }

  func insert(_ key: APIKey) throws {
    try db.run(
      """
      INSERT INTO api_keys
        (id, public_id, name, mode, secret_hash, scopes, allow_cidrs, per_second, burst,
         created_at, created_by, expires_at)
      VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
      """,
      .integer(key.id.rawValue), .text(key.publicID), .text(key.name), .text(key.mode.rawValue),
      .blob(key.secretHash), .integer(key.scopes.rawValue),
      .text(key.allowed.map(\.text).joined(separator: " ")), .integer(key.rate.perSecond),
      .integer(key.rate.burst), .integer(key.createdAt.milliseconds), .text(key.createdBy),
      .optional(key.expiresAt?.milliseconds))
  }

  func find(publicID: String) throws -> APIKey? {
    try db.first(
      """
      SELECT id, public_id, name, mode, secret_hash, scopes, allow_cidrs, per_second, burst,
        created_at, created_by, expires_at, revoked_at, last_used_at, previous_hash,
        previous_until
      FROM api_keys LEFT JOIN api_key_uses ON key_id = id WHERE public_id = ?
      """, .text(publicID), transform: Self.key) ?? nil
  }

  func find(_ id: RowID) throws -> APIKey? {
    try db.first(
      """
      SELECT id, public_id, name, mode, secret_hash, scopes, allow_cidrs, per_second, burst,
        created_at, created_by, expires_at, revoked_at, last_used_at, previous_hash,
        previous_until
      FROM api_keys LEFT JOIN api_key_uses ON key_id = id WHERE id = ?
      """, .integer(id.rawValue), transform: Self.key) ?? nil
  }

  /// Keys that are not revoked, oldest first.
  func list(after: RowID, limit: Int) throws -> [APIKey] {
    try db.rows(
      """
      SELECT id, public_id, name, mode, secret_hash, scopes, allow_cidrs, per_second, burst,
        created_at, created_by, expires_at, revoked_at, last_used_at, previous_hash,
        previous_until
      FROM api_keys LEFT JOIN api_key_uses ON key_id = id
      WHERE id > ? AND revoked_at IS NULL ORDER BY id LIMIT ?
      """, .integer(after.rawValue), .int(limit), transform: Self.key
    ).compactMap { $0 }
  }

  func count() throws -> Int {
    try db.first("SELECT count(*) FROM api_keys WHERE revoked_at IS NULL") { $0.int(0) } ?? 0
  }

  func revoke(_ id: RowID, at: Timestamp) throws {
    try db.run(
      "UPDATE api_keys SET revoked_at = ? WHERE id = ? AND revoked_at IS NULL",
      .integer(at.milliseconds), .integer(id.rawValue))
  }

  /// Stores another secret or address list.
  func update(_ key: APIKey) throws {
    try db.run(
      """
      UPDATE api_keys SET secret_hash = ?, previous_hash = ?, previous_until = ?, allow_cidrs = ?
      WHERE id = ?
      """,
      .blob(key.secretHash), .optional(key.previous?.hash),
      .optional(key.previous?.until.milliseconds),
      .text(key.allowed.map(\.text).joined(separator: " ")), .integer(key.id.rawValue))
  }

  func setLastUsed(_ id: RowID, at: Timestamp) throws {
    try db.run(
      """
      INSERT INTO api_key_uses (key_id, last_used_at) VALUES (?, ?)
      ON CONFLICT (key_id) DO UPDATE SET last_used_at = excluded.last_used_at
      WHERE excluded.last_used_at > last_used_at
      """, .integer(id.rawValue), .integer(at.milliseconds))
  }

  private static func key(_ row: Row) -> APIKey? {
    guard let mode = APIKeyText.Mode(rawValue: row.text(3)) else { return nil }
    let ranges = row.text(6).split(separator: " ").map { NetworkRange(String($0)) }
    var key = APIKey(
      id: RowID(row.int64(0)), publicID: row.text(1), name: row.text(2), mode: mode,
      secretHash: row.blob(4), scopes: Scopes(rawValue: row.int64(5)),
      allowed: ranges.compactMap { $0 },
      rate: RateLimit(trusted: row.int64(7), burst: row.int64(8)),
      createdAt: Timestamp(milliseconds: row.int64(9)), createdBy: row.text(10),
      expiresAt: row.optionalInt64(11).map { Timestamp(milliseconds: $0) },
      revokedAt: row.optionalInt64(12).map { Timestamp(milliseconds: $0) },
      lastUsedAt: row.optionalInt64(13).map { Timestamp(milliseconds: $0) })
    key.hasUnreadableRange = ranges.contains(nil)
    if let hash = row.optionalBlob(14), let until = row.optionalInt64(15) {
      key.previous = (hash, Timestamp(milliseconds: until))
    }
    return key
  }
}
