import Hummingbird
import Logging

/// A request's context: the channel, because some requests end with a reset.
struct SimulatorContext: RequestContext {
  var coreContext: CoreRequestContextStorage
  /// Cuts the connection without an answer.
  let reset: @Sendable () -> Void

  init(source: ApplicationRequestContextSource) {
    coreContext = .init(source: source)
    let channel = source.channel
    reset = { channel.close(mode: .all, promise: nil) }
  }
}

/// Answers every request: Graph's, the simulator's own, and health.
struct SimulatorResponder: HTTPResponder {
  let core: SimulatorCore

  func respond(to request: Request, context: SimulatorContext) async throws -> Response {
    let parts = request.uri.path.split(separator: "/").map {
      QueryText.decode($0, plusIsSpace: false)
    }
    let limit =
      parts.contains("media") || parts.contains { $0.hasPrefix("upload:") }
      ? SimulatorLimits.maximumMediaBytes + SimulatorLimits.maximumBodyBytes
      : SimulatorLimits.maximumBodyBytes
    let body: ByteBuffer
    do {
      body = try await request.body.collect(upTo: limit)
    } catch {
      return Self.response(
        GraphReply(
          GraphError(100, 413, "Request entity too large").json(trace: "too-large"), status: 413))
    }
    var headers: [String: String] = [:]
    for field in request.headers { headers[field.name.canonicalName] = field.value }
    let incoming = GraphRequest(
      method: request.method.rawValue, path: parts,
      query: QueryText.parse(request.uri.query ?? ""), headers: headers,
      bytes: Array(body.readableBytesView))
    switch parts.first {
    case "_sim": return await SimulatorRoutes(core: core).answer(incoming)
    case "healthz", "readyz", "metrics":
      return Self.response(SimulatorRoutes(core: core).health(parts.first ?? ""))
    default:
      return await GraphEndpoint(core: core).answer(
        incoming, target: request.uri.string, reset: context.reset)
    }
  }

  static func response(_ reply: GraphReply) -> Response {
    let status = HTTPResponse.Status(code: reply.status)
    switch reply.body {
    case .json(let json):
      return Response(
        status: status, headers: [.contentType: "application/json; charset=UTF-8"],
        body: .init(byteBuffer: ByteBuffer(bytes: json.bytes())))
    case .text(let text):
      return Response(
        status: status, headers: [.contentType: "text/plain; charset=utf-8"],
        body: .init(byteBuffer: ByteBuffer(string: text)))
    case .file(let bytes, let mimeType):
      return Response(
        status: status, headers: [.contentType: mimeType],
        body: .init(byteBuffer: ByteBuffer(bytes: bytes)))
    }
  }
}
