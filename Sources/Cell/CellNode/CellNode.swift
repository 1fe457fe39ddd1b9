import Archive
import AsyncHTTPClient
import Edge
import Logging
import Messaging
import Platform
import ServiceLifecycle
import Storage
import Synchronization
import Trust
import Wire

/// One cell as a service: owns its tenants' data, answers routers and the control plane, sends.
///
/// Order of a start: recover the journal, read the standing orders, bind, answer, join. A cell that
/// cannot reach the control plane serves what it owns.
public final class CellNode: Service {
  let configuration: CellConfiguration
  let messenger: any Messenger
  let clock: any WallClock
  let logger: Logger
  let engine: StorageEngine
  let directives: Directives
  let link: ControlPlaneLink
  private let graphTransport: HTTPGraphTransport
  let outbox: OutboxWorker
  let services: CellServices
  let health: CellHealth
  let counts = RequestCounts()
  let fence = CellFence()
  let ceilings = CeilingKeeper()
  private let sweep: TenantSweep
  private let resealing: Resealing
  /// Nil where no archive is configured.
  let archive: ArchiveService?
  let work: CellWork
  let restoration: TenantRestoration?
  let departures: Departures
  let loads: LoadSample
  let arrivals: Arrivals
  private let outcomes: LateOutcomes
  /// Nil where no disk was lost.
  let recovery: CellRecovery?
  let sending: SendPermission
  private let bound: Bound
  let replication: Replication?
  private let feeding = Mutex<Task<Void, Never>?>(nil)

  /// `fatal` must end the process at once: storage calls it where it can answer nothing any more.
  ///
  /// `archive` is where the journal is copied to; nil: nowhere.
  public init(
    configuration: CellConfiguration, messenger: any Messenger, files: any FileSystem,
    clock: any WallClock, boot: any BootClock, random: any RandomSource, logger: Logger,
    archive: Archive? = nil, fatal: @escaping @Sendable (String) -> Void
  ) {
    self.configuration = configuration
    self.messenger = messenger
    self.clock = clock
    self.logger = logger
    let wakes = OutboxWakes()
    var engineConfiguration = EngineConfiguration(
      directory: configuration.dataDirectory, cell: configuration.id)
    engineConfiguration.generation = messenger.identity.generation
    engineConfiguration.ceiling = ceilings.ceiling
    let bound = Bound()
    self.bound = bound
    replication = configuration.replication.map {
      Replication(
        $0, cell: configuration.id, directory: configuration.dataDirectory,
        state: configuration.replica, messenger: messenger,
        controlPlane: configuration.controlPlane, archive: archive, files: files, clock: clock,
        logger: logger,
        address: {
          configuration.advertise.isEmpty ? bound.address?.url ?? "" : configuration.advertise
        }, fatal: fatal)
    }
    if let replication {
      engineConfiguration.oldestGeneration = .first
      // A promoted copy may lack a release that its old primary told of.
      engineConfiguration.settlesMoves = messenger.identity.generation > .first
      engineConfiguration.followerGate = replication.gate(asked: configuration.replica.asked)
    }
    // The cell's own store is not one tenant's: without it the cell serves nobody.
    engineConfiguration.quarantines = { $0 != .cellStore }
    // From the first moment on: what followers and archive lack must not be trimmed.
    engineConfiguration.adjustJournal = { [peers = configuration.replication?.peers] journal in
      for peer in peers ?? [] {
        journal.pins["follower/\(peer.replica)"] = JournalPin.followerBytes
      }
      if archive != nil { journal.pins.updateValue(nil, forKey: JournalUploader.pin) }
    }
    engine = StorageEngine(
      engineConfiguration, clock: clock, random: random, files: files, log: logger,
      schema: { Self.schema(of: $0) },
      due: { wakes.due($0) }, fatal: { fatal("\($0)") })
    directives = Directives(
      store: engine, cell: configuration.id, region: configuration.region,
      modes: engineConfiguration.followerGate.modes,
      untilAsked: { [replication] in await replication?.untilAsked() ?? true })
    link = ControlPlaneLink(
      peer: messenger.peer(at: configuration.controlPlane), directives: directives, logger: logger)
    let graphConfiguration = GraphConfiguration(baseURL: configuration.graphURL)
    graphTransport = HTTPGraphTransport(configuration: graphConfiguration)
    let graph = GraphClient(configuration: graphConfiguration, transport: graphTransport)
    let sealer = Sealer(configuration.keys)
    services = CellServices(
      store: engine, clock: clock, boot: boot, random: random, claims: link, gate: directives,
      sealer: sealer, graph: graph, cell: configuration.id, settings: configuration.identity,
      wakeOutbox: { wakes.committed($0) })
    let identity = services.identity
    let wake: @Sendable (TenantID) -> Void = {
      wakes.wake($0)
      identity.letters.wake($0)
      identity.logMayHaveGrown($0)
    }
    let paces = SendPaces(boot: boot, clock: clock)
    let rates = TravellingRates(
      keys: services.keys, signIns: identity.limits, paces: paces)
    let moving = MoveEnvironment(
      cell: configuration.id, engine: engine, directives: directives, rates: rates,
      sessions: services.identity.sessions, messenger: messenger, files: files,
      dataDirectory: configuration.dataDirectory, clock: clock,
      address: {
        configuration.advertise.isEmpty ? bound.address?.url ?? "" : configuration.advertise
      },
      wake: wake, room: MoveRoom(of: configuration.dataDirectory, files),
      lateFollower: { [engine, replication] tenant in
        guard let replication, let journal = engine.journal else { return nil }
        return await replication.lateFollower(
          of: tenant, in: journal, limit: MoveLimits.acknowledgementAge)
      }, log: logger)
    departures = Departures(moving)
    loads = LoadSample(
      engine: engine, files: files, dataDirectory: configuration.dataDirectory)
    let outcomes = LateOutcomes(environment: moving, sealer: sealer, gate: directives)
    self.outcomes = outcomes
    outbox = OutboxWorker(
      OutboxEnvironment(
        store: engine, graph: graph, sealer: sealer, gate: directives, clock: clock, boot: boot,
        paces: paces, moved: { await outcomes.send($0, $1) }, logger: logger))
    wakes.connect(outbox)
    sweep = TenantSweep(engine: engine, clock: clock, boot: boot, logger: logger)
    resealing = Resealing(
      store: engine, sealer: sealer, directives: directives, logger: logger,
      tenants: { [engine] in engine.servedHeads.keys.filter { $0 != .cellStore }.sorted() })
    let service = archive.map { [engine] archive in
      ArchiveService(
        ArchiveEnvironment(
          archive: archive, engine: engine, cell: configuration.id,
          generation: messenger.identity.generation, dataDirectory: configuration.dataDirectory,
          schema: { Self.schema(of: $0) }, files: files, clock: clock, random: random,
          logger: logger))
    }
    self.archive = service
    arrivals = Arrivals(
      moving, followers: FollowerCopies(replication),
      archived: { try await service?.keepImport($0) })
    work = CellWork(logger: logger)
    restoration = service.map { [engine, directives, services, replication] service in
      var restoration = TenantRestoration(
        service: service, engine: engine, directives: directives, files: files, random: random,
        clock: clock, dataDirectory: configuration.dataDirectory, sealer: sealer,
        forget: {
          services.forget($0)
          services.identity.logMayHaveGrown($0)
        }, wake: wake)
      if let replication {
        restoration.followersSnapshot = { try await replication.snapshot(of: $0, at: $1) }
      }
      return restoration
    }
    if let service {
      services.identity.witness.keep { tenant, checkpoint in
        await service.keep(
          checkpoint.text, size: checkpoint.size, root: checkpoint.root, of: tenant)
      }
    }
    sending = SendPermission(
      dataDirectory: configuration.dataDirectory, generation: configuration.replica.generation,
      files: files)
    let marker = RecoveryMarker(dataDirectory: configuration.dataDirectory, files: files)
    if let archive, let service, let name = (try? marker.load()) ?? nil {
      recovery = CellRecovery(
        name: name, generation: messenger.identity.generation, archive: archive, service: service,
        engine: engine, directives: directives, configuration: configuration, files: files,
        clock: clock, sealer: sealer, logger: logger)
    } else {
      recovery = nil
    }
    health = CellHealth(
      configuration: configuration, engine: engine, sweep: sweep, archive: service,
      recovery: recovery, files: files, moves: moving.problems,
      suspended: SuspendedWork(engine: engine, directives: directives, clock: clock), clock: clock)
  }

  /// What a tenant's files hold, also on a follower.
  public static func schema(of tenant: TenantID) -> StoreSchema {
    tenant == .cellStore ? CellStoreSchema.schema : CellSchema.schema
  }

  /// Ends what ``start()`` has begun, where ``run()`` was not reached.
  public func abandon() async {
    feeding.withLock { $0 }?.cancel()
    await feeding.withLock { $0 }?.value
    await engine.close()
  }

  /// Where the cell answers, once bound.
  public var address: Address? { bound.address }

  /// Recovers, binds and answers.
  ///
  /// Throws where the data directory is another process's, or where the journal cannot be read.
  public func start() async throws {
    try await replication?.prepare()
    let report = try await engine.start()
    logger.notice(
      "recovered",
      metadata: [
        "tenants": "\(report.tenants)", "records": "\(report.records)",
        "cut_bytes": "\(report.cutBytes)", "damaged_ranges": "\(report.damage.count)",
      ])
    if let replication, let journal = engine.journal {
      // Whoever was let go before the journal was opened is asked no more.
      journal.gate.require(replication.askedNow)
      feeding.withLock {
        $0 = Task { await replication.run(journal, claimed: { self.fencedInArchive }) }
      }
      // What was read back is nobody's until those who are asked have it.
      try await replication.waitForFollowers(journal)
    }
    try await recovery?.begin()
    if engine.ownership(.cellStore) == nil { try await engine.create(.cellStore, epoch: .first) }
    try await directives.load { self.engine.ownership($0)?.state.isHere ?? false }
    replication?.modesAreKnown()
    await UnfinishedForks(engine: engine, directives: directives, sealer: services.sealer)
      .resume(logger) { self.recovery?.isPending($0) ?? false }
    try await ceilings.load(directives)
    let handler = makeHandler()
    let address = try await messenger.listen(at: configuration.listen) {
      (request) async throws(Failure) -> [UInt8] in try await handler.handle(request)
    }
    bound.set(address)
    if let publish = configuration.publish {
      let publisher = try await messenger.publisher(at: publish)
      services.security.publish { await publisher.publish(.securityEvents, $0.json) }
    }
    if let last = engine.heads.values.map(\.time).max() {
      services.identity.outage.set(
        RefreshRule.Outage(from: last, until: Timestamp(milliseconds: clock.milliseconds())))
    }
    health.recovered()
    logger.notice("answers", metadata: ["address": "\(address)"])
  }

  /// Sends, reports and answers health until the process is told to stop; then finishes what is in
  /// flight and closes the files.
  ///
  /// Throws ``ReplicationStop`` where another process has taken over.
  public func run() async throws {
    await withTaskGroup(of: Void.self) { group in
      group.addTask { await self.sendWhenAllowed() }
      group.addTask { await self.stayJoined() }
      group.addTask { await self.storeLastUses() }
      group.addTask { await self.sweep.run() }
      group.addTask { await self.keepIdentity() }
      group.addTask { await self.resealing.run() }
      group.addTask { await self.work.run() }
      group.addTask { await self.departures.run() }
      group.addTask { await self.arrivals.run() }
      if let archive { group.addTask { await archive.run() } }
      if let recovery { group.addTask { await recovery.run { self.link.placed } } }
      await self.untilTold()
      health.stopping()
      outbox.stop()
      group.cancelAll()
      await group.waitForAll()
    }
    // What was admitted may wait for followers: they are heard until the engine has ended.
    if replication == nil { await messenger.close() }
    await engine.close()
    let feeding = feeding.withLock { $0 }
    feeding?.cancel()
    await messenger.close()
    await feeding?.value
    try? await graphTransport.shutdown()
    if let stop { throw stop }
  }

  /// Returns when the process is told to stop, or another replica has taken over.
  private func untilTold() async {
    await withTaskGroup(of: Void.self) { group in
      group.addTask { try? await gracefulShutdown() }
      group.addTask {
        while self.stop == nil {
          do { try await Task.sleep(for: ReplicationLimits.lookInterval) } catch { return }
        }
      }
      await group.next()
      group.cancelAll()
    }
  }

  /// The higher generation that the archive showed.
  var fencedInArchive: Generation? { archive?.fencedBy }

  public func metrics() async -> String {
    await CellMetrics(
      configuration: configuration, engine: engine, outbox: outbox, clock: clock,
      oldestDue: health.oldestDue, holds: sweep.holds(), archive: archive,
      spooled: try? await Spool(store: engine).count(), resealing: resealing.standing,
      unobserved: services.security.windows.dropped, requests: counts.now,
      replication: replication
    ).render()
  }

  private func makeHandler() -> CellHandler {
    let placements = EnginePlacements(
      engine: engine, isPending: { [recovery] in recovery?.isPending($0) ?? false })
    let (outbox, letters) = (outbox, services.identity.letters)
    let api = CellAPI.responder(services, logger: logger)
    let intake = WebhookIntake(
      store: engine, wakeOutbox: services.wakeOutbox, logger: logger)
    return CellHandler(
      http: { [links = replication?.links ?? []] in
        guard FollowerReads.isAsked($0) else { return await api.respond(to: $0, from: $1) }
        return await FollowerReads.pass($0, $1, to: links)
      },
      webhook: { (part, request) async throws(Failure) in
        try await intake.accept(part, traceID: request.traceID, deadline: request.deadline)
      },
      placements: placements, spool: Spool(store: engine), directives: directives,
      provisioning: Provisioning(
        store: engine, directives: directives,
        create: { (tenant, epoch) async throws(Failure) in
          try await placements.create(tenant, epoch)
        },
        wake: {
          outbox.wake($0)
          letters.wake($0)
        },
        wakeAll: {
          outbox.sendsMayResume()
          letters.sendsMayResume()
        }),
      inventory: { self.inventory() },
      endImpersonation: { [services] (text) async throws(Failure) in
        let parts = text.split(separator: " ")
        guard parts.count == 2, let tenant = TenantID(String(parts[0])) else {
          throw Failure(.invalidRequest, "name a tenant and a grant")
        }
        try await SessionRoutes.endImpersonation(
          tenant: tenant, grant: String(parts[1]), services)
      },
      work: { [work = makeWork()] (message) throws(Failure) in try work.ask(message) },
      move: {
        [moves = MoveMessages(arrivals: arrivals, outcomes: outcomes)]
        (request, source) async throws(Failure) in
        try await moves.answer(request, from: source)
      },
      programs: configuration.programs, counts: counts,
      isOutcast: { [link] in link.trouble?.failure.code == .forbidden },
      meet: { [self] (generation) throws(Failure) in try meet(generation) })
  }

  /// Joins, then reports, and joins again where the control plane does not know this cell.
  private func stayJoined() async {
    var pause = CellLimits.joinRetryMinimum
    while !Task.isCancelled {
      do throws(Failure) {
        if !link.isJoined {
          try await ceilings.learn(try await link.join(inventory()), directives)
          // An older control plane gives no grants and does not know the question.
          if let key = try? await link.grantKey() { services.identity.grantKey.set(key) }
          logger.notice("joined", metadata: ["control_plane": "\(configuration.controlPlane)"])
        }
        // At once after joining too: only a cell whose load is known is given tenants.
        try await ceilings.learn(try await link.heartbeat(heartbeat()), directives)
        pause = CellLimits.joinRetryMinimum
        try? await Task.sleep(for: CellLimits.heartbeatInterval)
      } catch {
        if error.code == .generationFenced { wasReplaced() }
        link.report(error, at: Timestamp(milliseconds: clock.milliseconds()))
        try? await Task.sleep(for: pause)
        pause = min(pause * 2, CellLimits.joinRetryMaximum)
      }
    }
  }

  /// When keys were last used is kept in memory and stored now and then: never on a request's path.
  private func storeLastUses() async {
    while !Task.isCancelled {
      try? await Task.sleep(for: CellLimits.lastUseInterval)
      await services.keys.storeLastUses()
    }
  }
}
