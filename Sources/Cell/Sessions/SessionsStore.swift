import Storage
import Trust
import Wire

/// The SQL of sessions and their tokens.
struct SessionsStore {
  private let db: Connection

  init(_ transaction: Transaction) throws { db = try transaction.file(.sessions) }
  init(_ snapshot: Snapshot) { db = snapshot.file(.sessions) }

  func insert(_ session: UserSession) throws {
    try db.run(
      """
      INSERT INTO sessions
        (id, user_id, impersonated_by, grant_id, reason, created_at, expires_at, address, agent)
      VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
      """,
      .integer(session.id.rawValue), .optional(session.userID?.rawValue),
      .optional(session.impersonatedBy), .optional(session.grantID), .optional(session.reason),
      .integer(session.createdAt.milliseconds), .integer(session.expiresAt.milliseconds),
      .text(session.address), .text(session.agent))
  }

  func insert(_ pair: TokenPair) throws {
    try db.run(
      """
      INSERT INTO session_tokens
        (id, session_id, public_id, access_hash, access_expires_at, refresh_hash,
         refresh_expires_at)
      VALUES (?, ?, ?, ?, ?, ?, ?)
      """,
      .integer(pair.id.rawValue), .integer(pair.sessionID.rawValue), .text(pair.publicID),
      .blob(pair.accessHash), .integer(pair.accessExpiresAt.milliseconds),
      .optional(pair.refreshHash), .optional(pair.refreshExpiresAt?.milliseconds))
  }

  func find(_ id: RowID) throws -> UserSession? {
    try db.first(
      """
      SELECT id, user_id, impersonated_by, grant_id, reason, created_at, expires_at, revoked_at,
        address, agent
      FROM sessions WHERE id = ?
      """, .integer(id.rawValue), transform: Self.session)
  }

  func find(grant: String) throws -> UserSession? {
    try db.first(
      """
      SELECT id, user_id, impersonated_by, grant_id, reason, created_at, expires_at, revoked_at,
        address, agent
      FROM sessions WHERE grant_id = ?
      """, .text(grant), transform: Self.session)
  }

  /// Sessions that stand, the oldest first; of one person where they are named.
  func list(user: RowID?, after: RowID, now: Timestamp, limit: Int) throws -> [UserSession] {
    try db.rows(
      """
      SELECT id, user_id, impersonated_by, grant_id, reason, created_at, expires_at, revoked_at,
        address, agent
      FROM sessions
      WHERE id > ?1 AND revoked_at IS NULL AND expires_at > ?2 AND (?3 IS NULL OR user_id = ?3)
      ORDER BY id LIMIT ?4
      """, .integer(after.rawValue), .integer(now.milliseconds), .optional(user?.rawValue),
      .int(limit), transform: Self.session)
  }

  /// How often a session was renewed.
  func renewals(of id: RowID) throws -> Int64 {
    try db.first(
      "SELECT count(*) FROM session_tokens WHERE session_id = ? AND used_at IS NOT NULL",
      .integer(id.rawValue)
    ) { $0.int64(0) } ?? 0
  }

  /// Ends a session; false where it had ended.
  func end(_ id: RowID, at now: Timestamp, reason: String, by who: String) throws -> Bool {
    let changed = try db.run(
      "UPDATE sessions SET revoked_at = ? WHERE id = ? AND revoked_at IS NULL",
      .integer(now.milliseconds), .integer(id.rawValue))
    guard changed == 1 else { return false }
    try db.run(
      "INSERT INTO session_ends (session_id, reason, ended_by) VALUES (?, ?, ?)",
      .integer(id.rawValue), .text(reason), .text(who))
    return true
  }

  // MARK: Tokens

  /// What a presented access token is compared with.
  struct Access: Hashable, Sendable {
    let pair: TokenPair
    let session: UserSession
  }

  func access(publicID: String) throws -> Access? {
    guard let pair = try pair(publicID: publicID)?.pair else { return nil }
    return try find(pair.sessionID).map { Access(pair: pair, session: $0) }
  }

  /// A pair, when it was used, and its sealed successor.
  struct Refresh: Hashable, Sendable {
    let pair: TokenPair
    let usedAt: Timestamp?
    let successor: [UInt8]?
    let isSuccessorUsed: Bool
  }

  func pair(publicID: String) throws -> Refresh? {
    try db.first(
      """
      SELECT a.id, a.session_id, a.public_id, a.access_hash, a.access_expires_at, a.refresh_hash,
        a.refresh_expires_at, a.used_at, a.successor, b.used_at
      FROM session_tokens a LEFT JOIN session_tokens b ON b.id = a.successor_id
      WHERE a.public_id = ?
      """, .text(publicID)
    ) { row in
      Refresh(
        pair: TokenPair(
          id: RowID(row.int64(0)), sessionID: RowID(row.int64(1)), publicID: row.text(2),
          accessHash: row.blob(3), accessExpiresAt: Timestamp(milliseconds: row.int64(4)),
          refreshHash: row.optionalBlob(5),
          refreshExpiresAt: row.optionalInt64(6).map { Timestamp(milliseconds: $0) }),
        usedAt: row.optionalInt64(7).map { Timestamp(milliseconds: $0) },
        successor: row.optionalBlob(8), isSuccessorUsed: !row.isNull(9))
    }
  }

  /// Claims a refresh token for its successor, in one statement; false where somebody was first.
  func claim(
    _ pair: TokenPair, at now: Timestamp, successor: RowID, sealed: [UInt8]
  ) throws -> Bool {
    try db.first(
      """
      UPDATE session_tokens SET used_at = ?, successor = ?, successor_id = ?
      WHERE id = ? AND refresh_hash = ? AND used_at IS NULL RETURNING id
      """,
      .integer(now.milliseconds), .blob(sealed), .integer(successor.rawValue),
      .integer(pair.id.rawValue), .optional(pair.refreshHash)
    ) { _ in true } ?? false
  }

  /// Forgets the tokens of a person's sessions that are over; the sessions themselves stay.
  func forgetEnded(user: RowID, now: Timestamp) throws {
    try db.run(
      """
      DELETE FROM session_tokens WHERE session_id IN
        (SELECT id FROM sessions WHERE user_id = ?1 AND (revoked_at < ?2 OR expires_at < ?2))
      """, .integer(user.rawValue), .integer(now.milliseconds))
  }

  private static func session(_ row: Row) -> UserSession {
    UserSession(
      id: RowID(row.int64(0)), userID: row.optionalInt64(1).map { RowID($0) },
      impersonatedBy: row.optionalText(2), grantID: row.optionalText(3),
      reason: row.optionalText(4), createdAt: Timestamp(milliseconds: row.int64(5)),
      expiresAt: Timestamp(milliseconds: row.optionalInt64(6) ?? 0),
      endedAt: row.optionalInt64(7).map { Timestamp(milliseconds: $0) },
      address: row.optionalText(8) ?? "", agent: row.optionalText(9) ?? "")
  }
}
