import Edge
import Hummingbird
import Trust
import Wire

/// Lets operators through to the admin routes that their role may use, and clients of the api host
/// to the document alone.
///
/// A route that is not in the permission table is answered to nobody.
struct OperatorAuthentication: RouterMiddleware {
  let store: PlatformStore

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
    let principal = try await authenticate(request)
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

  private func authenticate(_ request: Request) async throws(Failure) -> OperatorPrincipal {
    let refused = Failure(.unauthenticated, "send `Authorization: Bearer aop_…`")
    guard let header = request.headers[.authorization] else { throw refused }
    let parts = header.split(separator: " ", maxSplits: 1)
    guard parts.count == 2, parts[0].lowercased() == "bearer" else { throw refused }
    let token = String(parts[1])
    guard OperatorToken.isWellFormed(token) else { throw refused }
    let hash = Digests.sha256(token)
    guard let person = try await store.read({ try $0.operatorOf(tokenHash: hash) }),
      Digests.constantTimeEqual(person.tokenHash, hash), !person.isRevoked
    else { throw Failure(.unauthenticated, "the operator token is not valid") }
    return OperatorPrincipal(id: person.id, role: person.role)
  }
}
