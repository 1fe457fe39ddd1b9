import Cryptography
import Edge
import Hummingbird
import Storage
import Trust
import Wire

/// What people do with their own credentials.
enum MeRoutes {
  private struct PasswordInput: Decodable, Sendable {
    let password: String
    let newPassword: String
    private enum CodingKeys: String, CodingKey {
      case password
      case newPassword = "new_password"
    }
  }
  private struct CodeInput: Decodable, Sendable { let code: String }
  private struct PasswordOnly: Decodable, Sendable { let password: String }
  private struct EmailInput: Decodable, Sendable {
    let email: String
    let password: String
  }

  private struct Me: Encodable, Sendable {
    let id: String
    let email: String?
    let name: String?
    let role: String?
    let power: Int64
    let scopes: [String]
    let totp: Bool
    let emailVerified: Bool
    let isImpersonation: Bool
    let impersonatedBy: String?

    private enum CodingKeys: String, CodingKey {
      case id, email, name, role, power, scopes, totp
      case emailVerified = "email_verified"
      case isImpersonation = "is_impersonation"
      case impersonatedBy = "impersonated_by"
    }

    func encode(to encoder: any Encoder) throws {
      var container = encoder.container(keyedBy: CodingKeys.self)
      try container.encode(id, forKey: .id)
      try container.encode(email, forKey: .email)
      try container.encode(name, forKey: .name)
      try container.encode(role, forKey: .role)
      try container.encode(power, forKey: .power)
      try container.encode(scopes, forKey: .scopes)
      try container.encode(totp, forKey: .totp)
      try container.encode(emailVerified, forKey: .emailVerified)
      try container.encode(isImpersonation, forKey: .isImpersonation)
      try container.encode(impersonatedBy, forKey: .impersonatedBy)
    }
  }
  private struct Enrolment: Encodable, Sendable {
    let secret: String
    let uri: String
  }
  private struct Codes: Encodable, Sendable {
    let recoveryCodes: [String]
    private enum CodingKeys: String, CodingKey { case recoveryCodes = "recovery_codes" }
  }

  static func register(on routes: CellRoutes) {
    let services = routes.services
    routes.api(.get, "/v1/me") { _, context in
      let principal = try context.principal()
      let id = try context.personID()
      let me = try await services.store.read(try context.tenant(), [.sessions]) { snapshot in
        let users = UsersStore(snapshot)
        let user = try id.flatMap { try users.find($0) }
        let credentials = try id.map { try users.credentials(of: $0) }
        return Me(
          id: principal.id, email: user?.email, name: user?.name, role: user?.role,
          power: principal.power.rawValue, scopes: principal.scopes.names,
          totp: credentials?.hasSecondFactor ?? false,
          emailVerified: credentials?.emailVerifiedAt != nil,
          isImpersonation: principal.isImpersonation, impersonatedBy: principal.impersonatedBy)
      }
      return try .json(me)
    }
    routes.api(.put, "/v1/me/password") { request, context in
      try await changePassword(request, context, services)
    }
    routes.api(.post, "/v1/me/email") { request, context in
      try await changeEmail(request, context, services)
    }
    routes.api(.post, "/v1/me/totp") { _, context in try await enrol(context, services) }
    routes.api(.post, "/v1/me/totp/confirm") { request, context in
      try await confirm(request, context, services)
    }
    routes.api(.post, "/v1/me/totp/remove") { request, context in
      let input = try EdgeJSON.decode(PasswordOnly.self, from: try await context.bytes(request))
      let id = try person(context)
      try await prove(input.password, id, context, services)
      let actor = try context.actor()
      try await services.store.write(try context.tenant(), context.origin) { tx in
        let users = try UsersStore(tx)
        var credentials = try users.credentials(of: id)
        credentials.totpSecret = nil
        credentials.totpConfirmedAt = nil
        credentials.totpLastStep = nil
        try users.set(credentials, of: id)
        try users.replaceRecoveryCodes(of: id, [])
        try AuditLog(tx).append(
          actor.event("totp.remove", subject: id.text(.user)), at: tx.now)
      }
      return StoredAnswer.noContent.response
    }
  }

  private static func person(_ context: CellContext) throws(Failure) -> RowID {
    guard let id = try context.personID() else {
      throw Failure(.impersonationForbidden, "not in another's name")
    }
    return id
  }

  /// Throws unless the password is the person's own.
  private static func prove(
    _ password: String, _ id: RowID, _ context: CellContext, _ services: CellServices
  ) async throws {
    let tenant = try context.tenant()
    let subject = SignInLimits.Subject.person(tenant, id.text(.user))
    if case .refused(let wait, _) = services.identity.limits.ask(subject) {
      throw Failure(.rateLimited, "too many attempts; wait", retryAfterMilliseconds: wait)
    }
    let hash = try await services.store.read(tenant, [.sessions]) {
      try UsersStore($0).credentials(of: id).passwordHash
    }
    guard try await services.identity.passwords.verify(password, hash) else {
      throw Failure(.forbidden, "the password is not right")
    }
    services.identity.limits.succeed(subject)
  }

  /// Sends a letter to the address that the person wants to have; the answer is the same whether
  /// somebody has it or not.
  private static func changeEmail(
    _ request: Request, _ context: CellContext, _ services: CellServices
  ) async throws -> Response {
    let input = try EdgeJSON.decode(EmailInput.self, from: try await context.bytes(request))
    let email = try User.checked(email: input.email)
    let id = try person(context)
    try await prove(input.password, id, context, services)
    let tenant = try context.tenant()
    let subject = SignInLimits.Subject.letter(tenant, id.text(.user))
    if case .refused(let wait, _) = services.identity.limits.ask(subject) {
      throw Failure(.rateLimited, "too many letters; wait", retryAfterMilliseconds: wait)
    }
    let (actor, letters) = (try context.actor(), services.identity.letters)
    try await services.store.write(tenant, context.origin) { tx in
      let users = try UsersStore(tx)
      guard let user = try users.find(id) else {
        throw Failure(.notFound, "there is no such person")
      }
      try AuditLog(tx).append(
        actor.event("user.email_change_request", subject: id.text(.user)), at: tx.now)
      let isOthers = try users.find(email: email).map { $0.id != id } ?? false
      guard !isOthers else { return }
      let token =
        OneTimeToken.prefix + Base62.draw(OneTimeToken.secretLength) { tx.randomBytes($0) }
      try users.insertEmailChange(
        hash: SHA256Digest.of(Array(token.utf8)), EmailChange(userID: id, email: email),
        until: tx.now.adding(seconds: EmailChange.seconds))
      try letters.queue(.emailChange(token, to: email), to: user, tx)
    }
    return Response(status: .accepted)
  }

  /// Changes the password, and ends every other session of the person.
  private static func changePassword(
    _ request: Request, _ context: CellContext, _ services: CellServices
  ) async throws -> Response {
    let input = try EdgeJSON.decode(PasswordInput.self, from: try await context.bytes(request))
    let id = try person(context)
    try await prove(input.password, id, context, services)
    try PasswordRule.check(input.newPassword, email: "")
    let hash = try await services.identity.passwords.make(
      input.newPassword, salt: services.random.bytes(PasswordHash.saltBytes))
    guard let hash else { throw Failure(.invalidField, "new_password cannot be taken") }
    let (actor, sessions) = (try context.actor(), services.identity.sessions)
    let kept = try context.principal().session
    try await services.store.write(try context.tenant(), context.origin) { tx in
      let users = try UsersStore(tx)
      guard let user = try users.find(id) else {
        throw Failure(.notFound, "there is no such person")
      }
      try PasswordRule.check(input.newPassword, email: user.email)
      var credentials = try users.credentials(of: id)
      credentials.passwordHash = hash
      try users.set(credentials, of: id)
      try SignIn.endSessions(
        of: id, besides: kept, reason: "password", by: id.text(.user), tx)
      try AuditLog(tx).append(
        actor.event("user.password_change", subject: id.text(.user)), at: tx.now)
      let tenant = tx.tenant
      tx.afterCommit { sessions.forget(tenant, user: id) }
    }
    return StoredAnswer.noContent.response
  }

  private static func enrol(
    _ context: CellContext, _ services: CellServices
  ) async throws -> Response {
    let id = try person(context)
    let (actor, sealer) = (try context.actor(), services.sealer)
    let enrolment = try await services.store.write(try context.tenant(), context.origin) { tx in
      let users = try UsersStore(tx)
      guard let user = try users.find(id) else {
        throw Failure(.notFound, "there is no such person")
      }
      var credentials = try users.credentials(of: id)
      guard !credentials.hasSecondFactor else {
        throw Failure(.alreadyDone, "there is a second factor; remove it first")
      }
      let secret = tx.randomBytes(OneTimeCode.secretBytes)
      credentials.totpSecret = sealer.seal(
        secret, owner: SignIn.totpOwner(tx.tenant, id), nonce: tx.randomBytes(Sealer.nonceBytes))
      try users.set(credentials, of: id)
      try AuditLog(tx).append(
        actor.event("totp.enrol", subject: id.text(.user)), at: tx.now)
      return Enrolment(
        secret: secret.base32Text,
        uri: OneTimeCode.uri(secret: secret, account: user.email, issuer: "Aimstors"))
    }
    var response = try StoredAnswer.json(201, enrolment).response
    response.headers[.cacheControl] = "no-store"
    return response
  }

  /// The answer shows the recovery codes, once: it is kept sealed, so that who lost it on the way
  /// has them by its key.
  private static func confirm(
    _ request: Request, _ context: CellContext, _ services: CellServices
  ) async throws -> Response {
    let call = try await context.command(CodeInput.self, request, file: .sessions)
    let id = try person(context)
    let (actor, sealer, input) = (try context.actor(), services.sealer, call.input)
    let owner = "\(call.tenant)/totp-answer"
    let answer = try await services.store.perform(call.tenant, call.origin, call.claim) { tx in
      let users = try UsersStore(tx)
      var credentials = try users.credentials(of: id)
      guard let sealed = credentials.totpSecret, credentials.totpConfirmedAt == nil else {
        throw Failure(.invalidState, "there is no second factor to confirm")
      }
      let secret = try sealer.open(sealed, owner: SignIn.totpOwner(tx.tenant, id))
      guard
        let step = OneTimeCode.match(input.code, secret: secret, at: tx.now, lastStep: nil)
      else { throw Failure(.invalidField, "code is not the authenticator's") }
      credentials.totpConfirmedAt = tx.now
      credentials.totpLastStep = step
      try users.set(credentials, of: id)
      let codes = (0..<RecoveryCode.count).map { _ in
        RecoveryCode.make { tx.randomBytes($0) }
      }
      try users.replaceRecoveryCodes(of: id, codes.map { RecoveryCode.hash($0) })
      try AuditLog(tx).append(
        actor.event("totp.confirm", subject: id.text(.user)), at: tx.now)
      return try StoredAnswer.json(200, Codes(recoveryCodes: codes))
        .sealed(sealer, owner: owner, tx)
    }
    var response = try answer.opened(sealer, owner: owner).response
    response.headers[.cacheControl] = "no-store"
    return response
  }
}
