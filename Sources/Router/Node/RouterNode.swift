import Edge
import Hummingbird
import HummingbirdCore
import Logging
import Messaging
import NIOCore
import Platform
import ServiceLifecycle
import Synchronization
import Wire

/// A router: finds the owner of each request and forwards it, and keeps nothing but the map.
public final class RouterNode: Service {
  /// The ports bound, once both servers listen.
  public struct Ports: Hashable, Sendable {
    public let http: Int
    public let health: Int
  }

  /// The machine, as values.
  public struct Environment: Sendable {
    public let messenger: any Messenger
    public let fileSystem: any FileSystem
    public let wallClock: any WallClock
    public let bootClock: any BootClock
    public let random: any RandomSource
    public let logger: Logger

    public init(
      messenger: any Messenger, fileSystem: any FileSystem, wallClock: any WallClock,
      bootClock: any BootClock, random: any RandomSource, logger: Logger
    ) {
      self.messenger = messenger
      self.fileSystem = fileSystem
      self.wallClock = wallClock
      self.bootClock = bootClock
      self.random = random
      self.logger = logger
    }
  }

  private let configuration: RouterConfiguration
  private let environment: Environment
  private let onListening: @Sendable (Ports) async -> Void
  private let ports = Mutex<(http: Int?, health: Int?)>((nil, nil))

  let keeper: MapKeeper
  let edge: RouterEdge

  /// `onListening` is called once, when both servers are bound; the map may come later, which
  /// `/readyz` tells.
  public init(
    configuration: RouterConfiguration, environment: Environment,
    pause: @escaping @Sendable (Duration) async throws -> Void = { try await Task.sleep(for: $0) },
    onListening: @escaping @Sendable (Ports) async -> Void
  ) {
    self.configuration = configuration
    self.environment = environment
    self.onListening = onListening
    let traces = TraceIDs(random: environment.random)
    let traffic = Traffic(limits: configuration.limits)
    let metrics = RouterMetrics()
    keeper = MapKeeper(
      configuration: configuration, messenger: environment.messenger,
      fileSystem: environment.fileSystem, clock: environment.wallClock,
      seal: configuration.mapKey.map { MapSeal(key: $0, random: environment.random) },
      trace: traces.next, logger: environment.logger)
    edge = RouterEdge(
      configuration: configuration, hosts: HostRule(baseDomain: configuration.baseDomain),
      clients: ClientAddress(trustedProxies: configuration.trustedProxies), keeper: keeper,
      forwarder: Forwarder(
        keeper: keeper, messenger: environment.messenger, configuration: configuration,
        traffic: traffic, turns: TenantTurns(sharedUnder: configuration.limits),
        metrics: metrics, pause: pause),
      webhooks: WebhookDelivery(
        keeper: keeper, messenger: environment.messenger, limits: configuration.limits,
        turns: TenantTurns(limit: configuration.limits.tenantTurns.upperBound),
        clock: environment.wallClock, metrics: metrics, logger: environment.logger),
      traffic: traffic, metrics: metrics, traces: traces, rate: RateTable(configuration.limits),
      boot: environment.bootClock, logger: environment.logger,
      log: RequestLog("request", logger: environment.logger))
  }

  public func run() async throws {
    keeper.load()
    let limits = configuration.limits
    let metrics = edge.metrics
    let application = Application(
      responder: edge,
      server: .http1(
        configuration: .init(
          additionalChannelHandlers: [SlowReader(within: limits.answerTime, metrics)],
          idleTimeout: TimeAmount(limits.idleTime),
          httpDecoderConfiguration: .init(
            maxHeaderFieldSize: limits.headerFieldBytes * limits.decoderSlack,
            maxHeaderListSize: limits.headerBytes * limits.decoderSlack,
            maxHeaderFieldCount: limits.headerCount * limits.decoderSlack))),
      configuration: .init(
        address: .hostname(configuration.host, port: configuration.port),
        // All may come at once, as after a restart: who finds no room waits a second to ask again.
        backlog: limits.connections,
        availableConnectionsDelegate: MaximumAvailableConnections(limits.connections)),
      onServerRunning: { [self] channel in
        await listening { $0.http = channel.localAddress?.port ?? 0 }
      },
      logger: environment.logger)
    let health = HealthServer(
      host: configuration.host, port: configuration.healthPort, logger: environment.logger,
      report: { [self] in report() }, metrics: { [self] in metricsText() },
      onRunning: { [self] port in await listening { $0.health = port } })
    let group = ServiceGroup(
      configuration: .init(
        services: [keeper, health, GracefulEnd(application, logger: environment.logger)],
        logger: environment.logger))
    try await group.run()
  }

  private func listening(_ set: (inout (http: Int?, health: Int?)) -> Void) async {
    let bound = ports.withLock { ports -> Ports? in
      set(&ports)
      guard let http = ports.http, let health = ports.health else { return nil }
      return Ports(http: http, health: health)
    }
    if let bound { await onListening(bound) }
  }

  /// Ready once there is a map to route by.
  public func report() -> HealthReport {
    let now = Timestamp(milliseconds: environment.wallClock.milliseconds())
    return HealthReport(
      role: "router", id: configuration.id, version: configuration.version, ready: keeper.isReady,
      problems: keeper.problems(now: now) + edge.metrics.problems(now: now)
        + (configuration.watch?.problems() ?? []))
  }

  public func metricsText() -> String {
    let (version, tenants) = keeper.read { (Int64($0.version), Int64($0.tenantCount)) }
    let parked = edge.traffic.parked
    let age = keeper.age.map { $0.components.seconds } ?? -1
    let gauges: [MetricFamily] = [
      .gauge("aimstors_router_map_version", "The placement map's version.", version),
      .gauge("aimstors_router_map_tenants", "Tenants in the placement map.", tenants),
      .gauge(
        "aimstors_router_map_age_seconds",
        "Since the control plane confirmed the map; -1 where it never has.", age),
      .gauge(
        "aimstors_router_in_flight", "Requests on their way.", Int64(edge.traffic.inFlight)),
      .gauge(
        "aimstors_router_parked", "Requests parked for an owner.", Int64(parked.requests)),
      .gauge("aimstors_router_parked_bytes", "Bytes of parked requests.", Int64(parked.bytes)),
      .gauge(
        "aimstors_router_body_bytes",
        "Bytes held of large bodies: of requests on their way and of answers being taken.",
        Int64(edge.traffic.bodyBytes)),
    ]
    return PrometheusText(labels: [
      (name: "router", value: configuration.id), (name: "version", value: configuration.version),
    ]).render(edge.metrics.families() + gauges + (configuration.watch?.metrics() ?? []))
  }
}
