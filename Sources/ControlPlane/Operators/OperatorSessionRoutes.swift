import Cryptography
import Edge
import Hummingbird
import Storage
import Trust
import Wire

/// What operators do with their own credentials: a second factor, and sessions opened with it.
struct OperatorSessionRoutes: Sendable {
  static let sessions = "/v1/me/sessions"
  /// Answered to whoever proves the deployment's key.
  static let recovery = "/v1/operators/totp-recovery"

  private struct Me: Encodable, Sendable {
    let id: String
    let name: String
    let role: String
    let power: Int64
    let secondFactor: Bool
    let sessionExpiresAt: Timestamp?

    private enum CodingKeys: String, CodingKey {
      case id, name, role, power
      case secondFactor = "second_factor"
      case sessionExpiresAt = "session_expires_at"
    }
  }
  private struct CodeInput: Decodable, Sendable { let code: String }
  private struct Enrolment: Encodable, Sendable {
    let secret: String
    let uri: String
  }
  private struct Codes: Encodable, Sendable {
    let recoveryCodes: [String]
    private enum CodingKeys: String, CodingKey { case recoveryCodes = "recovery_codes" }
  }
  private struct Opened: Encodable, Sendable {
    let id: String
    let token: String
    let expiresAt: Timestamp
    private enum CodingKeys: String, CodingKey {
      case id, token
      case expiresAt = "expires_at"
    }
  }

  let services: AdminServices

  func register(on router: Router<EdgeContext>) {
    router.get("/v1/me", use: show)
    router.post("/v1/me/totp", use: enrol)
    router.post("/v1/me/totp/confirm", use: confirm)
    router.post("/v1/me/totp/remove", use: remove)
    router.post(.init(Self.sessions), use: open)
    router.delete(.init(Self.sessions), use: endAll)
    router.delete("/v1/operators/:id/totp", use: reset)
    router.post(.init(Self.recovery), use: recover)
  }

  @Sendable private func show(_ request: Request, _ context: EdgeContext) async throws -> Response {
    let principal = try context.admin()
    let me = try await services.store.read { rows in
      Me(
        id: principal.id, name: try rows.operatorOf(id: principal.id)?.name ?? "",
        role: principal.role.rawValue, power: principal.role.power.rawValue,
        secondFactor: try rows.hasSecondFactor(principal.id),
        sessionExpiresAt: principal.session?.expiresAt)
    }
    return try StoredAnswer.json(200, me).response
  }

  /// The secret for an authenticator; it asks nothing of anybody until it is confirmed.
  @Sendable private func enrol(
    _ request: Request, _ context: EdgeContext
  ) async throws -> Response {
    let (id, trace, sealer) = (try context.admin().id, context.traceID, services.sealer)
    let enrolment = try await services.store.write(trace: trace) { transaction, rows in
      guard try !rows.hasSecondFactor(id), let person = try rows.operatorOf(id: id) else {
        throw Failure(.alreadyDone, "there is a second factor; remove it first")
      }
      let secret = transaction.randomBytes(OneTimeCode.secretBytes)
      try rows.put(
        OperatorFactor(
          operatorID: id,
          secret: try sealer.seal(
            secret.hexText, context: OperatorFactor.context(of: id),
            nonce: transaction.randomBytes(AuthenticatedCipher.nonceBytes))))
      try rows.append(
        AuditEntry(operatorID: id, action: "totp.enrol", subject: id, detail: "", traceID: trace),
        id: transaction.freshID(), at: transaction.now)
      return Enrolment(
        secret: secret.base32Text,
        uri: OneTimeCode.uri(
          secret: secret, account: "\(person.name) (\(id))", issuer: "Aimstors operators"))
    }
    return try Self.unstored(201, enrolment)
  }

  /// The answer shows the recovery codes, once: it is kept sealed, so that who lost it on the way
  /// has them by its key, in a session that the factor opened.
  @Sendable private func confirm(
    _ request: Request, _ context: EdgeContext
  ) async throws -> Response {
    let body = try await AdminBody.read(request)
    let code = try body.decode(CodeInput.self).code
    let command = try AdminCommand(request, body, context, services)
    let (id, sealer) = (command.operatorID, services.sealer)
    let owner = "\(OperatorFactor.context(of: id))/answer"
    let answer = try await check(code, under: command) { factor, transaction, rows in
      guard factor.confirmedAt == nil else {
        throw Failure(.invalidState, "there is no second factor to confirm")
      }
      factor.confirmedAt = transaction.now
      let codes = (0..<RecoveryCode.count).map { _ in
        RecoveryCode.make { transaction.randomBytes($0) }
      }
      try rows.replaceRecoveryCodes(of: id, codes.map { RecoveryCode.hash($0) })
      try rows.append(
        command.audit("totp.confirm", id), id: transaction.freshID(), at: transaction.now)
      return try StoredAnswer.json(200, Codes(recoveryCodes: codes))
        .sealed(sealer, context: owner, transaction)
    }
    var response = try answer.opened(sealer, context: owner).response
    response.headers[.cacheControl] = "no-store"
    return response
  }

  @Sendable private func open(_ request: Request, _ context: EdgeContext) async throws -> Response {
    let (id, trace) = (try context.admin().id, context.traceID)
    let code = try await AdminBody.read(request).decode(CodeInput.self).code
    let token = OperatorToken.session.make(random: services.random.bytes(OperatorToken.secretBytes))
    let attempt = checked(code, id, trace, takesRecovery: true) { factor, transaction, rows in
      guard factor.confirmedAt != nil else {
        throw Failure(.invalidState, "there is no second factor; the token alone suffices")
      }
      let session = OperatorSession(
        id: transaction.freshID().text(.session), operatorID: id,
        tokenHash: Digests.sha256(token), createdAt: transaction.now,
        expiresAt: transaction.now.adding(seconds: OperatorSession.lifetimeSeconds))
      try rows.insert(session)
      try rows.append(
        AuditEntry(
          operatorID: id, action: "operator.session_start", subject: session.id, detail: "",
          traceID: trace), id: transaction.freshID(), at: transaction.now)
      return Opened(id: session.id, token: token, expiresAt: session.expiresAt)
    }
    // The count of a wrong one is durable before the answer is given.
    guard case .right(let opened) = try await services.store.write(trace: trace, attempt) else {
      throw Self.wrongCode
    }
    return try Self.unstored(201, opened)
  }

  @Sendable private func endAll(
    _ request: Request, _ context: EdgeContext
  ) async throws -> Response {
    let (id, trace) = (try context.admin().id, context.traceID)
    try await services.store.write(trace: trace) { transaction, rows in
      try rows.endSessions(of: id)
      try rows.append(
        AuditEntry(
          operatorID: id, action: "operator.sessions_end", subject: id, detail: "",
          traceID: trace), id: transaction.freshID(), at: transaction.now)
    }
    return Response(status: .noContent)
  }

  /// Only with a code of it: a stolen session does not take the factor away.
  @Sendable private func remove(
    _ request: Request, _ context: EdgeContext
  ) async throws -> Response {
    let body = try await AdminBody.read(request)
    let code = try body.decode(CodeInput.self).code
    let command = try AdminCommand(request, body, context, services, isRemoval: true)
    let id = command.operatorID
    return try await check(code, under: command, takesRecovery: true, keeps: false) {
      _, transaction, rows in
      try rows.removeFactor(of: id)
      try rows.append(
        command.audit("totp.remove", id), id: transaction.freshID(), at: transaction.now)
      return .noContent
    }.response
  }

  /// For one who has lost authenticator and codes: by somebody above.
  @Sendable private func reset(
    _ request: Request, _ context: EdgeContext
  ) async throws -> Response {
    let id = try context.parameter("id")
    let resetter = try context.admin()
    let command = try AdminCommand(request, try await AdminBody.read(request), context, services)
    return try await command.perform { transaction, rows in
      guard let person = try rows.operatorOf(id: id), !person.isRevoked,
        try rows.factor(of: id) != nil
      else { throw Failure(.notFound, "there is no such operator with a second factor") }
      guard resetter.id != id, resetter.role.power.rules(person.role.power) else {
        throw Failure(.forbidden, "this operator stands at or above your own level")
      }
      try rows.removeFactor(of: id)
      try rows.append(
        command.audit("totp.remove", id, "by another"), id: transaction.freshID(),
        at: transaction.now)
      return .noContent
    }.response
  }

  private struct RecoveryInput: Decodable, Sendable {
    let operatorID: String
    private enum CodingKeys: String, CodingKey { case operatorID = "operator" }
  }

  /// For the only super admin, who has nobody above: by proof of the deployment's key.
  @Sendable private func recover(
    _ request: Request, _ context: EdgeContext
  ) async throws -> Response {
    guard context.edge.hostKind == .admin else {
      throw Failure(.unknownRoute, "there is no route POST \(Self.recovery)")
    }
    let body = try await AdminBody.read(request)
    let id = try body.decode(RecoveryInput.self).operatorID
    let now = Timestamp(milliseconds: services.clock.milliseconds())
    guard let name = HTTPFields.Element.Name(DeploymentProof.header),
      let proof = request.headers[name],
      DeploymentProof.isValid(
        proof, for: .removeFactor(of: id), key: services.secrets.deploymentKey, now: now)
    else {
      throw Failure(.unauthenticated, "prove the deployment's key in \(DeploymentProof.header)")
    }
    let command = try AdminCommand(
      request, body, context, services, as: "deployment-key", isRemoval: true)
    return try await command.perform { transaction, rows in
      guard let person = try rows.operatorOf(id: id), !person.isRevoked,
        try rows.factor(of: id) != nil
      else { throw Failure(.notFound, "there is no such operator with a second factor") }
      try rows.removeFactor(of: id)
      try rows.append(
        command.audit("totp.remove", id, "by the deployment's key"), id: transaction.freshID(),
        at: transaction.now)
      return .noContent
    }.response
  }

  // MARK: Codes

  private enum Checked<T: Sendable>: Sendable {
    case right(T)
    case wrong
  }

  private static let wrongCode = Failure(.forbidden, "the code is not right")

  /// What is kept under the key of a request whose code was wrong: its count is kept, so it is no
  /// refusal that leaves nothing, and the same guess sent again is not counted twice.
  private static let wrongAnswer = StoredAnswer(
    status: wrongCode.code.httpStatus, contentType: "", body: [])

  private typealias Body<T> =
    @Sendable (inout OperatorFactor, Transaction, PlatformRows) throws -> T

  /// Runs `body` where the code is right, once for the command's key.
  private func check(
    _ code: String, under command: AdminCommand, takesRecovery: Bool = false, keeps: Bool = true,
    _ body: @escaping Body<StoredAnswer>
  ) async throws -> StoredAnswer {
    let attempt = self.checked(
      code, command.operatorID, command.trace, takesRecovery: takesRecovery, keeps: keeps, body)
    let answer = try await command.perform { transaction, rows in
      guard case .right(let answer) = try attempt(transaction, rows) else {
        return Self.wrongAnswer
      }
      return answer
    }
    guard answer != Self.wrongAnswer else { throw Self.wrongCode }
    return answer
  }

  /// The command that runs `body` where the code is right; that counts it where it is wrong, and
  /// lets nobody guess on.
  ///
  /// A recovery code is not guessed: it counts also while wrong ones are waited for, so that
  /// whoever has stolen a token cannot keep its owner out.
  private func checked<T: Sendable>(
    _ code: String, _ id: String, _ trace: String, takesRecovery: Bool, keeps: Bool = true,
    _ body: @escaping Body<T>
  ) -> @Sendable (Transaction, PlatformRows) throws -> Checked<T> {
    let sealer = services.sealer
    // The wall clock: the store's time stays ahead where a clock was, and codes follow the day's.
    let now = Timestamp(milliseconds: services.clock.milliseconds())
    return { transaction, rows in
      guard var factor = try rows.factor(of: id) else {
        throw Failure(.invalidState, "there is no second factor; enrol one first")
      }
      let isRecovered =
        try takesRecovery && rows.takeRecoveryCode(of: id, RecoveryCode.hash(code))
      if !isRecovered {
        let wait = factor.wait(at: now)
        guard wait == 0 else {
          throw Failure(.rateLimited, "too many wrong codes; wait", retryAfterMilliseconds: wait)
        }
        // A secret that does not open any more, its key lost, has no codes.
        let secret = try? sealer.open(factor.secret, context: OperatorFactor.context(of: id))
        guard let step = factor.match(code, secret.flatMap { [UInt8](hexText: $0) }, at: now) else {
          try Self.noteWrong(&factor, at: now, trace, transaction, rows)
          return .wrong
        }
        factor.lastStep = step
      }
      factor.failures = 0
      let result = try body(&factor, transaction, rows)
      if keeps { try rows.put(factor) }
      return .right(result)
    }
  }

  /// Counts a wrong code; each fifth is told.
  private static func noteWrong(
    _ factor: inout OperatorFactor, at now: Timestamp, _ trace: String, _ transaction: Transaction,
    _ rows: PlatformRows
  ) throws {
    factor.failures += 1
    factor.failedAt = now
    try rows.put(factor)
    guard factor.failures.isMultiple(of: WrongCodeRule.free) else { return }
    let id = factor.operatorID
    try rows.append(
      AuditEntry(
        operatorID: id, action: "session.lock_out", subject: id,
        detail: "\(factor.failures) wrong codes", traceID: trace), id: transaction.freshID(),
      at: transaction.now)
  }

  /// An answer that holds a secret: no cache keeps it.
  private static func unstored(_ status: Int, _ value: some Encodable) throws -> Response {
    var response = try StoredAnswer.json(status, value).response
    response.headers[.cacheControl] = "no-store"
    return response
  }
}
