import Archive
import ControlPlane
import Edge
import Logging
import Platform
import ServiceLifecycle
import Storage
import Wire

/// The control plane's own store on this machine's disk, and in the archive: the storage engine of
/// a cell with one pseudo-tenant, archived and drilled like a cell's.
struct PlatformStorage {
  /// The file with which an operator asks for the restore.
  static let requestName = "restore.requested"
  /// There until the restored control plane has begun to ask the cells.
  private static let restoredName = "restored"

  let directory: String
  let id: String
  /// Nil: the store is on this disk only.
  let archive: Archive?
  let logger: Logger

  private let files = LiveFileSystem()
  /// Above which nothing is written here; the control plane raises it to what its store says.
  let ceiling = FormatCeiling(FormatLevel.oldest)

  init(directory: String, id: String, archive: Archive?, logger: Logger) {
    self.directory = directory
    self.id = id
    self.archive = archive
    self.logger = logger
  }

  private var cell: CellID { CellID(trusted: id) }
  var gap: StoreGap { StoreGap(directory: directory) }
  private var replicaFile: ReplicaFile { ReplicaFile(directory: directory, files: files) }

  // MARK: A lost disk

  /// Waits while this disk is empty and the archive has the control plane's journal.
  ///
  /// Beginning anew would look healthy and know nobody. A process that was replaced waits for its
  /// end. Answers false where the process was told to stop meanwhile.
  func waitUntilOwned(healthPort: Int, version: String) async throws -> Bool {
    guard let archive else { return true }
    let generation = try replicaFile.load()?.generation ?? .first
    guard
      try replicaFile.load() == nil,
      try JournalSeed.isEmpty(dataDirectory: directory, files: files)
    else {
      guard let successor = await successor(of: generation, archive) else { return true }
      logger.critical(
        "another process has the control plane's store: this one issues nothing",
        metadata: ["generation": "\(successor.rawValue)"])
      try await stay(
        "control_plane_replaced",
        "generation \(successor.rawValue) of the control plane has taken over: this process is to "
          + "be removed", healthPort, version, until: nil)
      return false
    }
    guard let claimed = try await claimed(archive) else { return true }
    logger.critical(
      "this disk is empty, and the archive has the control plane's journal: restore it",
      metadata: ["claimed_generation": "\(claimed.rawValue)"])
    let waiting = RequestedRestore(path: "\(directory)/\(Self.requestName)")
    try await stay(
      "control_plane_lost", "this disk is empty, and the archive has the control plane's journal",
      healthPort, version, until: waiting)
    guard try PrivateFile.read(waiting.path) != nil else { return false }
    try await takeOver(archive, above: claimed)
    PrivateFile.remove(waiting.path)
    return true
  }

  /// Issues nothing and says why, until the process is told to stop or `event` is over.
  private func stay(
    _ code: String, _ detail: String, _ healthPort: Int, _ version: String,
    until event: RequestedRestore?
  ) async throws {
    let since = Timestamp(milliseconds: LiveWallClock().milliseconds())
    let problem = HealthReport.Problem(
      code: code, since: since, runbook: Runbook.page("control_plane_lost"), detail: detail)
    let id = id
    let health = HealthServer(
      port: healthPort, logger: logger,
      report: {
        HealthReport(
          role: "control_plane", id: id, version: version, ready: false, problems: [problem])
      }, metrics: { "" }, onRunning: { _ in })
    let waiting = event.map {
      ServiceGroupConfiguration.ServiceConfiguration(
        service: $0, successTerminationBehavior: .gracefullyShutdownGroup)
    }
    let group = ServiceGroup(
      configuration: .init(
        services: [.init(service: health)] + (waiting.map { [$0] } ?? []),
        gracefulShutdownSignals: [.sigterm, .sigint], logger: logger))
    try await group.run()
  }

  /// The higher generation that has claimed the store's journal; nil: none has, or the archive does
  /// not say in time.
  ///
  /// A process that runs hears of it with its next upload.
  private func successor(of generation: Generation, _ archive: Archive) async -> Generation? {
    let cell = cell
    let claimed = await BoundedAnswer.within(seconds: ArchiveLimits.startSeconds) {
      try? await archive.claims(cell).map(\.generation).max()
    }
    guard let claimed else {
      logger.warning("the archive does not say who is the control plane")
      return nil
    }
    return claimed.flatMap { $0 > generation ? $0 : nil }
  }

  private func claimed(_ archive: Archive) async throws -> Generation? {
    try await patiently { () async throws(ArchiveError) in
      try await archive.claims(cell).map(\.generation).max()
    }
  }

  /// The cells whose journals the archive has: a restored copy may not know the last of them.
  func archivedCells() async throws -> [CellID: Generation] {
    guard let archive else { return [:] }
    var found = try await patiently { () async throws(ArchiveError) in
      try await archive.generations()
    }
    found[cell] = nil
    return found
  }

  private func patiently<Answer: Sendable>(
    _ ask: () async throws(ArchiveError) -> Answer
  ) async throws -> Answer {
    while true {
      do throws(ArchiveError) { return try await ask() } catch {
        guard error.mayPass else { throw error }
        logger.warning("the start waits for the archive", metadata: ["reason": "\(error)"])
      }
      try await Task.sleep(for: .seconds(5))
    }
  }

  private func takeOver(_ archive: Archive, above claimed: Generation) async throws {
    let generation = Generation(claimed.rawValue + 1)
    let now = Timestamp(milliseconds: LiveWallClock().milliseconds())
    let end = try await CellTakeover(archive, cell: cell).claim(generation, at: now)
    try PrivateFile.write([], to: "\(directory)/\(Self.restoredName)")
    try JournalSeed.write(
      dataDirectory: directory, cell: cell, generation: generation, after: end, files: files)
    var replica = ReplicaState(role: .primary, generation: generation)
    replica.began = end
    try replicaFile.store(replica)
  }

  // MARK: The store

  /// Opens the store, restored where it has to be; answers whether it is a copy that the cells have
  /// not been asked about.
  func open() async throws -> (engine: StorageEngine, isRestored: Bool) {
    var configuration = EngineConfiguration(directory: directory, cell: cell)
    configuration.generation = try replicaFile.load()?.generation ?? .first
    configuration.ceiling = ceiling
    let isArchived = archive != nil
    configuration.adjustJournal = {
      if isArchived { $0.pins.updateValue(nil, forKey: JournalUploader.pin) }
    }
    try await catchUp(configuration.generation)
    let logger = logger
    let engine = StorageEngine(
      configuration, clock: LiveWallClock(), random: LiveRandomSource(), files: files,
      log: logger, schema: { _ in PlatformSchema.schema },
      fatal: { fatality in
        logger.critical("the journal failed", metadata: ["reason": "\(fatality)"])
        exitProcess(.refused)
      })
    _ = try await engine.start()
    let isRestored = try PrivateFile.read("\(directory)/\(Self.restoredName)") != nil
    if isRestored, let archive, engine.ownership(.platformStore) == nil {
      try await bringBack(archive, engine)
    }
    if engine.ownership(.platformStore) == nil {
      try await engine.create(.platformStore, epoch: .first)
    }
    return (engine, isRestored)
  }

  /// Appends what the archive has more than this disk: it was set back, and what this control plane
  /// has issued since is asked of the cells, as after a restore.
  private func catchUp(_ generation: Generation) async throws {
    guard let archive else { return }
    let began = try replicaFile.load()?.began ?? .start
    let restored = "\(directory)/\(Self.restoredName)"
    _ = try await JournalCatchUp(
      archive, cell: cell, directory: directory, files: files, logger: logger
    ).run(generation, began: began) { _ in try PrivateFile.write([], to: restored) }
  }

  private func bringBack(_ archive: Archive, _ engine: StorageEngine) async throws {
    let lineage = Lineage(LiveRandomSource().uint64())
    let restored = try await TenantRestorer(archive: archive, files: files).restore(
      .platformStore, schema: PlatformSchema.schema, to: .latest, cell: cell,
      into: engine.preparedDirectory(.platformStore, lineage), lineage: lineage,
      // What of it the cells hold they are asked for, as after any restore; the rest is told.
      acceptsMissing: true)
    if let missing = restored.missing {
      logger.critical(
        "the archive lacks a part of the control plane's journal",
        metadata: [
          "from": "\(missing.lowerBound.rawValue)", "to": "\(missing.upperBound.rawValue)",
        ])
      try gap.note(missing, at: Timestamp(milliseconds: LiveWallClock().milliseconds()))
    }
    let at = restored.position
    try await engine.install(
      .platformStore, lineage: lineage, epoch: .first,
      origin: RestoreOrigin(
        tenant: .platformStore, lineage: at.lineage, tenantSeq: at.tenantSeq, hash: at.hash,
        isFork: false),
      expected: nil)
    logger.notice(
      "the control plane's store is back",
      metadata: ["tenant_seq": "\(at.tenantSeq.rawValue)", "time": "\(at.time.rfc3339)"])
  }

  /// The store remembers by itself from here on that it asks the cells.
  func noteSurveyBegun() throws { PrivateFile.remove("\(directory)/\(Self.restoredName)") }

  // MARK: The archive

  /// The archive of the running store as a service; nil where none is configured.
  ///
  /// `retiredCells`: those whose journals it looks after.
  func service(
    _ engine: StorageEngine, retiredCells: @escaping @Sendable () -> Set<CellID>
  ) -> ArchivingService? {
    guard let archive else { return nil }
    let generation = (try? replicaFile.load())??.generation ?? .first
    var environment = ArchiveEnvironment(
      archive: archive, engine: engine, cell: cell, generation: generation,
      dataDirectory: directory, schema: { _ in PlatformSchema.schema }, files: files,
      clock: LiveWallClock(), random: LiveRandomSource(), logger: logger)
    environment.retiredCells = retiredCells
    return ArchivingService(service: ArchiveService(environment), logger: logger)
  }

  /// How far the archive is behind, and when the store was restored for proof last.
  static func metrics(_ service: ArchiveService) -> String {
    let now = LiveWallClock().milliseconds()
    func seconds(_ name: String, _ help: String, since: Timestamp?) -> MetricFamily {
      let age = max(0, now - (since?.milliseconds ?? now))
      return MetricFamily(name, help, .gauge, [.init(value: .microseconds(age * 1_000))])
    }
    return PrometheusText(labels: []).render([
      .gauge(
        "aimstors_archive_lag_records", "Durable records that are not in the archive.",
        Int64(clamping: service.lag.records)),
      seconds(
        "aimstors_archive_lag_seconds", "How long the oldest of them has waited.",
        since: service.lag.since),
      seconds(
        "last_verified_restore_age_seconds", "Since the store's last verified restore.",
        since: service.status.oldestVerifiedRestore),
    ])
  }
}

/// The archive's work until the process stops; where another one has taken the store over, the
/// process ends: two would issue the same.
struct ArchivingService: Service {
  private static let look = Duration.milliseconds(200)

  let service: ArchiveService
  let logger: Logger

  func run() async throws {
    await cancelWhenGracefulShutdown {
      await withTaskGroup(of: Void.self) { group in
        group.addTask { await service.run() }
        group.addTask { await endWhereReplaced() }
        await group.waitForAll()
      }
    }
  }

  private func endWhereReplaced() async {
    while !Task.isCancelled {
      if let other = service.fencedBy {
        logger.critical(
          "another process has the control plane's store",
          metadata: ["generation": "\(other.rawValue)"])
        exitProcess(.refused)
      }
      try? await Task.sleep(for: Self.look)
    }
  }
}

/// Returns when a file appears.
private struct RequestedRestore: Service {
  let path: String

  func run() async throws {
    await cancelWhenGracefulShutdown {
      while !Task.isCancelled, (try? PrivateFile.read(path)) == nil {
        try? await Task.sleep(for: .milliseconds(100))
      }
    }
  }
}
