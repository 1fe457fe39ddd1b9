import Edge
import Wire

/// Where one request goes.
///
/// Decides from the request and the map alone.
enum RouteDecision: Hashable, Sendable {
  case tenant(TenantID, HostKind)
  case controlPlane(HostKind)
  case webhook(MetaAppID)
  /// The credential or the address names a tenant that the map does not know: a newer map may.
  case unknownTenant(Failure)
  case refuse(Failure)

  struct Input: Sendable {
    var host: HostRule.Match
    /// Without the query.
    var path: Substring
    var authorization: String?
  }

  /// An API key or session token without the tenant's map entry is answered like a wrong one.
  ///
  /// Who guesses learns nothing about which tenants exist. While the control plane cannot be asked,
  /// a tenant that is not in the map is told apart: it may be newer than the map.
  private static let badCredential = Failure(
    .unauthenticated, "this credential is not valid (any more)")

  static func decide(_ input: Input, map: PlacementMap) -> RouteDecision {
    switch input.host {
    case .missing: return .refuse(Failure(.unknownHost, "send a Host header"))
    case .base(.admin):
      guard input.path.hasPrefix("/v1/") || input.path == "/openapi.json" else {
        return .refuse(unknownRoute(input.path))
      }
      return .controlPlane(.admin)
    case .base(.api): return api(input, map)
    case .base(.app): return app(input, map)
    case .other(let host):
      guard let tenant = map.tenant(holding: .host, host) else {
        return .refuse(Failure(.unknownHost, "this host is not served here"))
      }
      return .tenant(tenant, .app)
    }
  }

  private static func api(_ input: Input, _ map: PlacementMap) -> RouteDecision {
    let path = input.path
    if path.hasPrefix("/v1/") { return credential(input, .api, map) }
    if path == "/openapi.json" { return .controlPlane(.api) }
    let webhooks = "/webhooks/whatsapp/"
    if path.hasPrefix(webhooks), let app = MetaAppID(String(path.dropFirst(webhooks.count))) {
      return .webhook(app)
    }
    return .refuse(unknownRoute(path))
  }

  /// Signed in: by the credential.
  ///
  /// Before that: by the slug in `/t/{slug}/…`.
  private static func app(_ input: Input, _ map: PlacementMap) -> RouteDecision {
    if input.path.hasPrefix("/v1/") { return credential(input, .app, map) }
    guard input.path.hasPrefix("/t/") else { return .refuse(unknownRoute(input.path)) }
    let slug = input.path.dropFirst(3).prefix { $0 != "/" }
    guard let tenant = map.tenant(holding: .slug, String(slug)) else {
      return .unknownTenant(Failure(.notFound, "there is no such workspace"))
    }
    return .tenant(tenant, .app)
  }

  private static func credential(
    _ input: Input, _ kind: HostKind, _ map: PlacementMap
  ) -> RouteDecision {
    guard let authorization = input.authorization else {
      return .refuse(
        Failure(.unauthenticated, "send Authorization: Bearer with an API key or token"))
    }
    let token = authorization.dropFirst(7)
    guard authorization.prefix(7).lowercased() == "bearer ", !token.isEmpty else {
      return .refuse(Failure(.unauthenticated, "the Authorization header must be a Bearer token"))
    }
    let text = String(token)
    let tenant = APIKeyText(text)?.tenant ?? SessionTokenText(text)?.tenant
    guard let tenant else { return .refuse(badCredential) }
    guard map.placement(of: tenant) != nil else { return .unknownTenant(badCredential) }
    return .tenant(tenant, kind)
  }

  private static func unknownRoute(_ path: Substring) -> Failure {
    Failure(.unknownRoute, "there is no route \(path.prefix(200)) on this host")
  }
}
