import Storage
import Wire

extension PlatformRows {
  func claim(_ kind: ClaimKind, _ key: String) throws -> KeyClaim? {
    try connection.first(
      "SELECT kind, key, tenant, version, released FROM key_claims WHERE kind = ?1 AND key = ?2",
      .text(kind.rawValue), .text(key), transform: Self.keyClaim) ?? nil
  }

  func claims(changedAfter version: UInt64) throws -> [KeyClaim] {
    try connection.rows(
      """
      SELECT kind, key, tenant, version, released FROM key_claims
      WHERE version > ?1 ORDER BY version
      """, .integer(Int64(bitPattern: version)), transform: Self.keyClaim
    ).compactMap { $0 }
  }

  func put(_ claim: KeyClaim) throws {
    try connection.run(
      """
      INSERT INTO key_claims (kind, key, tenant, version, released) VALUES (?1, ?2, ?3, ?4, ?5)
      ON CONFLICT (kind, key) DO UPDATE SET
        tenant = excluded.tenant, version = excluded.version, released = excluded.released
      """,
      .text(claim.kind.rawValue), .text(claim.key), .text(claim.tenant.rawValue),
      .integer(Int64(bitPattern: claim.version)), .integer(claim.isReleased ? 1 : 0))
  }

  /// Remembers what the holder of a key calls it.
  func put(name: String, of kind: ClaimKind, _ key: String) throws {
    try connection.run(
      """
      INSERT INTO key_names (name, kind, key) VALUES (?1, ?2, ?3)
      ON CONFLICT (name) DO UPDATE SET kind = excluded.kind, key = excluded.key
      """, .text(name), .text(kind.rawValue), .text(key))
  }

  /// The key of this kind that its holder calls, or called, by this name.
  func key(_ kind: ClaimKind, named name: String) throws -> String? {
    try connection.first(
      "SELECT key FROM key_names WHERE name = ?1 AND kind = ?2", .text(name), .text(kind.rawValue)
    ) { $0.text(0) }
  }

  private static func keyClaim(_ row: Row) -> KeyClaim? {
    ClaimKind(rawValue: row.text(0)).map { kind in
      KeyClaim(
        kind: kind, key: row.text(1), tenant: TenantID(trusted: row.text(2)),
        version: UInt64(bitPattern: row.int64(3)), isReleased: row.int64(4) != 0)
    }
  }
}
