import Alerts
import Edge
import Logging
import Messaging
import Platform
import ServiceLifecycle
import Storage
import Wire

/// The control plane as a service: answers cells and routers, and keeps at what is not done yet.
///
/// `start()` binds and serves; `run()` works through what waits until the process stops. Everything
/// it must remember is in the store of the tenant ``Wire/Identifier/platformStore``, which has to
/// exist with ``PlatformSchema/schema``.
public final class ControlPlaneNode: Service {
  /// Where the node answers, once bound.
  public struct Addresses: Hashable, Sendable {
    public let requests: Address
    public let publications: Address
  }

  let services: AdminServices
  private let joins: CellJoins
  private let claims: ClaimRequests
  private let registers: RegisterRequests
  private let promotions: Promotions
  private let resealing: Resealing
  private let alertLog: PlatformAlertLog
  private let alertRound: AlertRound
  private let http: HTTPOverMessaging<EdgeContext>
  private let logger: Logger

  /// `ceiling` is the one that the store's engine asks: it rises with what the store says.
  public init(
    configuration: ControlPlaneConfiguration, store: any TenantStore, messenger: any Messenger,
    clock: any WallClock, boot: any BootClock, random: any RandomSource, logger: Logger,
    ceiling: FormatCeiling = .unlimited
  ) throws {
    let secrets = DeploymentSecrets(deploymentKey: configuration.deploymentKey)
    let sealer = try Sealer(key: secrets.sealingKey, ring: configuration.keys)
    let platform = PlatformStore(tenants: store)
    let roster = CellRoster(clock: clock, boot: boot, ceiling: ceiling)
    let replicas = ReplicaRoster(boot: boot)
    let map = MapService(
      store: platform, sealer: sealer, logger: logger, chunkBytes: configuration.mapChunkBytes)
    let directives = DirectiveSender(
      store: platform, roster: roster, map: map, messenger: messenger, clock: clock,
      logger: logger)
    let startedAt = Timestamp(milliseconds: clock.milliseconds())
    services = AdminServices(
      configuration: configuration, secrets: secrets, store: platform, sealer: sealer, map: map,
      roster: roster, replicas: replicas, directives: directives,
      spools: SpoolRounds(
        store: platform, map: map, roster: roster, messenger: messenger, boot: boot,
        logger: logger),
      problems: ProblemLog(store: platform, roster: roster, startedAt: startedAt),
      storeDrill: StoreDrill(configuration.drillStore),
      suspendedCounts: SuspendedCounts(boot: boot),
      messenger: messenger, clock: clock, random: random, startedAt: startedAt)
    joins = CellJoins(
      store: platform, roster: roster, map: map, secrets: secrets, clock: clock, logger: logger)
    claims = ClaimRequests(store: platform, map: map, roster: roster)
    registers = RegisterRequests(store: platform, replicas: replicas, logger: logger)
    promotions = Promotions(services: services, logger: logger)
    resealing = Resealing(store: platform, sealer: sealer, logger: logger)
    alertLog = PlatformAlertLog(store: platform, sealer: sealer)
    alertRound = AlertRound(
      mail: configuration.alerts.mail, webhook: configuration.alerts.webhook, clock: clock)
    http = HTTPOverMessaging(router: AdminRoutes.router(services), logger: logger)
    self.logger = logger
  }

  /// Reads the store, binds and answers.
  ///
  /// The map is served again with a version above the last one.
  ///
  /// `isRestored`: the store is a copy that may be older than what was issued since. It then asks
  /// every cell before it issues anything, also those that only the archive knows (`archived`).
  public func start(
    isRestored: Bool = false, archived: [CellID: Generation] = [:]
  ) async throws -> Addresses {
    let number = services.random.uint64() >> 1
    _ = try await services.store.write(trace: "") { _, rows in
      if isRestored, !Sabotage.skipSurvey.isOn {
        try rows.beginSurvey(number, archived: archived)
      }
      // A deployment that begins writes all that this version can; an older one what it could.
      if try rows.formatCeiling() == nil {
        try rows.raiseFormatCeiling(
          to: try rows.cells().isEmpty ? FormatLevel.newest : FormatLevel.oldest)
      }
      return try rows.raiseVersion()
    }
    if let level = try await services.store.read({ try $0.formatCeiling() }) {
      guard level <= FormatLevel.newest else {
        throw Failure(
          .formatCeiling,
          "format level \(level) may have been written, and this program reads "
            + "\(FormatLevel.newest)")
      }
      services.roster.know(formatCeiling: level)
    }
    if try await services.store.read({ try $0.runningSurvey() }) != nil {
      await services.map.hold(for: ControlPlaneLimits.mapHold)
    }
    for cell in try await services.store.read({ try $0.cells() }) { services.roster.set(cell) }
    services.replicas.know(reached: try await services.store.read { try $0.reached() })
    try await services.problems.load()
    try await services.map.refresh()
    let configuration = services.configuration
    let publisher = try await services.messenger.publisher(at: configuration.publish)
    await services.map.publish(through: publisher)
    let address = try await services.messenger.listen(at: configuration.listen) {
      [self] (request) async throws(Failure) -> [UInt8] in try await answer(request)
    }
    logger.info(
      "control plane answers",
      metadata: ["requests": .string(address.url), "map": .string(publisher.address.url)])
    return Addresses(requests: address, publications: publisher.address)
  }

  /// Sends what cells have not acknowledged, and empties the spools, until the process stops.
  public func run() async {
    await cancelWhenGracefulShutdown {
      await withTaskGroup(of: Void.self) { group in
        group.addTask { await Self.every(ControlPlaneLimits.directiveRetry) { await self.sweep() } }
        group.addTask { await Self.every(ControlPlaneLimits.drainInterval) { await self.drain() } }
        group.addTask {
          await Self.every(ControlPlaneLimits.retiredDrainInterval) { await self.drainRetired() }
        }
        group.addTask { await Self.every(ControlPlaneLimits.lookInterval) { await self.look() } }
        group.addTask {
          await Self.every(ControlPlaneLimits.promotionInterval) { await self.promote() }
        }
        group.addTask {
          await Self.every(ControlPlaneLimits.reachedInterval) { await self.keepReached() }
        }
        group.addTask { await Self.every(ControlPlaneLimits.workInterval) { await self.work() } }
        group.addTask {
          await Self.every(ControlPlaneLimits.surveyInterval) { await self.survey() }
        }
        group.addTask {
          await Self.every(ControlPlaneLimits.rebalanceInterval) { await self.rebalance() }
        }
        group.addTask { await Self.every(ControlPlaneLimits.alertInterval) { await self.alert() } }
        group.addTask {
          await Self.every(ControlPlaneLimits.resealInterval) { await self.reseal() }
        }
        group.addTask {
          await Self.every(ControlPlaneLimits.upgradeInterval) { await self.upgrade() }
        }
      }
    }
  }

  private static func every(_ interval: Duration, _ body: () async -> Void) async {
    while !Task.isCancelled {
      await body()
      do { try await Task.sleep(for: interval) } catch { return }
    }
  }

  /// One round over the directives that wait.
  func sweep(grace: Int64 = ControlPlaneLimits.directiveGraceMilliseconds) async {
    await services.directives.sweep(grace: grace, trace: freshTrace())
  }

  /// One round over the spools.
  func drain() async { await services.spools.drain(trace: freshTrace()) }

  /// One round over the spools of retired cells.
  func drainRetired() async { await services.spools.drainRetired(trace: freshTrace()) }

  /// One look at what is wrong with the cells, and since when.
  func look() async { await services.problems.look(trace: freshTrace()) }

  /// One step of every promotion that runs.
  func promote() async { await promotions.drive(trace: freshTrace()) }

  /// Keeps what named followers have reached.
  func keepReached() async { try? await registers.keepReached(trace: freshTrace()) }

  /// One round over what cells do as long work.
  func work() async { await CellWorkRounds(services: services).look(trace: freshTrace()) }

  /// One round over the cells that a restored control plane has not heard yet.
  func survey() async {
    await SurveyRounds(services: services, logger: logger).look(trace: freshTrace())
  }

  /// One step of every drain and rebalance that runs.
  func rebalance() async { await RebalanceRounds(services: services).look(trace: freshTrace()) }

  /// One round over alerts that wait to be sent.
  func alert() async { _ = try? await alertRound.deliver(from: alertLog) }

  /// One look at whether secrets are sealed with the newest key.
  func reseal() async { await resealing.round(trace: freshTrace()) }

  /// One step of every upgrade and rollback that runs.
  func upgrade() async { await UpgradeRounds(services: services).look(trace: freshTrace()) }

  private func freshTrace() -> String { services.random.bytes(16).hex }

  // MARK: For the process around it

  /// Cells that nobody is on any more, for good.
  public func retiredCells() -> Set<CellID> {
    Set(services.roster.sights().map(\.record).filter { $0.state == .retired }.map(\.id))
  }

  public func health() async -> HealthReport { await StatusCollector(services: services).health() }

  public func metrics() async -> String {
    await ControlPlaneMetrics(
      services: services, isResealing: resealing.isPending
    ).render()
  }

  /// The process's own `/healthz`, `/readyz` and `/metrics`; port 0 is any.
  public func healthServer(port: Int, onRunning: @escaping @Sendable (Int) async -> Void)
    -> HealthServer
  {
    HealthServer(
      port: port, logger: logger, report: { await self.health() },
      metrics: { await self.metrics() }, onRunning: onRunning)
  }

  /// Creates the first operator in process; the token is shown once.
  public func createFirstOperator() async throws(Failure) -> (id: String, token: String) {
    let view = try await FirstOperator(store: services.store, random: services.random)
      .create(trace: freshTrace())
    return (view.id, view.token)
  }
}

extension ControlPlaneNode {
  /// Answers one request of a cell or router.
  func answer(_ request: IncomingRequest) async throws(Failure) -> [UInt8] {
    let (peer, trace) = (request.peer, request.traceID)
    switch request.method {
    case .http: return try await http.respond(to: request)
    case .join:
      let proto = try ProtoCoding.decode(Aimstors_ProtoJoin.self, request.payload)
      return try ProtoCoding.encode(try await joins.join(proto, from: peer, trace: trace))
    case .heartbeat:
      let proto = try ProtoCoding.decode(Aimstors_ProtoHeartbeat.self, request.payload)
      return try ProtoCoding.encode(
        try await joins.heartbeat(proto, from: peer, trace: trace))
    case .claim:
      let proto = try ProtoCoding.decode(Aimstors_ProtoClaimRequest.self, request.payload)
      return try ProtoCoding.encode(try await claims.claim(proto, from: peer, trace: trace))
    case .checkpoint:
      guard peer.role == .cell else { throw Failure(.forbidden, "logs are in cells") }
      return try await Witness(
        store: services.store, key: services.secrets.witnessKey, logger: logger
      ).sign(request.payload, from: CellID(peer.id), trace: trace)
    case .grantKey: return services.secrets.grantKey.verifying.bytes
    case .replicaReport:
      let proto = try ProtoCoding.decode(Aimstors_ProtoReplicaReport.self, request.payload)
      return try ProtoCoding.encode(try await registers.report(proto, from: peer, trace: trace))
    case .registerChange:
      let proto = try ProtoCoding.decode(Aimstors_ProtoRegisterChange.self, request.payload)
      return try ProtoCoding.encode(try await registers.change(proto, from: peer, trace: trace))
    case .mapManifest:
      try await admitToMap(peer)
      let manifest = await services.map.manifest
      services.roster.saw(router: peer.id, mapVersion: manifest.mapVersion)
      return try ProtoCoding.encode(manifest)
    case .mapPull:
      try await admitToMap(peer)
      let proto = try ProtoCoding.decode(Aimstors_ProtoMapPull.self, request.payload)
      let page = await services.map.page(proto.chunks.map(Int.init))
      services.roster.saw(router: peer.id, mapVersion: page.manifest.mapVersion)
      return try ProtoCoding.encode(page)
    default:
      throw Failure(.unknownRoute, "the control plane does not answer \(request.method)")
    }
  }

  /// The map holds Meta's secrets: routers need them, nobody else gets them.
  private func admitToMap(_ peer: PeerIdentity) async throws(Failure) {
    guard peer.role == .router else { throw Failure(.forbidden, "the map is for routers") }
    try await services.map.requireGiven()
  }
}
