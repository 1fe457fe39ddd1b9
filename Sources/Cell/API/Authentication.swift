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
    guard let credential = bearer(header), let text = APIKeyText(credential) else {
      throw Failure(.unauthenticated, "the credential is not a well-formed API key")
    }
    guard text.tenant == context.edge.tenant else {
      throw Failure(.unauthenticated, "this API key is another tenant's")
    }
    return text
  }

  /// What stands behind `Bearer`, in whatever case; nil for any other scheme.
  private static func bearer(_ header: String) -> String? {
    let scheme = "bearer".utf8
    let bytes = header.utf8
    // Setting bit 5 makes a letter of ASCII small, and nothing else a small letter of "bearer".
    guard zip(bytes, scheme).allSatisfy({ $0 | 0x20 == $1 }),
      let space = bytes.index(bytes.startIndex, offsetBy: scheme.count, limitedBy: bytes.endIndex),
      space < bytes.endIndex, bytes[space] == UInt8(ascii: " ")
    else { return nil }
    return String(header[space...].drop { $0 == " " })
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
    response.headers.append(
      .init(name: .rateLimitPolicy, value: "\"key\";q=\(limit.burst);w=\(windowSeconds)"))
    response.headers.append(
      .init(name: .rateLimit, value: "\"key\";r=\(remaining);t=\(resetSeconds)"))
    response.headers.append(.init(name: .xRateLimitLimit, value: String(limit.burst)))
    response.headers.append(.init(name: .xRateLimitRemaining, value: String(remaining)))
    response.headers.append(.init(name: .xRateLimitReset, value: String(resetSeconds)))
    return response
  }
}

extension HTTPField.Name {
  // A name of these letters is always valid; the fallback satisfies the type.
  fileprivate static let rateLimitPolicy = Self("ratelimit-policy") ?? .date
  fileprivate static let rateLimit = Self("ratelimit") ?? .date
  fileprivate static let xRateLimitLimit = Self("x-ratelimit-limit") ?? .date
  fileprivate static let xRateLimitRemaining = Self("x-ratelimit-remaining") ?? .date
  fileprivate static let xRateLimitReset = Self("x-ratelimit-reset") ?? .date
}
