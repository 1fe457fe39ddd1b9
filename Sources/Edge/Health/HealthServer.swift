import Hummingbird
import HummingbirdCore
import Logging
import Platform
import ServiceLifecycle
import Wire

/// The small HTTP server of every process: `/healthz`, `/readyz`, `/metrics`.
///
/// It shares nothing with the request path, so that it answers while that is overloaded.
public struct HealthServer: Service {
  /// A connection on which nothing happens is closed after this.
  public static let idleTime: Duration = .seconds(10)
  /// Connections at a time; who comes then waits until one goes.
  ///
  /// A probe or two, a scraper, a person: far fewer. Peers that stay must not use up the
  /// descriptors of the process whose health this is.
  public static let connections = 64

  private let host: String
  private let port: Int
  private let idleTime: Duration
  private let connections: Int
  private let report: @Sendable () async -> HealthReport
  private let metrics: @Sendable () async -> String
  private let onRunning: @Sendable (Int) async -> Void
  private let logger: Logger

  /// - Parameters:
  ///   - port: 0 for any; `onRunning` is told the port bound.
  ///   - metrics: the text form of Prometheus.
  public init(
    host: String = "127.0.0.1", port: Int, idleTime: Duration = HealthServer.idleTime,
    connections: Int = HealthServer.connections, logger: Logger,
    report: @escaping @Sendable () async -> HealthReport,
    metrics: @escaping @Sendable () async -> String,
    onRunning: @escaping @Sendable (Int) async -> Void
  ) {
    self.host = host
    self.port = port
    self.idleTime = idleTime
    self.connections = connections
    self.report = report
    self.metrics = metrics
    self.onRunning = onRunning
    self.logger = logger
  }

  public func run() async throws {
    let application = Application(
      responder: CallbackResponder<BasicRequestContext> { request, _ in
        try await answer(request.uri.path)
      },
      server: .http1(
        configuration: .init(idleTimeout: .milliseconds(Int64(idleTime / .milliseconds(1))))),
      configuration: .init(
        address: .hostname(host, port: port),
        availableConnectionsDelegate: MaximumAvailableConnections(connections)),
      onServerRunning: { channel in await onRunning(channel.localAddress?.port ?? 0) },
      logger: logger)
    try await GracefulEnd(application, logger: logger).run()
  }

  /// The answer to one path; separate from the socket for tests and for a router that has one
  /// already.
  public func answer(_ path: String) async throws -> Response {
    switch path {
    case "/healthz": return try await Self.response(report(), healthy: true)
    case "/readyz":
      let report = await report()
      return try Self.response(report, healthy: report.ready)
    case "/metrics":
      return Response(
        status: .ok, headers: [.contentType: "text/plain; version=0.0.4; charset=utf-8"],
        body: .init(byteBuffer: ByteBuffer(string: await metrics())))
    default:
      return Problem(Failure(.unknownRoute, "there is no route \(path)"), traceID: "").response
    }
  }

  private static func response(_ report: HealthReport, healthy: Bool) throws -> Response {
    Response(
      status: healthy ? .ok : .serviceUnavailable,
      headers: [.contentType: "application/json", .cacheControl: "no-store"],
      body: .init(byteBuffer: ByteBuffer(bytes: try EdgeJSON.encode(report))))
  }
}
