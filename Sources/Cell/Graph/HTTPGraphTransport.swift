import AsyncHTTPClient
import Synchronization

/// Graph over HTTP, on a bounded pool of connections.
///
/// A failure counts as not written only where the client never asked for the body's first byte:
/// then no connection was assigned, and no server can have acted on the request.
public final class HTTPGraphTransport: GraphTransport {
  private let client: HTTPClient

  public init(configuration: GraphConfiguration) {
    var settings = HTTPClient.Configuration()
    settings.redirectConfiguration = .disallow
    settings.timeout = .init(
      connect: .milliseconds(configuration.connectTimeoutMilliseconds),
      read: .milliseconds(configuration.mediaTimeoutMilliseconds))
    settings.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = configuration.connections
    settings.connectionPool.idleTimeout = .milliseconds(configuration.idleTimeoutMilliseconds)
    // We retry ourselves, with the reason in the message's row.
    settings.connectionPool.retryConnectionEstablishment = false
    client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: settings)
  }

  /// Closes the connections; calls in flight fail as maybe written.
  public func shutdown() async throws { try await client.shutdown() }

  public func perform(
    _ request: GraphRequest
  ) async throws(GraphTransportError) -> GraphResponse {
    var message = HTTPClientRequest(url: request.url)
    message.method = .init(rawValue: request.method)
    for header in request.headers { message.headers.add(name: header.name, value: header.value) }
    let watch = BodyWatch()
    if request.method == "POST" {
      message.body = .stream(
        WatchedBody(bytes: request.body, watch: watch), length: .known(Int64(request.body.count)))
    }
    do {
      let answer = try await client.execute(
        message, timeout: .milliseconds(request.timeoutMilliseconds))
      let body = try await answer.body.collect(upTo: request.answerLimit)
      return GraphResponse(
        status: Int(answer.status.code),
        contentType: answer.headers.first(name: "content-type") ?? "",
        body: Array(body.readableBytesView))
    } catch {
      if request.method == "POST", !watch.wasRead { throw .notWritten("\(error)") }
      throw .maybeWritten("\(error)")
    }
  }
}

/// Whether anybody asked for the body.
private final class BodyWatch: Sendable {
  private let read = Mutex(false)
  var wasRead: Bool { read.withLock { $0 } }
  func noteRead() { read.withLock { $0 = true } }
}

/// A request body that notes its first reading.
private struct WatchedBody: AsyncSequence, Sendable {
  typealias Element = HTTPClientRequest.Body.Element
  let inner: HTTPClientRequest.Body
  let watch: BodyWatch

  init(bytes: [UInt8], watch: BodyWatch) {
    inner = .bytes(bytes)
    self.watch = watch
  }

  struct AsyncIterator: AsyncIteratorProtocol {
    var inner: HTTPClientRequest.Body.AsyncIterator
    let watch: BodyWatch

    mutating func next() async throws -> Element? {
      watch.noteRead()
      return try await inner.next()
    }
  }

  func makeAsyncIterator() -> AsyncIterator {
    AsyncIterator(inner: inner.makeAsyncIterator(), watch: watch)
  }
}
