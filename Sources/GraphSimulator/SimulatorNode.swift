import AsyncHTTPClient
import Hummingbird
import Logging
import Platform
import ServiceLifecycle
import Synchronization

/// WhatsApp's Graph API as a local HTTP server, with faults on demand.
///
/// Nothing survives its end: it is a partner for tests and demonstrations, not a store.
public final class SimulatorNode: Service {
  private let configuration: GraphSimulatorConfiguration
  private let logger: Logger
  private let core: SimulatorCore
  private let client: HTTPClient
  private let ports: AsyncStream<Int>
  private let portFound: AsyncStream<Int>.Continuation

  /// A simulator that is not listening yet; see ``run()``.
  public init(
    _ configuration: GraphSimulatorConfiguration, clock: any WallClock, random: any RandomSource,
    logger: Logger
  ) {
    self.configuration = configuration
    self.logger = logger
    client = HTTPClient(eventLoopGroupProvider: .singleton)
    core = SimulatorCore(
      configuration, client: client, clock: clock, random: random,
      logger: logger)
    (ports, portFound) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
  }

  /// The port bound, once it is; nil when the server ended before.
  ///
  /// May be asked once.
  public func boundPort() async -> Int? {
    for await port in ports { return port }
    return nil
  }

  /// Serves until its task is cancelled or the service group shuts down.
  public func run() async throws {
    let core = self.core
    let logger = self.logger
    let portFound = self.portFound
    let application = Application(
      responder: SimulatorResponder(core: core),
      configuration: .init(
        address: .hostname(configuration.host, port: configuration.port),
        serverName: "aimstors-graph-simulator"),
      onServerRunning: { channel in
        let port = channel.localAddress?.port ?? 0
        core.setPort(port)
        portFound.yield(port)
      },
      logger: logger)
    defer { portFound.finish() }
    do {
      try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask { await core.engine.run() }
        group.addTask { try await GracefulEnd(application, logger: logger).run() }
        // The first to end is the server: at shutdown, or because its port is taken.
        try await group.next()
        group.cancelAll()
      }
    } catch {
      try? await client.shutdown()
      throw error
    }
    try await client.shutdown()
  }
}
