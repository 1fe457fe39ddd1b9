import Trust
import Wire

/// A time in which a person is signed in, or an operator acts in the tenant's name.
struct UserSession: Hashable, Sendable {
  let id: RowID
  /// Nil under impersonation.
  let userID: RowID?
  let impersonatedBy: String?
  let grantID: String?
  let reason: String?
  let createdAt: Timestamp
  let expiresAt: Timestamp
  let endedAt: Timestamp?
  let address: String
  let agent: String

  static let maximumAgentBytes = 200
}

/// How long what lives.
struct SessionLifetimes: Hashable, Sendable {
  var accessSeconds: Int64 = 600
  /// How long a session may stay unused.
  var idleSeconds: Int64 = 7 * 86_400
  /// How long a session may last at all.
  var absoluteSeconds: Int64 = 30 * 86_400

  static let standard = SessionLifetimes()
}

/// A pair of tokens as it is stored.
struct TokenPair: Hashable, Sendable {
  let id: RowID
  let sessionID: RowID
  let publicID: String
  let accessHash: [UInt8]
  let accessExpiresAt: Timestamp
  let refreshHash: [UInt8]?
  let refreshExpiresAt: Timestamp?
}
