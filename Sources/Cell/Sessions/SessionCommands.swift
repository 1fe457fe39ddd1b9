import Cryptography
import Edge
import Platform
import Storage
import Trust
import Wire

/// The rules of opening, renewing and ending sessions, inside a transaction.
struct SessionCommands {
  let tx: Transaction
  let lifetimes: SessionLifetimes
  private let store: SessionsStore

  init(_ tx: Transaction, _ lifetimes: SessionLifetimes) throws {
    self.tx = tx
    self.lifetimes = lifetimes
    store = try SessionsStore(tx)
  }

  /// What a person gets when they sign in, and with every renewal.
  struct Tokens: Encodable, Sendable {
    let sessionID: String
    let accessToken: String
    let accessExpiresAt: Timestamp
    let refreshToken: String?
    let refreshExpiresAt: Timestamp?
    let sessionExpiresAt: Timestamp
    let isImpersonation: Bool

    private enum CodingKeys: String, CodingKey {
      case sessionID = "session_id"
      case accessToken = "access_token"
      case accessExpiresAt = "access_expires_at"
      case refreshToken = "refresh_token"
      case refreshExpiresAt = "refresh_expires_at"
      case sessionExpiresAt = "session_expires_at"
      case isImpersonation = "is_impersonation"
    }

    func encode(to encoder: any Encoder) throws {
      var container = encoder.container(keyedBy: CodingKeys.self)
      try container.encode(sessionID, forKey: .sessionID)
      try container.encode(accessToken, forKey: .accessToken)
      try container.encode(accessExpiresAt, forKey: .accessExpiresAt)
      try container.encode(refreshToken, forKey: .refreshToken)
      try container.encode(refreshExpiresAt, forKey: .refreshExpiresAt)
      try container.encode(sessionExpiresAt, forKey: .sessionExpiresAt)
      try container.encode(isImpersonation, forKey: .isImpersonation)
    }
  }

  /// A session of a person who has proved who they are.
  func open(_ user: User, address: String, agent: String) throws -> (UserSession, Tokens) {
    try store.forgetEnded(user: user.id, now: tx.now)
    let session = UserSession(
      id: tx.freshID(), userID: user.id, impersonatedBy: nil, grantID: nil, reason: nil,
      createdAt: tx.now, expiresAt: tx.now.adding(seconds: lifetimes.absoluteSeconds),
      endedAt: nil, address: address, agent: String(agent.prefix(UserSession.maximumAgentBytes)))
    try store.insert(session)
    let (pair, tokens) = makePair(of: session)
    try store.insert(pair)
    return (session, tokens)
  }

  /// A session in which an operator acts in the tenant's name: no renewal, one per grant.
  ///
  /// Nil where the grant was used before.
  func open(
    _ grant: ImpersonationGrant, address: String, agent: String
  ) throws -> (UserSession, Tokens)? {
    guard try store.find(grant: grant.id) == nil else { return nil }
    let session = UserSession(
      id: tx.freshID(), userID: nil, impersonatedBy: grant.operatorID, grantID: grant.id,
      reason: grant.reason, createdAt: tx.now, expiresAt: grant.expiresAt, endedAt: nil,
      address: address, agent: String(agent.prefix(UserSession.maximumAgentBytes)))
    try store.insert(session)
    let (pair, tokens) = makePair(of: session)
    try store.insert(pair)
    return (session, tokens)
  }

  /// What a presented refresh token led to; refusals are values, so that ending a session is not
  /// undone with them.
  enum Renewal: Sendable {
    case tokens(body: [UInt8], session: UserSession)
    case reuse(session: UserSession)
    case refused(reason: String)
  }

  /// - Parameter outage: When this cell did not answer, last.
  func renew(_ token: SessionTokenText, outage: RefreshRule.Outage? = nil) throws -> Renewal {
    guard let found = try store.pair(publicID: token.publicID),
      let hash = found.pair.refreshHash, let expiresAt = found.pair.refreshExpiresAt,
      ConstantTime.equal(hash, SHA256Digest.of(token.secret.utf8)),
      let session = try store.find(found.pair.sessionID), let userID = session.userID
    else { return .refused(reason: "unknown") }
    let decision = RefreshRule.decide(
      RefreshRule.Known(
        expiresAt: expiresAt, usedAt: Sabotage.forgetDedupe.isOn ? nil : found.usedAt,
        isSuccessorUsed: found.isSuccessorUsed, sessionEndedAt: session.endedAt,
        sessionExpiresAt: session.expiresAt), now: tx.now, outage: outage)
    switch decision {
    case .ended: return .refused(reason: "ended")
    case .expired: return .refused(reason: "expired")
    case .repeatAnswer:
      guard let body = found.successor.flatMap({ Self.unseal($0, token) }) else {
        return .refused(reason: "unknown")
      }
      return .tokens(body: body, session: session)
    case .reuse:
      _ = try store.end(session.id, at: tx.now, reason: "refresh_reuse", by: "system")
      return .reuse(session: session)
    case .rotate:
      guard try UsersStore(tx).find(userID)?.state == .active else {
        return .refused(reason: "person")
      }
      let (pair, tokens) = makePair(of: session)
      let body = try EdgeJSON.encode(tokens)
      let sealed = Self.seal(body, token, nonce: tx.randomBytes(AuthenticatedCipher.nonceBytes))
      guard
        try store.claim(found.pair, at: tx.now, successor: pair.id, sealed: sealed)
      else { return .refused(reason: "unknown") }
      try store.insert(pair)
      return .tokens(body: body, session: session)
    }
  }

  private func makePair(of session: UserSession) -> (TokenPair, Tokens) {
    let isRenewed = session.userID != nil
    let (access, refresh) = SessionTokenText.pair(for: tx.tenant) { tx.randomBytes($0) }
    let accessEnd =
      isRenewed
      ? min(session.expiresAt, tx.now.adding(seconds: lifetimes.accessSeconds))
      : session.expiresAt
    let refreshEnd =
      isRenewed
      ? min(session.expiresAt, tx.now.adding(seconds: lifetimes.idleSeconds)) : nil
    let pair = TokenPair(
      id: tx.freshID(), sessionID: session.id, publicID: access.publicID,
      accessHash: SHA256Digest.of(access.secret.utf8), accessExpiresAt: accessEnd,
      refreshHash: isRenewed ? SHA256Digest.of(refresh.secret.utf8) : nil,
      refreshExpiresAt: refreshEnd)
    let tokens = Tokens(
      sessionID: session.id.text(.session), accessToken: access.text, accessExpiresAt: accessEnd,
      refreshToken: isRenewed ? refresh.text : nil, refreshExpiresAt: refreshEnd,
      sessionExpiresAt: session.expiresAt, isImpersonation: session.impersonatedBy != nil)
    return (pair, tokens)
  }

  // MARK: The sealed successor

  /// Only who presents the token can open what followed it: the files hold neither.
  private static func key(_ token: SessionTokenText) -> [UInt8] {
    KeyedHash.derive(
      from: Array(token.secret.utf8), info: "aimstors-refresh-successor/1\n\(token.publicID)")
  }

  private static func seal(
    _ body: [UInt8], _ token: SessionTokenText, nonce: [UInt8]
  ) -> [UInt8] {
    SealedSecret.seal(body, key: key(token), owner: token.publicID, nonce: nonce)
  }

  private static func unseal(_ sealed: [UInt8], _ token: SessionTokenText) -> [UInt8]? {
    SealedSecret.open(sealed, key: key(token), owner: token.publicID)
  }
}
