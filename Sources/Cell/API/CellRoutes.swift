import Edge
import Hummingbird
import Trust
import Wire

/// The cell's routes: every one is registered by its rule in the permission table, so that none is
/// open by oversight.
struct CellRoutes {
  typealias Handler = @Sendable (Request, CellContext) async throws -> Response

  private let group: RouterGroup<CellContext>
  let services: CellServices

  init(_ group: RouterGroup<CellContext>, _ services: CellServices) {
    self.group = group
    self.services = services
  }

  /// A route of the API host, for keys and people with `scope`, as its rule says too.
  func api(
    _ method: HTTPRequest.Method, _ path: RouterPath, _ scope: Scopes,
    use handler: @escaping Handler
  ) {
    let rule = Self.rule(.api, method, path)
    precondition(
      rule.access == .scopes(scope), "\(method) \(path) has another rule in the permission table")
    register(rule, method, path, handler)
  }

  /// A route of the API host, for whom its rule names.
  func api(_ method: HTTPRequest.Method, _ path: RouterPath, use handler: @escaping Handler) {
    register(Self.rule(.api, method, path), method, path, handler)
  }

  /// A route of the app host, before anybody is signed in.
  func app(_ method: HTTPRequest.Method, _ path: RouterPath, use handler: @escaping Handler) {
    register(Self.rule(.app, method, path), method, path, handler)
  }

  /// A route of the admin host, for operators.
  ///
  /// A suspended tenant's money and keys stay in reach.
  func admin(_ method: HTTPRequest.Method, _ path: RouterPath, use handler: @escaping Handler) {
    register(Self.rule(.admin, method, path), method, path) { request, context in
      if context.parameters.get("tenant") != nil {
        guard try context.parameter("tenant") == context.tenant().rawValue else {
          throw Failure(.invalidRequest, "the path and the envelope name different tenants")
        }
      }
      return try await handler(request, context)
    }
  }

  /// A route without a rule cannot be registered: the cell does not start, no test passes.
  private static func rule(
    _ host: RouteRule.Host, _ method: HTTPRequest.Method, _ path: RouterPath
  ) -> RouteRule {
    guard let rule = PermissionTable.rule(host, method.rawValue, path.description) else {
      preconditionFailure("\(host) \(method) \(path) is not in the permission table")
    }
    return rule
  }

  private func register(
    _ rule: RouteRule, _ method: HTTPRequest.Method, _ path: RouterPath,
    _ handler: @escaping Handler
  ) {
    let (gate, identity) = (services.gate, services.identity)
    group.on(path, method: method) { request, context in
      guard Self.isServed(rule.host, on: context.edge.hostKind) else {
        throw Failure(.unknownRoute, "there is no route \(request.method) \(request.uri.path)")
      }
      let principal = try Self.admitted(context, rule)
      guard rule.isWrite else { return try await handler(request, context) }
      if rule.host == .api, rule.access != .open, rule.access != .person([]) {
        try Self.requireWritable(gate.state(of: try context.tenant()))
      }
      let actor = RequestActor(
        actor: principal?.actor ?? .init(.anonymous, ""), address: context.edge.clientAddress,
        traceID: context.traceID, rule: rule, target: request.uri.path)
      // What was written may be in the log also where the answer is a refusal.
      defer {
        if let tenant = context.edge.tenant, rule.record != .none || actor.isImpersonation {
          identity.logMayHaveGrown(tenant)
        }
      }
      return try await RequestActor.$current.withValue(actor) {
        try await handler(request, context)
      }
    }
  }

  private static func isServed(_ host: RouteRule.Host, on kind: HostKind) -> Bool {
    switch host {
    case .api: kind != .admin
    case .app: kind == .app
    case .admin: kind == .admin
    }
  }

  /// Who asks, where the rule lets them through; nil where it asks for nobody.
  private static func admitted(
    _ context: CellContext, _ rule: RouteRule
  ) throws(Failure) -> Principal? {
    let wanted: Scopes
    switch rule.access {
    case .open: return nil
    case .platform:
      let principal = try context.principal()
      guard principal.kind == .operator else {
        throw Failure(.forbidden, "only operators may do this")
      }
      return principal
    case .scopes(let scopes): wanted = scopes
    case .person(let scopes):
      guard try context.principal().kind == .user else {
        throw Failure(.forbidden, "only people who are signed in may do this, no API key")
      }
      wanted = scopes
    }
    let principal = try context.principal()
    guard principal.scopes.isSuperset(of: wanted) else {
      throw Failure(
        .forbidden, "this takes the scope \(wanted.names.joined(separator: ", "))")
    }
    guard rule.isImpersonable || !principal.isImpersonation else {
      throw Failure(
        .impersonationForbidden, "not in another's name: this changes credentials or rights")
    }
    return principal
  }

  private static func requireWritable(_ state: TenantState) throws(Failure) {
    switch state {
    case .active: return
    case .suspended: throw Failure(.tenantSuspended, "this tenant is suspended")
    case .readOnly: throw Failure(.tenantReadOnly, "this tenant is read-only")
    }
  }
}
