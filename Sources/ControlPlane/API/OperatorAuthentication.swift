import Edge
import Hummingbird
import Platform
import Trust
import Wire

/// Lets operators through to the admin routes that their role may use, and clients of the api host
/// to the document alone.
///
/// A route that is not in the permission table is answered to nobody.
struct OperatorAuthentication: RouterMiddleware {
  let store: PlatformStore
  let clock: any WallClock

  func handle(
    _ request: Request, context: EdgeContext,
    next: (Request, EdgeContext) async throws -> Response
  ) async throws -> Response {
    guard context.edge.peer.role == .router || context.edge.peer.role == .tool else {
      throw Failure(.forbidden, "admin requests come through a router")
    }
    if AdminRoutes.openPaths.contains(request.uri.path) { return try await next(request, context) }
    guard context.edge.hostKind == .admin else {
      throw Failure(.unknownRoute, "there is no route \(request.method) \(request.uri.path)")
    }
    var context = context
    let principal = try await authenticate(request, context.endpointPath)
    try Self.authorize(principal, request, context.endpointPath)
    context.principal = principal
    return try await next(request, context)
  }

  /// Unknown paths go on, to be answered as such.
  private static func authorize(
    _ principal: OperatorPrincipal, _ request: Request, _ endpoint: String?
  ) throws(Failure) {
    guard let endpoint, endpoint != "NotFound" else { return }
    let method = request.method.rawValue
    let rule =
      endpoint.hasSuffix("/**")
      ? AdminRoutes.tenantRule(method, request.uri.path)
      : PermissionTable.rule(.admin, method, endpoint)
    guard let rule else {
      // What a cell does not answer either; the cell says so in its own words.
      if endpoint.hasSuffix("/**") { return }
      throw Failure(.unknownRoute, "there is no route \(method) \(request.uri.path)")
    }
    guard case .platform(let scopes) = rule.access else { return }
    guard principal.role.scopes.isSuperset(of: scopes) else {
      throw Failure(
        .forbidden,
        "\(principal.role.rawValue) may not do this; it takes "
          + scopes.names.joined(separator: ", "))
    }
  }

  private func authenticate(
    _ request: Request, _ endpoint: String?
  ) async throws -> OperatorPrincipal {
    let refused = Failure(.unauthenticated, "send `Authorization: Bearer aop_…`")
    guard let header = request.headers[.authorization] else { throw refused }
    let parts = header.split(separator: " ", maxSplits: 1)
    guard parts.count == 2, parts[0].lowercased() == "bearer" else { throw refused }
    let token = String(parts[1])
    guard let form = OperatorToken(formOf: token) else { throw refused }
    let hash = Digests.sha256(token)
    let known = try await store.read { try Self.find(form, hash, $0) }
    let now = Timestamp(milliseconds: clock.milliseconds())
    guard let known, !known.person.isRevoked, known.session.map({ now < $0.expiresAt }) ?? true
    else { throw Failure(.unauthenticated, "the operator token is not valid") }
    // With a second factor the token alone opens the way to a session, and no other.
    let opensSession = request.method == .post && endpoint == OperatorSessionRoutes.sessions
    guard known.session != nil || !known.hasSecondFactor || opensSession else {
      throw Failure(
        .secondFactorRequired,
        "send the session's token: POST \(OperatorSessionRoutes.sessions) gives one for a code")
    }
    return OperatorPrincipal(
      id: known.person.id, role: known.person.role, session: known.session)
  }

  private typealias Known = (
    person: Operator, session: OperatorSession?, hasSecondFactor: Bool
  )

  private static func find(
    _ form: OperatorToken, _ hash: [UInt8], _ rows: PlatformRows
  ) throws -> Known? {
    switch form {
    case .token:
      guard let person = try rows.operatorOf(tokenHash: hash),
        Digests.constantTimeEqual(person.tokenHash, hash)
      else { return nil }
      return (person, nil, try rows.hasSecondFactor(person.id))
    case .session:
      guard let session = try rows.operatorSession(tokenHash: hash),
        Digests.constantTimeEqual(session.tokenHash, hash),
        let person = try rows.operatorOf(id: session.operatorID)
      else { return nil }
      return (person, session, true)
    }
  }
}
