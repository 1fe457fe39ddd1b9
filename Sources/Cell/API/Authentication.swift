import Edge
import HTTPTypes
import Hummingbird
import Trust
import Wire

/// Finds out who asks, before any route runs.
///
/// An API request carries an API key or a signed-in person's access token; an admin request comes
/// from the control plane, which names the operator whom it has authenticated. Checks in this
/// order, each cheaper or safer than the next: the credential's shape, the credential, the client's
/// address, the rate. Reasons of refusal are told apart in the audit log, alike to the caller.
struct Authentication: RouterMiddleware {
  let keys: APIKeys
  let identity: IdentityServices

  private static let bad = Failure(
    .unauthenticated, "this credential is not valid (any more)")

  func handle(
    _ request: Request, context: CellContext,
    next: (Request, CellContext) async throws -> Response
  ) async throws -> Response {
    var context = context
    if isOpen(request, context) { return try await next(request, context) }
    switch context.edge.hostKind {
    case .admin:
      context.authenticated = try Self.operator(of: request, context)
      return try await next(request, context)
    case .api, .app:
      guard let header = request.headers[.authorization] else {
        throw Failure(.unauthenticated, "send Authorization: Bearer with an API key or token")
      }
      let text = Self.bearer(header) ?? ""
      if let token = SessionTokenText(text), token.kind == .access {
        context.authenticated = try await person(token, context)
        return try await next(request, context)
      }
      let admission = try await admit(text, context)
      context.authenticated = Principal(
        kind: .apiKey, id: admission.key.publicID, scopes: admission.key.scopes,
        mode: admission.key.mode)
      if case .refused(let nanoseconds) = admission.rate.verdict {
        let failure = Failure(
          .rateLimited, "more requests than this API key's rate",
          retryAfterMilliseconds: (nanoseconds + 999_999) / 1_000_000)
        return admission.rate.describing(Problem(failure, traceID: context.traceID).response)
      }
      return admission.rate.describing(try await next(request, context))
    }
  }

  /// Whether the route itself asks for what proves the caller.
  private func isOpen(_ request: Request, _ context: CellContext) -> Bool {
    guard context.edge.hostKind != .admin, let path = context.endpointPath else { return false }
    let method = request.method.rawValue
    let rule =
      PermissionTable.rule(.api, method, path)
      ?? (context.edge.hostKind == .app ? PermissionTable.rule(.app, method, path) : nil)
    return rule?.access == .open
  }

  private func person(
    _ token: SessionTokenText, _ context: CellContext
  ) async throws -> Principal {
    guard token.tenant == context.edge.tenant else {
      throw refused("foreign", token.publicID, context)
    }
    do {
      return try await identity.sessions.admit(token, epoch: context.edge.epoch)
    } catch let refusal as Sessions.Refusal {
      throw refused(refusal.rawValue, token.publicID, context)
    }
  }

  private func admit(_ text: String, _ context: CellContext) async throws -> APIKeys.Admission {
    guard let key = APIKeyText(text) else { throw refused("malformed", "", context) }
    guard key.tenant == context.edge.tenant else {
      throw refused("foreign", key.publicID, context)
    }
    let admission = try await keys.admit(
      key, from: context.edge.clientAddress, epoch: context.edge.epoch)
    switch admission {
    case .success(let admission): return admission
    case .failure(let refusal):
      let failure = refused(refusal.rawValue, key.publicID, context)
      guard refusal == .address else { throw failure }
      throw Failure(.addressNotAllowed, "this API key may not be used from this address")
    }
  }

  private func refused(
    _ reason: String, _ subject: String, _ context: CellContext
  ) -> Failure {
    if let tenant = context.edge.tenant {
      identity.refusals.note(
        tenant,
        .init(reason: reason, subject: subject, address: context.edge.clientAddress))
    }
    return Self.bad
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
    return Principal(kind: .operator, id: operatorID, scopes: .all, mode: .live, power: .platform)
  }

  /// What stands behind `Bearer`, in whatever case; nil for any other scheme.
  static func bearer(_ header: String) -> String? {
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
