import Storage
import Trust
import Wire

/// The SQL of people, their credentials and roles.
struct UsersStore {
  private let db: Connection

  init(_ transaction: Transaction) throws { db = try transaction.file(.sessions) }
  init(_ snapshot: Snapshot) { db = snapshot.file(.sessions) }

  // MARK: People

  func insert(_ user: User) throws {
    try db.run(
      """
      INSERT INTO users (id, email, email_key, name, role, state, created_at, created_by)
      VALUES (?, ?, ?, ?, ?, ?, ?, ?)
      """,
      .integer(user.id.rawValue), .text(user.email), .text(User.key(of: user.email)),
      .text(user.name), .text(user.role), .text(user.state.rawValue),
      .integer(user.createdAt.milliseconds), .text(user.createdBy))
    try db.run(
      "INSERT INTO user_credentials (user_id) VALUES (?)", .integer(user.id.rawValue))
  }

  func update(_ user: User) throws {
    try db.run(
      "UPDATE users SET name = ?, role = ?, state = ? WHERE id = ?", .text(user.name),
      .text(user.role), .text(user.state.rawValue), .integer(user.id.rawValue))
  }

  func delete(_ id: RowID) throws {
    try db.run("DELETE FROM users WHERE id = ?", .integer(id.rawValue))
    try db.run("DELETE FROM user_credentials WHERE user_id = ?", .integer(id.rawValue))
    try db.run("DELETE FROM one_time_tokens WHERE user_id = ?", .integer(id.rawValue))
    try db.run("DELETE FROM recovery_codes WHERE user_id = ?", .integer(id.rawValue))
    try db.run("DELETE FROM email_changes WHERE user_id = ?", .integer(id.rawValue))
  }

  func find(_ id: RowID) throws -> User? {
    try db.first(
      "SELECT id, email, name, role, state, created_at, created_by FROM users WHERE id = ?",
      .integer(id.rawValue), transform: Self.user) ?? nil
  }

  func find(email: String) throws -> User? {
    try db.first(
      """
      SELECT id, email, name, role, state, created_at, created_by FROM users
      WHERE email_key = ?
      """, .text(User.key(of: email)), transform: Self.user) ?? nil
  }

  func list(after: RowID, limit: Int) throws -> [User] {
    try db.rows(
      """
      SELECT id, email, name, role, state, created_at, created_by FROM users
      WHERE id > ? ORDER BY id LIMIT ?
      """, .integer(after.rawValue), .int(limit), transform: Self.user
    ).compactMap { $0 }
  }

  func count() throws -> Int {
    try db.first("SELECT count(*) FROM users") { $0.int(0) } ?? 0
  }

  /// Active people with a role, besides one person.
  func count(role: String, besides id: RowID) throws -> Int {
    try db.first(
      "SELECT count(*) FROM users WHERE role = ? AND state = 'active' AND id <> ?", .text(role),
      .integer(id.rawValue)
    ) { $0.int(0) } ?? 0
  }

  private static func user(_ row: Row) -> User? {
    guard let state = User.State(rawValue: row.text(4)) else { return nil }
    return User(
      id: RowID(row.int64(0)), email: row.text(1), name: row.text(2), role: row.text(3),
      state: state, createdAt: Timestamp(milliseconds: row.int64(5)), createdBy: row.text(6))
  }

  // MARK: Credentials

  func credentials(of id: RowID) throws -> UserCredentials {
    try db.first(
      """
      SELECT password_hash, email_verified_at, totp_secret, totp_confirmed_at, totp_last_step
      FROM user_credentials WHERE user_id = ?
      """, .integer(id.rawValue)
    ) { row in
      UserCredentials(
        passwordHash: row.optionalText(0),
        emailVerifiedAt: row.optionalInt64(1).map { Timestamp(milliseconds: $0) },
        totpSecret: row.optionalBlob(2),
        totpConfirmedAt: row.optionalInt64(3).map { Timestamp(milliseconds: $0) },
        totpLastStep: row.optionalInt64(4))
    } ?? UserCredentials()
  }

  func set(_ credentials: UserCredentials, of id: RowID) throws {
    try db.run(
      """
      UPDATE user_credentials SET password_hash = ?, email_verified_at = ?, totp_secret = ?,
        totp_confirmed_at = ?, totp_last_step = ?
      WHERE user_id = ?
      """,
      .optional(credentials.passwordHash), .optional(credentials.emailVerifiedAt?.milliseconds),
      .optional(credentials.totpSecret), .optional(credentials.totpConfirmedAt?.milliseconds),
      .optional(credentials.totpLastStep), .integer(id.rawValue))
  }

  func replaceRecoveryCodes(of id: RowID, _ hashes: [[UInt8]]) throws {
    try db.run("DELETE FROM recovery_codes WHERE user_id = ?", .integer(id.rawValue))
    for hash in hashes {
      try db.run(
        "INSERT INTO recovery_codes (user_id, hash) VALUES (?, ?)", .integer(id.rawValue),
        .blob(hash))
    }
  }

  /// Uses a recovery code up; false where it is not one, or was used.
  func useRecoveryCode(of id: RowID, _ hash: [UInt8], at now: Timestamp) throws -> Bool {
    try db.run(
      "UPDATE recovery_codes SET used_at = ? WHERE user_id = ? AND hash = ? AND used_at IS NULL",
      .integer(now.milliseconds), .integer(id.rawValue), .blob(hash)) == 1
  }

  // MARK: One-time tokens

  func insertToken(hash: [UInt8], _ token: OneTimeToken) throws {
    // A newer one takes the place of what was sent before.
    try db.run(
      "DELETE FROM one_time_tokens WHERE user_id = ? AND purpose = ?",
      .integer(token.userID.rawValue), .text(token.purpose.rawValue))
    try db.run(
      """
      INSERT INTO one_time_tokens (hash, user_id, purpose, expires_at, shown)
      VALUES (?, ?, ?, ?, ?)
      """, .blob(hash), .integer(token.userID.rawValue), .text(token.purpose.rawValue),
      .integer(token.expiresAt.milliseconds), .integer(token.isShown ? 1 : 0))
  }

  /// Claims a token in one statement; nil where it is unknown, used or too old.
  func claimToken(
    hash: [UInt8], _ purpose: OneTimeToken.Purpose, at now: Timestamp
  ) throws -> (user: RowID, isShown: Bool)? {
    try db.first(
      """
      UPDATE one_time_tokens SET used_at = ?1
      WHERE hash = ?2 AND purpose = ?3 AND used_at IS NULL AND expires_at > ?1
      RETURNING user_id, shown
      """, .integer(now.milliseconds), .blob(hash), .text(purpose.rawValue)
    ) { (RowID($0.int64(0)), $0.optionalInt64(1) == 1) }
  }

  // MARK: E-mail addresses

  func insertEmailChange(hash: [UInt8], _ change: EmailChange, until: Timestamp) throws {
    // A newer one takes the place of what was sent before.
    try db.run(
      "DELETE FROM email_changes WHERE user_id = ?", .integer(change.userID.rawValue))
    try db.run(
      "INSERT INTO email_changes (hash, user_id, email, expires_at) VALUES (?, ?, ?, ?)",
      .blob(hash), .integer(change.userID.rawValue), .text(change.email),
      .integer(until.milliseconds))
  }

  /// Claims it in one statement; nil where it is unknown, used or too old.
  func claimEmailChange(hash: [UInt8], at now: Timestamp) throws -> EmailChange? {
    try db.first(
      """
      UPDATE email_changes SET used_at = ?1
      WHERE hash = ?2 AND used_at IS NULL AND expires_at > ?1 RETURNING user_id, email
      """, .integer(now.milliseconds), .blob(hash)
    ) { EmailChange(userID: RowID($0.int64(0)), email: $0.text(1)) }
  }

  func setEmail(_ email: String, of id: RowID) throws {
    try db.run(
      "UPDATE users SET email = ?, email_key = ? WHERE id = ?", .text(email),
      .text(User.key(of: email)), .integer(id.rawValue))
  }

  // MARK: Roles

  /// A built-in role or one of the tenant's own.
  func role(_ name: String) throws -> Role? {
    if let role = Role.builtIn.first(where: { $0.name == name }) { return role }
    return try db.first(
      "SELECT name, power, scopes FROM roles WHERE name = ?", .text(name), transform: Self.role)
  }

  func customRoles() throws -> [Role] {
    try db.rows(
      "SELECT name, power, scopes FROM roles ORDER BY power DESC, name", transform: Self.role)
  }

  func put(_ role: Role, at now: Timestamp) throws {
    try db.run(
      """
      INSERT INTO roles (name, power, scopes, changed_at) VALUES (?, ?, ?, ?)
      ON CONFLICT (name) DO UPDATE SET
        power = excluded.power, scopes = excluded.scopes, changed_at = excluded.changed_at
      """,
      .text(role.name), .integer(role.power.rawValue), .integer(role.scopes.rawValue),
      .integer(now.milliseconds))
  }

  func deleteRole(_ name: String) throws {
    try db.run("DELETE FROM roles WHERE name = ?", .text(name))
  }

  func isHeld(role name: String) throws -> Bool {
    try db.first("SELECT 1 FROM users WHERE role = ? LIMIT 1", .text(name)) { _ in true } ?? false
  }

  private static func role(_ row: Row) -> Role {
    Role(
      name: row.text(0), power: Power(rawValue: row.int64(1)),
      scopes: Scopes(rawValue: row.int64(2)))
  }

  // MARK: Letters

  func insertMail(_ id: RowID, sealed: [UInt8], at now: Timestamp) throws {
    try db.run(
      "INSERT INTO mails (id, content, created_at) VALUES (?, ?, ?)", .integer(id.rawValue),
      .blob(sealed), .integer(now.milliseconds))
  }

  struct UnsentMail: Hashable, Sendable {
    let id: RowID
    let sealed: [UInt8]
    let createdAt: Timestamp
  }

  func unsentMails(after id: RowID, limit: Int) throws -> [UnsentMail] {
    try db.rows(
      """
      SELECT id, content, created_at FROM mails WHERE sent_at IS NULL AND id > ?
      ORDER BY id LIMIT ?
      """, .integer(id.rawValue), .int(limit)
    ) { row in
      UnsentMail(
        id: RowID(row.int64(0)), sealed: row.blob(1),
        createdAt: Timestamp(milliseconds: row.int64(2)))
    }
  }

  /// What was sent is forgotten: it held a token.
  func mailWasSent(_ id: RowID) throws {
    try db.run("DELETE FROM mails WHERE id = ?", .integer(id.rawValue))
  }
}
