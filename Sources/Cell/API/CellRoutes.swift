import Edge
import Hummingbird
import Wire

/// The cell's routes: every one says who may use it, so that none is open by oversight.
struct CellRoutes {
  typealias Handler = @Sendable (Request, CellContext) async throws -> Response

  private let group: RouterGroup<CellContext>
  let services: CellServices

  init(_ group: RouterGroup<CellContext>, _ services: CellServices) {
    self.group = group
    self.services = services
  }

  /// A route of the API host, for keys with `scope`.
  ///
  /// Where the method writes, a suspended or read-only tenant is refused.
  func api(
    _ method: HTTPRequest.Method, _ path: RouterPath, _ scope: Scopes,
    use handler: @escaping Handler
  ) {
    let gate = services.gate
    group.on(path, method: method) { request, context in
      guard context.edge.hostKind != .admin else {
        throw Failure(.unknownRoute, "there is no route \(request.method) \(request.uri.path)")
      }
      let principal = try context.principal()
      guard principal.scopes.isSuperset(of: scope) else {
        throw Failure(
          .forbidden, "this API key lacks the scope \(scope.names.joined(separator: ", "))")
      }
      if method != .get, method != .head {
        try Self.requireWritable(gate.state(of: try context.tenant()))
      }
      return try await handler(request, context)
    }
  }

  /// A route of the admin host, for operators.
  ///
  /// A suspended tenant's money and keys stay in reach.
  func admin(_ method: HTTPRequest.Method, _ path: RouterPath, use handler: @escaping Handler) {
    group.on(path, method: method) { request, context in
      guard context.edge.hostKind == .admin else {
        throw Failure(.unknownRoute, "there is no route \(request.method) \(request.uri.path)")
      }
      guard try context.principal().kind == .operator else {
        throw Failure(.forbidden, "only operators may do this")
      }
      if context.parameters.get("tenant") != nil {
        guard try context.parameter("tenant") == context.tenant().rawValue else {
          throw Failure(.invalidRequest, "the path and the envelope name different tenants")
        }
      }
      return try await handler(request, context)
    }
  }

  private static func requireWritable(_ state: TenantState) throws(Failure) {
    switch state {
    case .active: return
    case .suspended: throw Failure(.tenantSuspended, "this tenant is suspended")
    case .readOnly: throw Failure(.tenantReadOnly, "this tenant is read-only")
    }
  }
}
