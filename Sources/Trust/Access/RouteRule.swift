/// Who may use one route, and what is kept of its use.
public struct RouteRule: Hashable, Sendable {
  public enum Host: String, Hashable, Sendable { case api, app, admin }

  /// Who is let through.
  public enum Access: Hashable, Sendable {
    /// API keys and signed-in people who have the scopes.
    case scopes(Scopes)
    /// Signed-in people only, with the scopes: a key decides over nobody.
    case person(Scopes)
    /// Operators who have the scopes.
    case platform(PlatformScopes)
    /// Whoever knows the secret that the route itself asks for: password, token, grant.
    case open
  }

  /// What the audit log keeps of a use that changed something.
  public enum Record: Hashable, Sendable {
    /// Nothing: reading, and what has rows of its own for each use.
    case none
    /// One event with this action, written with the change.
    case action(String)
    /// The command writes its own events.
    case own
  }

  public let host: Host
  public let method: String
  /// With `{}` for parameters.
  public let path: String
  public let access: Access
  public let record: Record
  /// Whether an operator may do it in a tenant's name: not what changes credentials or rights.
  public let isImpersonable: Bool

  init(
    _ host: Host, _ method: String, _ path: String, _ access: Access, _ record: Record = .none,
    impersonable: Bool = true
  ) {
    self.host = host
    self.method = method
    self.path = path
    self.access = access
    self.record = record
    isImpersonable = impersonable
  }

  /// Whether a use changes something.
  public var isWrite: Bool { method != "GET" && method != "HEAD" }
}
