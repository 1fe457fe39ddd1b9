import Hummingbird
import Logging
import Messaging
import Wire

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// Runs Hummingbird's router for requests that arrive as envelopes instead of on a socket.
///
/// Never throws: a refusal becomes a problem document, an unexpected error a 500 that tells the
/// client nothing but the trace id.
public struct HTTPOverMessaging<Context: EdgeRequestContext>: Sendable {
  private let responder: RouterResponder<Context>
  private let catalogue: RouteCatalogue
  private let logger: Logger
  private let log: RequestLog

  /// Takes the routes that `router` has now; make it with ``makeEdgeRouter(_:)``.
  public init(router: Router<Context>, logger: Logger) {
    responder = router.buildResponder()
    catalogue = RouteCatalogue(router)
    self.logger = logger
    log = RequestLog("answered", logger: logger)
  }

  /// Answers one envelope.
  public func respond(
    to envelope: Aimstors_ProtoRequest, from incoming: IncomingRequest
  ) async -> Aimstors_ProtoResponse {
    let (response, refusal) = await answer(envelope, incoming)
    log.note(
      envelope.method, String(envelope.target.prefix { $0 != "?" }), status: Int(response.status),
      refusal: refusal, traceID: incoming.traceID
    ) {
      envelope.tenant.isEmpty ? [:] : ["tenant": .string(envelope.tenant)]
    }
    return response
  }

  /// The answer, and the code of a refusal.
  private func answer(
    _ envelope: Aimstors_ProtoRequest, _ incoming: IncomingRequest
  ) async -> (Aimstors_ProtoResponse, FailureCode?) {
    do {
      guard incoming.deadline > .now else {
        throw Failure(.deadlineExceeded, "the request came after its deadline")
      }
      let request = try Self.request(of: envelope)
      let context = Context(source: try source(of: envelope, from: incoming))
      let response = try await responder.respond(to: request, context: context)
      return (try await Self.envelope(of: response), nil)
    } catch let failure as Failure {
      return (problem(failure, envelope, incoming), failure.code)
    } catch {
      logger.error(
        "request failed",
        metadata: [
          "trace_id": .string(incoming.traceID), "error": .string(String(reflecting: error)),
          "path": .string(envelope.target),
        ])
      let failure = Failure(.internalError, "the request failed; the log has the trace id")
      return (Problem(failure, traceID: incoming.traceID).envelope, failure.code)
    }
  }

  /// Answers one envelope in its encoded form: the handler of ``WireMethod/http``.
  public func respond(to incoming: IncomingRequest) async throws(Failure) -> [UInt8] {
    let envelope: Aimstors_ProtoRequest
    do {
      envelope = try Aimstors_ProtoRequest(serializedBytes: incoming.payload)
    } catch {
      throw Failure(.invalidRequest, "the envelope is malformed")
    }
    let response = await respond(to: envelope, from: incoming)
    do {
      return try response.serializedBytes()
    } catch {
      throw Failure(.internalError, "the answer could not be encoded")
    }
  }

  /// A refusal, with 405 in place of 404 where only the method is unknown.
  private func problem(
    _ failure: Failure, _ envelope: Aimstors_ProtoRequest, _ incoming: IncomingRequest
  ) -> Aimstors_ProtoResponse {
    guard failure.code == .unknownRoute else {
      return Problem(failure, traceID: incoming.traceID).envelope
    }
    let path = String(envelope.target.prefix { $0 != "?" })
    let methods = catalogue.methods(of: path)
    guard !methods.isEmpty, !methods.contains(envelope.method) else {
      return Problem(failure, traceID: incoming.traceID).envelope
    }
    let refused = Failure(.methodNotAllowed, "\(path) does not answer \(envelope.method)")
    return Problem(refused, traceID: incoming.traceID, allowed: methods).envelope
  }

  private static func request(of envelope: Aimstors_ProtoRequest) throws(Failure) -> Request {
    guard let method = HTTPRequest.Method(rawValue: envelope.method) else {
      throw Failure(.invalidRequest, "the method is malformed")
    }
    var head = HTTPRequest(
      method: method, scheme: nil, authority: nil, path: envelope.target)
    head.headerFields.reserveCapacity(envelope.headers.count)
    for header in envelope.headers {
      guard let name = HTTPFields.Element.Name(header.name) else {
        throw Failure(.invalidRequest, "a header's name is malformed")
      }
      head.headerFields.append(.init(name: name, value: header.value))
    }
    let body = envelope.body
    return Request(
      head: head, body: RequestBody(buffer: body.isEmpty ? ByteBuffer() : ByteBuffer(bytes: body)))
  }

  private func source(
    of envelope: Aimstors_ProtoRequest, from incoming: IncomingRequest
  ) throws(Failure) -> EdgeSource {
    guard let hostKind = HostKind(rawValue: envelope.hostKind) else {
      throw Failure(.invalidRequest, "the kind of host is unknown")
    }
    var tenant: TenantID?
    if !envelope.tenant.isEmpty {
      guard let named = TenantID(envelope.tenant) else {
        throw Failure(.invalidIdentifier, "the tenant's identifier is malformed")
      }
      tenant = named
    }
    var logger = self.logger
    logger[metadataKey: "trace_id"] = .string(incoming.traceID)
    let key = envelope.idempotencyKey
    return EdgeSource(
      logger: logger, hostKind: hostKind, tenant: tenant, epoch: Epoch(envelope.epoch),
      peer: incoming.peer, traceID: incoming.traceID, clientAddress: envelope.clientAddress,
      idempotencyKey: key.isEmpty ? nil : key,
      hasClientIdempotencyKey: envelope.headers.contains {
        $0.name.utf8.count == 15 && $0.name.lowercased() == "idempotency-key"
      },
      deadline: incoming.deadline)
  }

  private static func envelope(of response: Response) async throws -> Aimstors_ProtoResponse {
    var envelope = Aimstors_ProtoResponse()
    envelope.status = UInt32(response.status.code)
    envelope.headers.reserveCapacity(response.headers.count)
    for field in response.headers {
      envelope.headers.append(.make(field.name.canonicalName, field.value))
    }
    let collected = ResponseCollector.Collected()
    try await response.body.write(
      ResponseCollector(collected: collected, limit: EdgeLimits.responseBytes))
    if collected.buffer.readableBytes > 0 {
      envelope.body = collected.buffer.withUnsafeReadableBytes { Data($0) }
    }
    return envelope
  }
}
