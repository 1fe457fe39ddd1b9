import Edge
import Hummingbird
import Logging
import NIOCore
import Platform
import Synchronization
import Wire

/// The HTTP side of the router: from a request's head to its answer.
///
/// Every refusal leaves as a problem document; nothing of the inside is told.
struct RouterEdge: HTTPResponder {
  typealias Context = RouterContext

  let configuration: RouterConfiguration
  let hosts: HostRule
  let clients: ClientAddress
  let keeper: MapKeeper
  let forwarder: Forwarder
  let webhooks: WebhookDelivery
  let traffic: Traffic
  let metrics: RouterMetrics
  let traces: TraceIDs
  let rate: RateTable
  let boot: any BootClock
  let logger: Logger
  let log: RequestLog

  private var limits: RouterLimits { configuration.limits }
  private var now: Int64 { Int64(clamping: boot.nanoseconds()) }

  func respond(to request: Request, context: RouterContext) async -> Response {
    let started = ContinuousClock.now
    let own = traces.next()
    let traceID = request.headers[.traceparent].flatMap(TraceIDs.read) ?? own
    var response: Response
    var refusal: FailureCode?
    do {
      response = try await answer(request, context, traceID: traceID, unique: own)
    } catch let refused as RefusedBody {
      refusal = refused.failure.code
      response = Problem(refused.failure, traceID: traceID).response
      // The rest of it may still come, as slowly as it might have.
      response.headers[.connection] = "close"
      context.closeAfterAnswer(seconds: limits.bodyTime.components.seconds)
    } catch let failure as Failure {
      refusal = failure.code
      response = Problem(failure, traceID: traceID).response
      if failure.code == .requestTimeout || failure.code == .bodyTooLarge {
        response.headers[.connection] = "close"
        context.closeAfterAnswer()
      }
    } catch {
      logger.error(
        "request failed", metadata: ["trace_id": .string(traceID), "error": "\(error)"])
      response =
        Problem(
          Failure(.internalError, "the request failed; the log has the trace id"),
          traceID: traceID
        ).response
    }
    response.headers[.xTraceID] = traceID
    let took = ContinuousClock.now - started
    metrics.answered(response.status.code, in: took)
    log.note(
      request.method.rawValue, request.uri.path, status: response.status.code, refusal: refusal,
      traceID: traceID
    ) {
      ["ms": .stringConvertible(Int64(took / .milliseconds(1)))]
    }
    return response
  }

  private func answer(
    _ request: Request, _ context: RouterContext, traceID: String, unique: String
  ) async throws -> Response {
    let client = context.peer.map {
      clients.client(peer: $0, forwardedFor: request.headers[.xForwardedFor])
    }
    let counted = client.flatMap { isUnlimited($0) ? nil : $0 }
    let target = request.head.path ?? "/"
    let path = target.prefix { $0 != "?" }
    let input = RouteDecision.Input(
      host: hosts.match(request.head.authority), path: path,
      authorization: request.headers[.authorization])
    if let counted { try limit(counted) }
    try HeaderLimit(limits: limits).check(request.head)
    guard keeper.isReady else {
      metrics.shed(.notReady)
      throw Failure(
        .recovering, "the router has no placement map yet", retryAfterMilliseconds: 2_000)
    }
    switch await decide(input) {
    case .refuse(let failure), .unknownTenant(let failure): throw failure
    case .webhook(let app): return try await webhook(app, request, from: counted, traceID)
    case .controlPlane(let kind):
      let room = HeldBody(.request(.controlPlane), from: counted, traffic, metrics)
      defer { room.leave() }
      let call = try await call(
        request, kind, client, traceID, unique, room, within: limits.controlPlaneTime)
      return try held(
        try await forwarder.forwardToControlPlane(call), of: .controlPlane, call, context)
    case .tenant(let tenant, let kind):
      let room = HeldBody(.request(.tenant(tenant)), from: counted, traffic, metrics)
      defer { room.leave() }
      let call = try await call(
        request, kind, client, traceID, unique, room, within: limits.requestTime)
      return try held(
        try await forwarder.forward(call, to: tenant), of: .tenant(tenant), call, context)
    }
  }

  /// An answer that holds its part of the room until the client has taken it.
  private func held(
    _ answer: Response, of party: BodyRoom.Party, _ call: Forwarder.Call,
    _ context: RouterContext
  ) throws(Failure) -> Response {
    guard let bytes = answer.body.contentLength, bytes > BodyReader.smallBytes else {
      return answer
    }
    let room = HeldBody(.answer(party), from: nil, traffic, metrics)
    do throws(Failure) {
      try room.take(bytes)
    } catch {
      // A write has been done.
      throw call.isRead ? error : RetryPolicy.unknownOutcome
    }
    let body = answer.body
    let connection = context.channel
    var held = answer
    let time = TimeAmount(limits.answerTime(whole: bytes))
    held.body = ResponseBody(contentLength: bytes) { [metrics] writer in
      let end = connection.map { SlowReader.hangUp(on: $0, after: time, metrics) }
      defer {
        end?.cancel()
        room.leave()
      }
      try await body.write(TakenBodyWriter(writer, connection))
    }
    return held
  }

  /// Reads a body whole; where there is no room for it, throws ``RefusedBody``.
  private func body(_ request: Request, _ room: HeldBody) async throws -> ByteBuffer {
    try await BodyReader.read(request, within: limits.bodyTime) { bytes in
      do throws(Failure) { try room.take(bytes) } catch { throw RefusedBody(failure: error) }
    }
  }

  /// Behind a proxy that does not say who asks may be anybody: it has a limit, wherever it stands.
  private func isUnlimited(_ client: NetworkAddress) -> Bool {
    !clients.isProxy(client)
      && configuration.unlimitedAddresses.contains { $0.contains(client) }
  }

  private func limit(_ client: NetworkAddress) throws(Failure) {
    let wait = rate.ask(client, now: now)
    guard wait > 0 else { return }
    metrics.shed(.addressRate)
    throw Failure(
      .rateLimited, "too many requests from this address",
      retryAfterMilliseconds: max(1, wait / 1_000_000))
  }

  private func decide(_ input: RouteDecision.Input) async -> RouteDecision {
    let decision = keeper.read { RouteDecision.decide(input, map: $0) }
    guard case .unknownTenant(let failure) = decision else { return decision }
    guard await keeper.refreshForLookup() else {
      return failure.code == .unauthenticated ? .refuse(Self.notKnownYet) : decision
    }
    return keeper.read { RouteDecision.decide(input, map: $0) }
  }

  /// A tenant that was made right before the control plane went away has a good key that this map
  /// does not know: its client is to ask again, and not to throw the key away.
  private static let notKnownYet = Failure(
    .controlPlaneUnavailable,
    "whose request this is cannot be said while the control plane does not answer",
    retryAfterMilliseconds: 2_000)

  private func call(
    _ request: Request, _ kind: HostKind, _ client: NetworkAddress?, _ traceID: String,
    _ unique: String, _ room: HeldBody, within time: Duration
  ) async throws -> Forwarder.Call {
    let isRead = request.method == .get || request.method == .head
    var key = request.headers[.idempotencyKey] ?? ""
    guard key.utf8.count <= EdgeLimits.idempotencyKeyLength else {
      throw Failure(
        .invalidField,
        "Idempotency-Key must have at most \(EdgeLimits.idempotencyKeyLength) characters")
    }
    if key.isEmpty, !isRead { key = "router-" + unique }
    let body = try await body(request, room)
    let envelope = RequestEnvelope(
      request.head, body: body, hostKind: kind, clientAddress: client?.description ?? "",
      idempotencyKey: key)
    return Forwarder.Call(
      envelope: envelope, isRead: isRead, bytes: body.readableBytes + 1024, room: room,
      traceID: traceID, deadline: .now + time)
  }

  // MARK: Webhooks

  private func webhook(
    _ id: MetaAppID, _ request: Request, from address: NetworkAddress?, _ traceID: String
  ) async throws -> Response {
    let app = keeper.read { $0.metaApps[id] }
    switch request.method {
    case .get: return try handshake(app, request)
    case .post: break
    default:
      throw Failure(.methodNotAllowed, "a webhook answers GET and POST")
    }
    guard let app else { throw Failure(.notFound, "there is no such Meta app") }
    let isStranger = address.map { !traffic.hasSigned($0, of: id, now: now) } ?? false
    let room = HeldBody(isStranger ? .strangers : .webhooks(id), from: address, traffic, metrics)
    defer { room.leave() }
    let body = Array(try await body(request, room).readableBytesView)
    try WebhookSignature.check(request.headers[.xHubSignature256], body, app)
    if let address { traffic.noteSigned(address, of: id, now: now) }
    // Only who has signed takes a place: a stranger who sends slowly, or nothing, keeps nobody out.
    guard traffic.enterWebhook() else {
      metrics.shed(.webhooksFull)
      throw Failure(.notStored, "too many webhooks at a time", retryAfterMilliseconds: 1_000)
    }
    defer { traffic.leaveWebhook() }
    try await webhooks.deliver(body, app: app, traceID: traceID)
    return Response(status: .ok)
  }

  private func handshake(
    _ app: PlacementMap.MetaApp?, _ request: Request
  ) throws(Failure) -> Response {
    let query = request.uri.queryParameters
    let token = query["hub.verify_token"].map { Array($0.utf8) } ?? []
    guard let app, !app.verifyToken.isEmpty, query["hub.mode"] == "subscribe",
      let challenge = query["hub.challenge"],
      Digests.areEqual(token, Array(app.verifyToken.utf8))
    else { throw Failure(.verifyTokenWrong, "the verify token is not this app's") }
    return Response(
      status: .ok, headers: [.contentType: "text/plain"],
      body: .init(byteBuffer: ByteBuffer(string: String(challenge))))
  }
}

/// A body for which there is no room: its rest is not wanted.
private struct RefusedBody: Error {
  let failure: Failure
}

/// The address limit, shared by all connections.
final class RateTable: Sendable {
  private let limit: Mutex<AddressLimit>

  init(_ limits: RouterLimits) {
    limit = Mutex(
      AddressLimit(
        perSecond: limits.addressRate, burst: limits.addressBurst, capacity: limits.addressTable))
  }

  func ask(_ address: NetworkAddress, now: Int64) -> Int64 {
    limit.withLock { $0.ask(address, now: now) }
  }
}

extension HTTPFields.Element.Name {
  // A name of these letters is always valid; the fallback satisfies the type.
  static let traceparent = Self("traceparent") ?? .date
  static let xTraceID = Self("x-trace-id") ?? .date
  static let xForwardedFor = Self("x-forwarded-for") ?? .date
  static let idempotencyKey = Self("idempotency-key") ?? .date
  static let xHubSignature256 = Self("x-hub-signature-256") ?? .date
}
