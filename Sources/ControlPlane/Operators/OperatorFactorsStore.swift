import Storage
import Wire

/// Operators' second factors and what was opened with them.
extension PlatformRows {
  func factor(of operatorID: String) throws -> OperatorFactor? {
    try connection.first(
      """
      SELECT operator, secret, confirmed_at, last_step, failures, failed_at
      FROM operator_factors WHERE operator = ?1
      """, .text(operatorID), transform: Self.factor)
  }

  /// All of them: operators are few.
  func factors() throws -> [OperatorFactor] {
    try connection.rows(
      """
      SELECT operator, secret, confirmed_at, last_step, failures, failed_at
      FROM operator_factors ORDER BY operator
      """, transform: Self.factor)
  }

  private static func factor(_ row: Row) -> OperatorFactor {
    OperatorFactor(
      operatorID: row.text(0), secret: row.blob(1),
      confirmedAt: row.optionalInt64(2).map { Timestamp(milliseconds: $0) },
      lastStep: row.optionalInt64(3), failures: row.int(4),
      failedAt: Timestamp(milliseconds: row.int64(5)))
  }

  func hasSecondFactor(_ operatorID: String) throws -> Bool {
    try connection.first(
      "SELECT 1 FROM operator_factors WHERE operator = ?1 AND confirmed_at IS NOT NULL",
      .text(operatorID)
    ) { _ in true } ?? false
  }

  func put(_ factor: OperatorFactor) throws {
    try connection.run(
      """
      INSERT INTO operator_factors
        (operator, secret, confirmed_at, last_step, failures, failed_at)
      VALUES (?1, ?2, ?3, ?4, ?5, ?6)
      ON CONFLICT (operator) DO UPDATE SET secret = excluded.secret,
        confirmed_at = excluded.confirmed_at, last_step = excluded.last_step,
        failures = excluded.failures, failed_at = excluded.failed_at
      """,
      .text(factor.operatorID), .blob(factor.secret),
      .optional(factor.confirmedAt?.milliseconds), .optional(factor.lastStep),
      .int(factor.failures), .integer(factor.failedAt.milliseconds))
  }

  /// Takes the factor away, with its codes and every session that it opened.
  func removeFactor(of operatorID: String) throws {
    try connection.run("DELETE FROM operator_factors WHERE operator = ?1", .text(operatorID))
    try connection.run(
      "DELETE FROM operator_recovery_codes WHERE operator = ?1", .text(operatorID))
    try endSessions(of: operatorID)
  }

  func replaceRecoveryCodes(of operatorID: String, _ hashes: [[UInt8]]) throws {
    try connection.run(
      "DELETE FROM operator_recovery_codes WHERE operator = ?1", .text(operatorID))
    for hash in hashes {
      try connection.run(
        "INSERT INTO operator_recovery_codes (operator, hash) VALUES (?1, ?2)",
        .text(operatorID), .blob(hash))
    }
  }

  /// Whether there was such a code; it is gone then.
  func takeRecoveryCode(of operatorID: String, _ hash: [UInt8]) throws -> Bool {
    try connection.run(
      "DELETE FROM operator_recovery_codes WHERE operator = ?1 AND hash = ?2",
      .text(operatorID), .blob(hash)) == 1
  }

  // MARK: Sessions

  func operatorSession(tokenHash: [UInt8]) throws -> OperatorSession? {
    try connection.first(
      """
      SELECT id, operator, token_hash, created_at, expires_at FROM operator_sessions
      WHERE token_hash = ?1
      """, .blob(tokenHash)
    ) { row in
      OperatorSession(
        id: row.text(0), operatorID: row.text(1), tokenHash: row.blob(2),
        createdAt: Timestamp(milliseconds: row.int64(3)),
        expiresAt: Timestamp(milliseconds: row.int64(4)))
    }
  }

  /// Adds a session; the operator's expired ones go, and the oldest beyond the limit.
  func insert(_ session: OperatorSession) throws {
    try connection.run(
      """
      DELETE FROM operator_sessions WHERE operator = ?1 AND (expires_at <= ?2 OR id NOT IN (
        SELECT id FROM operator_sessions WHERE operator = ?1 ORDER BY created_at DESC, id DESC
        LIMIT ?3))
      """, .text(session.operatorID), .integer(session.createdAt.milliseconds),
      .int(OperatorSession.maximum - 1))
    try connection.run(
      """
      INSERT INTO operator_sessions (id, operator, token_hash, created_at, expires_at)
      VALUES (?1, ?2, ?3, ?4, ?5)
      """,
      .text(session.id), .text(session.operatorID), .blob(session.tokenHash),
      .integer(session.createdAt.milliseconds), .integer(session.expiresAt.milliseconds))
  }

  func endSessions(of operatorID: String) throws {
    try connection.run("DELETE FROM operator_sessions WHERE operator = ?1", .text(operatorID))
  }
}
