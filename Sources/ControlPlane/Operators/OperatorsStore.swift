import Storage
import Trust
import Wire

extension PlatformRows {
  func hasOperator() throws -> Bool {
    try connection.first("SELECT 1 FROM operators LIMIT 1") { _ in true } ?? false
  }

  func operatorOf(tokenHash: [UInt8]) throws -> Operator? {
    try connection.first(
      """
      SELECT id, token_hash, created_at, revoked_at, role, name FROM operators
      WHERE token_hash = ?1
      """, .blob(tokenHash), transform: Self.person)
  }

  func operatorOf(id: String) throws -> Operator? {
    try connection.first(
      "SELECT id, token_hash, created_at, revoked_at, role, name FROM operators WHERE id = ?1",
      .text(id), transform: Self.person)
  }

  /// Those who are not revoked.
  func operators(after id: String, limit: Int) throws -> [Operator] {
    try connection.rows(
      """
      SELECT id, token_hash, created_at, revoked_at, role, name FROM operators
      WHERE id > ?1 AND revoked_at IS NULL ORDER BY id LIMIT ?2
      """, .text(id), .int(limit), transform: Self.person)
  }

  func superAdmins(besides id: String) throws -> Int {
    try connection.first(
      """
      SELECT count(*) FROM operators
      WHERE coalesce(role, 'super_admin') = 'super_admin' AND revoked_at IS NULL AND id <> ?1
      """, .text(id)
    ) { $0.int(0) } ?? 0
  }

  func insert(_ person: Operator) throws {
    try connection.run(
      """
      INSERT INTO operators (id, token_hash, created_at, role, name)
      VALUES (?1, ?2, ?3, ?4, ?5)
      """,
      .text(person.id), .blob(person.tokenHash), .integer(person.createdAt.milliseconds),
      .text(person.role.rawValue), .text(person.name))
  }

  func revokeOperator(_ id: String, at now: Timestamp) throws {
    try connection.run(
      "UPDATE operators SET revoked_at = ?1 WHERE id = ?2 AND revoked_at IS NULL",
      .integer(now.milliseconds), .text(id))
  }

  /// A row from before there were roles is a super admin's; an unknown role is the weakest.
  private static func person(_ row: Row) -> Operator {
    Operator(
      id: row.text(0), tokenHash: row.blob(1), createdAt: Timestamp(milliseconds: row.int64(2)),
      isRevoked: !row.isNull(3),
      role: row.optionalText(4).map { PlatformRole(rawValue: $0) ?? .reseller } ?? .superAdmin,
      name: row.optionalText(5) ?? "")
  }
}
