import Edge
import HTTPTypes
import Hummingbird
import Wire

/// Finds out who asks, before any route runs.
///
/// An API request carries an API key; an admin request comes from the control plane, which names
/// the operator whom it has authenticated. Checks in this order, each cheaper or safer than the
/// next: the key's shape, the key, the client's address, the rate.
struct Authentication: RouterMiddleware {
  let keys: APIKeys

  func handle(
    _ request: Request, context: CellContext,
    next: (Request, CellContext) async throws -> Response
  ) async throws -> Response {
    var context = context
    switch context.edge.hostKind {
    case .admin:
      context.authenticated = try Self.operator(of: request, context)
      return try await next(request, context)
    case .api, .app:
      let text = try Self.key(of: request, context)
      let admission = try await keys.admit(text, from: context.edge.clientAddress)
      context.authenticated = Principal(
        kind: .apiKey, id: text.publicID, scopes: admission.key.scopes, mode: text.mode)
      if case .refused(let nanoseconds) = admission.rate.verdict {
        let failure = Failure(
          .rateLimited, "more requests than this API key's rate",
          retryAfterMilliseconds: (nanoseconds + 999_999) / 1_000_000)
        return admission.rate.describing(Problem(failure, traceID: context.traceID).response)
      }
      return admission.rate.describing(try await next(request, context))
    }
  }

  /// The operator that the control plane vouches for.
  ///
  /// No other peer may bring admin requests.
  private static func `operator`(
    of request: Request, _ context: CellContext
  ) throws(Failure) -> Principal {
    guard context.edge.peer.role == .controlPlane else {
      throw Failure(.forbidden, "admin requests come through the control plane")
    }
    guard let name = HTTPField.Name("x-aimstors-operator"),
      let operatorID = request.headers[name], !operatorID.isEmpty
    else { throw Failure(.unauthenticated, "the request names no operator") }
    return Principal(kind: .operator, id: operatorID, scopes: .all, mode: .live)
  }

  private static func key(of request: Request, _ context: CellContext) throws(Failure) -> APIKeyText
  {
    guard let header = request.headers[.authorization] else {
      throw Failure(.unauthenticated, "send Authorization: Bearer with an API key")
    }
    let parts = header.split(separator: " ", omittingEmptySubsequences: true)
    guard parts.count == 2, parts[0].lowercased() == "bearer",
      let text = APIKeyText(String(parts[1]))
    else { throw Failure(.unauthenticated, "the credential is not a well-formed API key") }
    guard text.tenant == context.edge.tenant else {
      throw Failure(.unauthenticated, "this API key is another tenant's")
    }
    return text
  }
}

extension RateVerdict {
  /// The answer with `RateLimit` and `RateLimit-Policy` (IETF draft 11) and the older
  /// `X-RateLimit`.
  func describing(_ response: Response) -> Response {
    var response = response
    let remaining: Int64
    let resetSeconds: Int64
    switch verdict {
    case .allowed(let left):
      remaining = left
      resetSeconds = ((limit.burst - left) * limit.interval + 999_999_999) / 1_000_000_000
    case .refused(let nanoseconds):
      remaining = 0
      resetSeconds = (nanoseconds + 999_999_999) / 1_000_000_000
    }
    let windowSeconds = max(1, (limit.burst * limit.interval + 999_999_999) / 1_000_000_000)
    let fields = [
      ("ratelimit-policy", "\"key\";q=\(limit.burst);w=\(windowSeconds)"),
      ("ratelimit", "\"key\";r=\(remaining);t=\(resetSeconds)"),
      ("x-ratelimit-limit", "\(limit.burst)"),
      ("x-ratelimit-remaining", "\(remaining)"),
      ("x-ratelimit-reset", "\(resetSeconds)"),
    ]
    for (name, value) in fields {
      if let name = HTTPField.Name(name) { response.headers[name] = value }
    }
    return response
  }
}
