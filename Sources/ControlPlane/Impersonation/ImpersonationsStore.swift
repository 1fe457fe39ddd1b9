import Storage
import Trust
import Wire

/// A grant as the control plane remembers it.
struct Impersonation: Hashable, Sendable {
  let grant: ImpersonationGrant
  let endedAt: Timestamp?
}

extension PlatformRows {
  func insert(_ grant: ImpersonationGrant) throws {
    try connection.run(
      """
      INSERT INTO impersonations
        (id, operator, tenant, cell, reason, issued_at, expires_at)
      VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
      """,
      .text(grant.id), .text(grant.operatorID), .text(grant.tenant.rawValue),
      .text(grant.cell.rawValue), .text(grant.reason), .integer(grant.issuedAt.milliseconds),
      .integer(grant.expiresAt.milliseconds))
  }

  func impersonation(_ id: String) throws -> Impersonation? {
    try connection.first(
      """
      SELECT id, operator, tenant, cell, reason, issued_at, expires_at, ended_at
      FROM impersonations WHERE id = ?1
      """, .text(id), transform: Self.impersonation)
  }

  /// The newest first.
  func impersonations(before id: String, limit: Int) throws -> [Impersonation] {
    try connection.rows(
      """
      SELECT id, operator, tenant, cell, reason, issued_at, expires_at, ended_at
      FROM impersonations WHERE id < ?1 ORDER BY id DESC LIMIT ?2
      """, .text(id), .int(limit), transform: Self.impersonation)
  }

  /// An operator's that have neither ended nor run out.
  func openImpersonations(of operatorID: String, at now: Timestamp) throws -> [Impersonation] {
    try connection.rows(
      """
      SELECT id, operator, tenant, cell, reason, issued_at, expires_at, ended_at
      FROM impersonations WHERE operator = ?1 AND ended_at IS NULL AND expires_at > ?2
      ORDER BY id
      """, .text(operatorID), .integer(now.milliseconds), transform: Self.impersonation)
  }

  func endImpersonation(_ id: String, at now: Timestamp) throws {
    try connection.run(
      "UPDATE impersonations SET ended_at = ?1 WHERE id = ?2 AND ended_at IS NULL",
      .integer(now.milliseconds), .text(id))
  }

  private static func impersonation(_ row: Row) -> Impersonation {
    Impersonation(
      grant: ImpersonationGrant(
        id: row.text(0), operatorID: row.text(1), tenant: TenantID(trusted: row.text(2)),
        cell: CellID(trusted: row.text(3)), reason: row.text(4),
        issuedAt: Timestamp(milliseconds: row.int64(5)),
        expiresAt: Timestamp(milliseconds: row.int64(6))),
      endedAt: row.optionalInt64(7).map { Timestamp(milliseconds: $0) })
  }
}
