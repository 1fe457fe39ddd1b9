import Edge
import Hummingbird
import Wire

/// Lets operators through to the admin routes, and clients of the api host to the document alone.
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
    context.principal = try await authenticate(request)
    return try await next(request, context)
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
    return OperatorPrincipal(id: person.id)
  }
}
