import Edge
import Hummingbird
import Storage
import Trust
import Wire

/// What people do before they are signed in, on the app host under their workspace's slug, and the
/// renewal of a session.
enum SignInRoutes {
  private struct Accept: Decodable, Sendable {
    let token: String
    let password: String
    let name: String?
  }
  private struct Forgot: Decodable, Sendable { let email: String }
  private struct Reset: Decodable, Sendable {
    let token: String
    let password: String
  }
  private struct Confirm: Decodable, Sendable { let token: String }
  private struct Redeem: Decodable, Sendable { let grant: String }

  static func register(on routes: CellRoutes) {
    let services = routes.services
    let signIn = SignIn(
      store: services.store, identity: services.identity, sealer: services.sealer)
    routes.app(.post, "/t/:slug/v1/sessions") { request, context in
      let proof = try EdgeJSON.decode(
        SignIn.Proof.self, from: try await context.bytes(request))
      let tokens = try await signIn.signIn(
        proof, tenant: try context.tenant(), agent: request.headers[.userAgent] ?? "",
        try context.actor(), origin: context.origin)
      return try secret(201, tokens)
    }
    routes.app(.post, "/t/:slug/v1/invitations/accept") { request, context in
      let call = try await context.command(Accept.self, request, file: .sessions) { $0.token }
      let input = call.input
      return try await signIn.accept(
        token: input.token, password: input.password, name: input.name, under: call.claim,
        tenant: call.tenant, try context.actor(), origin: call.origin
      ).response
    }
    routes.app(.post, "/t/:slug/v1/password-resets") { request, context in
      let input = try EdgeJSON.decode(Forgot.self, from: try await context.bytes(request))
      try await signIn.forgot(
        email: input.email, tenant: try context.tenant(), try context.actor(),
        origin: context.origin)
      return Response(status: .accepted)
    }
    routes.app(.post, "/t/:slug/v1/password-resets/confirm") { request, context in
      let call = try await context.command(Reset.self, request, file: .sessions) { $0.token }
      return try await signIn.reset(
        token: call.input.token, password: call.input.password, under: call.claim,
        tenant: call.tenant, try context.actor(), origin: call.origin
      ).response
    }
    routes.app(.post, "/t/:slug/v1/email-verifications/confirm") { request, context in
      let call = try await context.command(Confirm.self, request, file: .sessions) { $0.token }
      return try await signIn.confirmEmail(
        token: call.input.token, under: call.claim, tenant: call.tenant, try context.actor(),
        origin: call.origin
      ).response
    }
    routes.app(.post, "/t/:slug/v1/impersonations") { request, context in
      let input = try EdgeJSON.decode(Redeem.self, from: try await context.bytes(request))
      return try await redeem(input.grant, request, context, services)
    }
    routes.api(.post, "/v1/sessions/refresh") { request, context in
      try await renew(request, context, services)
    }
  }

  /// An answer that no cache keeps.
  private static func secret(_ status: Int, _ value: some Encodable) throws -> Response {
    var response = try StoredAnswer.json(status, value).response
    response.headers[.cacheControl] = "no-store"
    return response
  }

  private static let badRefresh = Failure(
    .unauthenticated, "this refresh token is not valid (any more); sign in again")

  private static func renew(
    _ request: Request, _ context: CellContext, _ services: CellServices
  ) async throws -> Response {
    let tenant = try context.tenant()
    let (identity, actor) = (services.identity, try context.actor())
    let text = request.headers[.authorization].flatMap(Authentication.bearer)
    guard let token = text.flatMap({ SessionTokenText($0) }), token.kind == .refresh else {
      throw badRefresh
    }
    guard token.tenant == tenant else {
      identity.refusals.note(
        tenant, .init(reason: "foreign", subject: token.publicID, address: actor.address))
      throw badRefresh
    }
    let (lifetimes, sessions) = (identity.lifetimes, identity.sessions)
    let outage = identity.outage.value
    let renewal = try await services.store.write(tenant, context.origin) { tx in
      let renewal = try SessionCommands(tx, lifetimes).renew(token, outage: outage)
      if case .reuse(let session) = renewal {
        let id = session.id
        let who = session.userID?.text(.user) ?? ""
        try AuditLog(tx).append(
          actor.acting(as: .init(.user, who, session: id.text(.session))).event(
            "session.refresh_reuse", subject: id.text(.session), outcome: .refused,
            ["token": token.publicID]), at: tx.now)
        let tenant = tx.tenant
        tx.afterCommit { sessions.forget(tenant, session: id) }
      }
      return renewal
    }
    switch renewal {
    case .tokens(let body, _):
      var response = StoredAnswer(
        status: 200, contentType: "application/json", body: body
      ).response
      response.headers[.cacheControl] = "no-store"
      return response
    case .reuse: throw badRefresh
    case .refused(let reason):
      identity.refusals.note(
        tenant, .init(reason: reason, subject: token.publicID, address: actor.address))
      throw badRefresh
    }
  }

  private static func redeem(
    _ text: String, _ request: Request, _ context: CellContext, _ services: CellServices
  ) async throws -> Response {
    let tenant = try context.tenant()
    let (identity, actor) = (services.identity, try context.actor())
    let bad = Failure(.unauthenticated, "this grant is not valid here (any more)")
    guard let key = identity.grantKey.value else {
      throw Failure(
        .controlPlaneUnavailable, "this cell does not know yet who signs grants",
        retryAfterMilliseconds: 1_000)
    }
    let now = Timestamp(milliseconds: services.clock.milliseconds())
    let grant: ImpersonationGrant
    do throws(ImpersonationGrant.Refusal) {
      grant = try ImpersonationGrant.read(
        text, key: key, tenant: tenant, cell: identity.cell, now: now)
    } catch {
      let reason = error == .otherTenant || error == .otherCell ? "foreign" : error.rawValue
      identity.refusals.note(
        tenant, .init(reason: reason, subject: "", address: actor.address))
      throw bad
    }
    let lifetimes = identity.lifetimes
    let agent = request.headers[.userAgent] ?? ""
    let tokens = try await services.store.write(tenant, context.origin) { tx in
      let opened = try SessionCommands(tx, lifetimes).open(
        grant, address: actor.address, agent: agent)
      guard let (session, tokens) = opened else { return SessionCommands.Tokens?.none }
      let id = session.id.text(.session)
      let who = AuditEvent.Actor(
        .user, grant.operatorID, session: id, impersonatedBy: grant.operatorID)
      try AuditLog(tx).append(
        actor.acting(as: who).event(
          "impersonation.start", subject: id,
          ["reason": grant.reason, "grant": grant.id, "until": grant.expiresAt.rfc3339]),
        at: tx.now)
      return tokens
    }
    guard let tokens else {
      identity.refusals.note(
        tenant, .init(reason: "replayed", subject: grant.id, address: actor.address))
      throw bad
    }
    return try secret(201, tokens)
  }
}
