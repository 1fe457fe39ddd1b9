import Cryptography
import Edge
import Platform
import Storage
import Trust
import Wire

/// Signing in, and what else people do before they are: every path answers alike whether there is
/// such a person or not.
struct SignIn: Sendable {
  let store: any TenantStore
  let identity: IdentityServices
  let sealer: Sealer

  /// What a sign-in needs.
  struct Proof: Decodable, Sendable {
    let email: String
    let password: String
    let code: String?
    let recoveryCode: String?

    private enum CodingKeys: String, CodingKey {
      case email, password, code
      case recoveryCode = "recovery_code"
    }
  }

  private struct Candidate: Sendable {
    let user: User
    let credentials: UserCredentials
  }

  static let wrong = Failure(.unauthenticated, "e-mail address or password are not right")

  func signIn(
    _ proof: Proof, tenant: TenantID, agent: String, _ request: RequestActor,
    origin: CommandOrigin
  ) async throws -> SessionCommands.Tokens {
    try await limit(
      .address(tenant, NetworkAddress(request.address)?.limitKey), tenant, request, origin)
    let person = SignInLimits.Subject.person(tenant, User.key(of: proof.email))
    try await limit(person, tenant, request, origin)
    let candidate = try await store.read(tenant, [.sessions]) { snapshot -> Candidate? in
      let users = UsersStore(snapshot)
      guard let user = try users.find(email: proof.email) else { return nil }
      return Candidate(user: user, credentials: try users.credentials(of: user.id))
    }
    let hash = candidate.flatMap { $0.user.state == .active ? $0.credentials.passwordHash : nil }
    guard try await identity.passwords.verify(proof.password, hash), let candidate, let hash else {
      let reason = candidate == nil ? "no_such_person" : hash == nil ? "not_active" : "password"
      identity.refusals.note(tenant, .init(reason: reason, subject: "", address: request.address))
      throw Self.wrong
    }
    if candidate.credentials.hasSecondFactor {
      guard proof.code != nil || proof.recoveryCode != nil else {
        throw Failure(.secondFactorRequired, "send the code of the authenticator as code")
      }
      try await limit(.secondFactor(tenant, candidate.user.id), tenant, request, origin)
    }
    let fresh = try await renewedHash(proof.password, hash)
    let tokens = try await open(
      candidate.user, proof, hash: hash, fresh: fresh, agent, request, tenant, origin)
    identity.limits.succeed(person)
    identity.limits.succeed(.secondFactor(tenant, candidate.user.id))
    return tokens
  }

  /// A stronger hash for one that is weaker than what is made today.
  private func renewedHash(_ password: String, _ hash: String) async throws -> String? {
    guard identity.passwords.isOutdated(hash) else { return nil }
    return try await identity.passwords.make(
      password, salt: identity.random.bytes(PasswordHash.saltBytes))
  }

  private func open(
    _ user: User, _ proof: Proof, hash: String, fresh: String?, _ agent: String,
    _ request: RequestActor, _ tenant: TenantID, _ origin: CommandOrigin
  ) async throws -> SessionCommands.Tokens {
    let (sealer, lifetimes) = (sealer, identity.lifetimes)
    return try await store.write(tenant, origin) { tx in
      let users = try UsersStore(tx)
      // What was read before the hash was compared may have changed since.
      guard let user = try users.find(user.id), user.state == .active else { throw Self.wrong }
      var credentials = try users.credentials(of: user.id)
      guard credentials.passwordHash == hash else { throw Self.wrong }
      if let fresh { credentials.passwordHash = fresh }
      let factor = try Self.checkSecondFactor(&credentials, proof, user, users, sealer, tx)
      try users.set(credentials, of: user.id)
      let (session, tokens) = try SessionCommands(tx, lifetimes).open(
        user, address: request.address, agent: agent)
      let id = session.id.text(.session)
      let actor = request.acting(as: .init(.user, user.id.text(.user), session: id))
      try AuditLog(tx).append(
        actor.event("session.start", subject: id, ["factor": factor, "agent": session.agent]),
        at: tx.now)
      return tokens
    }
  }

  /// Answers what was proved; uses a code up.
  private static func checkSecondFactor(
    _ credentials: inout UserCredentials, _ proof: Proof, _ user: User, _ users: UsersStore,
    _ sealer: Sealer, _ tx: Transaction
  ) throws -> String {
    guard credentials.hasSecondFactor else { return "password" }
    let wrong = Failure(.unauthenticated, "the code is not right, or was used before")
    if let code = proof.recoveryCode {
      guard try users.useRecoveryCode(of: user.id, RecoveryCode.hash(code), at: tx.now) else {
        throw wrong
      }
      return "recovery_code"
    }
    guard let code = proof.code, let sealed = credentials.totpSecret else { throw wrong }
    let secret = try sealer.open(sealed, owner: totpOwner(tx.tenant, user.id))
    guard
      let step = OneTimeCode.match(
        code, secret: secret, at: tx.now, lastStep: credentials.totpLastStep)
    else { throw wrong }
    credentials.totpLastStep = step
    return "totp"
  }

  static func totpOwner(_ tenant: TenantID, _ user: RowID) -> String {
    "\(tenant)/totp/\(user.text(.user))"
  }

  // MARK: Invitations and forgotten passwords

  /// Accepts an invitation: sets the password and makes the person active.
  ///
  /// As with all that takes a letter's token, a repeat under its key is answered alike: the token
  /// itself works once.
  func accept(
    token: String, password: String, name: String?, under claim: IdempotencyClaim,
    tenant: TenantID, _ request: RequestActor, origin: CommandOrigin
  ) async throws -> StoredAnswer {
    try await setPassword(
      token: token, password: password, .invitation, name: name, claim, tenant, request, origin
    ) { user in
      try .json(200, PersonAnswer(user, role: nil))
    }
  }

  /// Sets a new password by the letter's token, and ends every session of the person.
  func reset(
    token: String, password: String, under claim: IdempotencyClaim, tenant: TenantID,
    _ request: RequestActor, origin: CommandOrigin
  ) async throws -> StoredAnswer {
    try await setPassword(
      token: token, password: password, .passwordReset, name: nil, claim, tenant, request, origin
    ) { _ in .noContent }
  }

  private func setPassword(
    token: String, password: String, _ purpose: OneTimeToken.Purpose, name: String?,
    _ claim: IdempotencyClaim, _ tenant: TenantID, _ request: RequestActor,
    _ origin: CommandOrigin, _ answer: @escaping @Sendable (User) throws -> StoredAnswer
  ) async throws -> StoredAnswer {
    try await limit(
      .address(tenant, NetworkAddress(request.address)?.limitKey), tenant, request, origin)
    try PasswordRule.check(password, email: "")
    let hash = try await identity.passwords.make(
      password, salt: identity.random.bytes(PasswordHash.saltBytes))
    guard let hash else { throw Failure(.invalidField, "password cannot be taken") }
    let sessions = identity.sessions
    let tokenHash = SHA256Digest.of(token.utf8)
    return try await store.perform(tenant, origin, claim) { tx in
      let users = try UsersStore(tx)
      guard let letter = try users.claimToken(hash: tokenHash, purpose, at: tx.now),
        var user = try users.find(letter.user), user.state != .disabled
      else { throw Failure(.unauthenticated, "this link was used, or is too old") }
      let id = letter.user
      try PasswordRule.check(password, email: user.email)
      var credentials = try users.credentials(of: id)
      credentials.passwordHash = hash
      // The letter reached the person: the address is theirs. What an operator was shown may have
      // come by any way.
      if !letter.isShown { credentials.emailVerifiedAt = credentials.emailVerifiedAt ?? tx.now }
      try users.set(credentials, of: id)
      user.state = .active
      if let name { user.name = try User.checked(name: name) }
      try users.update(user)
      try Self.endSessions(of: id, besides: nil, reason: purpose.rawValue, by: "system", tx)
      let actor = request.acting(as: .init(.user, id.text(.user)))
      try AuditLog(tx).append(
        actor.event(
          purpose == .invitation ? "user.accept" : "user.password_reset",
          subject: id.text(.user)), at: tx.now)
      let tenant = tx.tenant
      tx.afterCommit { sessions.forget(tenant, user: id) }
      return try answer(user)
    }
  }

  /// Sends a letter with a way back in, where there is such a person; the answer never tells.
  func forgot(
    email: String, tenant: TenantID, _ request: RequestActor, origin: CommandOrigin
  ) async throws {
    try await limit(
      .address(tenant, NetworkAddress(request.address)?.limitKey), tenant, request, origin)
    guard case .allowed = identity.limits.ask(.letter(tenant, User.key(of: email))) else { return }
    let letters = identity.letters
    try await store.write(tenant, origin) { tx in
      guard let user = try UsersStore(tx).find(email: email), user.state == .active else { return }
      let token = try PeopleCommands.token(for: user.id, .passwordReset, tx)
      try letters.queue(.passwordReset(token), to: user, tx)
      try AuditLog(tx).append(
        request.event("user.password_reset_request", subject: user.id.text(.user)), at: tx.now)
    }
  }

  /// Makes an address a person's own, by the token of the letter that went there, and ends their
  /// sessions.
  func confirmEmail(
    token: String, under claim: IdempotencyClaim, tenant: TenantID, _ request: RequestActor,
    origin: CommandOrigin
  ) async throws -> StoredAnswer {
    try await limit(
      .address(tenant, NetworkAddress(request.address)?.limitKey), tenant, request, origin)
    let sessions = identity.sessions
    let hash = SHA256Digest.of(token.utf8)
    return try await store.perform(tenant, origin, claim) { tx in
      let users = try UsersStore(tx)
      guard let change = try users.claimEmailChange(hash: hash, at: tx.now),
        let user = try users.find(change.userID), user.state == .active
      else { throw Failure(.unauthenticated, "this link was used, or is too old") }
      let id = user.id
      if User.key(of: change.email) != User.key(of: user.email),
        try users.find(email: change.email) != nil
      {
        throw Failure(.emailTaken, "there is somebody with this address already")
      }
      try users.setEmail(change.email, of: id)
      var credentials = try users.credentials(of: id)
      credentials.emailVerifiedAt = tx.now
      try users.set(credentials, of: id)
      try Self.endSessions(of: id, besides: nil, reason: "email", by: "system", tx)
      let actor = request.acting(as: .init(.user, id.text(.user)))
      let isChange = change.email != user.email
      try AuditLog(tx).append(
        actor.event(
          isChange ? "user.email_change" : "user.email_verify", subject: id.text(.user),
          isChange ? ["from": user.email, "to": change.email] : [:]), at: tx.now)
      let tenant = tx.tenant
      tx.afterCommit { sessions.forget(tenant, user: id) }
      return .noContent
    }
  }

  /// Ends a person's sessions in this transaction; what is cached is forgotten by the caller.
  static func endSessions(
    of user: RowID, besides kept: RowID?, reason: String, by who: String, _ tx: Transaction
  ) throws {
    let store = try SessionsStore(tx)
    var after = RowID(0)
    while true {
      let page = try store.list(user: user, after: after, now: tx.now, limit: 100)
      for session in page where session.id != kept {
        _ = try store.end(session.id, at: tx.now, reason: reason, by: who)
      }
      guard page.count == 100, let last = page.last else { return }
      after = last.id
    }
  }

  // MARK: Lock-out by rate

  private func limit(
    _ subject: SignInLimits.Subject, _ tenant: TenantID, _ request: RequestActor,
    _ origin: CommandOrigin
  ) async throws {
    guard case .refused(let milliseconds, let isNew) = identity.limits.ask(subject) else { return }
    if isNew {
      try await store.write(tenant, origin) { tx in
        _ = try AuditLog(tx).append(
          request.event(
            "session.lock_out", subject: "", outcome: .refused,
            ["by": subject.kind.rawValue]), at: tx.now)
      }
    }
    throw Failure(
      .rateLimited, "too many attempts; wait", retryAfterMilliseconds: milliseconds)
  }
}
