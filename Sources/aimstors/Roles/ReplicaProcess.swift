import Archive
import Cell
import Cryptography
import Edge
import Logging
import Messaging
import Platform
import Replication
import ServiceLifecycle
import Storage
import Wire

/// One replica of a cell: the cell itself, or a follower of it; a promotion makes the one the other
/// without a new process.
struct ReplicaProcess {
  private let environment = Environment.live
  private let node: ConfigurationNode
  private let files: RoleFiles
  private let first: ReplicaState.Role
  private let directory: String
  private let logger: Logger
  private let programs: ProgramControl

  /// `first` is what the replica is where its directory does not say otherwise.
  init(_ options: RoleOptions, startsAs first: ReplicaState.Role) throws {
    node = try options.read()
    files = try RoleFiles(node)
    self.first = first
    do throws(ConfigurationError) {
      directory = try node.string("data_directory")
    } catch {
      throw error.failure
    }
    try PrivateFile.createDirectory(directory)
    logger = ProcessLog.make(
      role: first == .primary ? "cell" : "follower", id: files.id, environment: environment)
    let launcher = ProgramLauncher(
      file: ProgramFile(dataDirectory: directory), releases: files.releases,
      environment: environment, logger: logger)
    try launcher.launch()
    programs = ProgramControl(
      dataDirectory: directory, releases: files.releases, environment: environment,
      clock: LiveWallClock(), logger: logger)
    try programs.watchTrial()
    ParentWatch.start(environment)
  }

  func run() async throws {
    while true {
      let state =
        try ReplicaFile(directory: directory, files: LiveFileSystem()).load()
        ?? ReplicaState(role: first, generation: .first)
      switch state.role {
      case .primary: guard try await runCell(state) else { return }
      case .follower: guard try await runFollower(state) else { return }
      }
    }
  }

  /// Answers whether the process goes on, as a follower.
  private func runCell(_ state: ReplicaState) async throws -> Bool {
    var configuration: CellConfiguration
    do {
      configuration = try CellConfiguration(node, files, state)
    } catch let error as ConfigurationError {
      throw error.failure
    }
    configuration.watch = files.watch(configuration.dataDirectory)
    let mail = try mailSettings()
    configuration.identity.mail = mail.sender(directory: configuration.dataDirectory + "/mail")
    configuration.identity.alertsMayStayInside = mail.alertsMayStayInside
    configuration.programs = { [programs] (order) async throws(Failure) in
      try await programs.answer(order)
    }
    let archive = try ArchiveSettings.archive(
      node, dataDirectory: configuration.dataDirectory)
    let keyFiles = try [keyFileWatch(configuration.keys)] + archiveKeyFileWatch(archive)
    let messenger = try files.messenger(
      role: .cell, id: configuration.id.rawValue, generation: state.generation,
      random: LiveRandomSource(), log: logger)
    if let archive, state == ReplicaState(role: .primary, generation: .first),
      let claimed = try await LostCellNode.lostGeneration(
        dataDirectory: configuration.dataDirectory, cell: configuration.id, archive: archive,
        files: LiveFileSystem(), logger: logger)
    {
      guard claimed < .ended else { return try await stayEnded(configuration, claimed) }
      return try await waitToBeRestored(configuration, claimed, archive, messenger)
    }
    if let archive, configuration.replication == nil,
      let successor = try await EndedCellNode.successor(
        of: state.generation, cell: configuration.id, archive: archive, logger: logger)
    {
      return try await stayEnded(configuration, successor)
    }
    if let archive, try await catchUp(state, configuration.id, archive) {
      await messenger.close()
      return true
    }
    let cell = CellNode(
      configuration: configuration, messenger: messenger, files: LiveFileSystem(),
      clock: LiveWallClock(), boot: LiveBootClock(), random: LiveRandomSource(), logger: logger,
      archive: archive,
      fatal: { [logger] reason in
        logger.critical("the cell cannot go on", metadata: ["reason": "\(reason)"])
        exitProcess(.refused)
      })
    do {
      try await start(cell)
      let draining = drain { try await cell.keep($0) }
      defer { draining.cancel() }
      let health = HealthServer(
        port: files.healthPort, logger: logger, report: { cell.report() },
        metrics: { await cell.metrics() }, onRunning: { _ in })
      try await serve(health, cell, keyFiles)
      return false
    } catch ReplicationStop.fenced(let generation) {
      await messenger.close()
      await cell.abandon()
      guard configuration.replication != nil else {
        return try await stayEnded(configuration, generation)
      }
      try follow(generation, after: state)
      return true
    } catch ReplicationStop.diverged(let follower) {
      await messenger.close()
      await cell.abandon()
      return try await standStill(configuration, differingFrom: follower)
    }
  }

  /// Answers whether the process goes on, as the cell: the follower may have been mended.
  private func standStill(
    _ configuration: CellConfiguration, differingFrom follower: String
  ) async throws -> Bool {
    let diverged = DivergedCellNode(
      configuration: configuration, follower: follower, clock: LiveWallClock())
    let health = HealthServer(
      port: files.healthPort, logger: logger, report: { diverged.health() }, metrics: { "" },
      onRunning: { _ in })
    try await serve(health, diverged, [])
    return diverged.looksAgain
  }

  /// Starts the cell, and says meanwhile why it is not ready: a start may take its time, or wait
  /// for a follower.
  ///
  /// By a server that is gone when the start has ended: the one that stays is a service beside the
  /// cell. What that one says of a port in use, this one need not.
  private func start(_ cell: CellNode) async throws {
    var quiet = logger
    quiet.logLevel = .critical
    let health = HealthServer(
      port: files.healthPort, logger: quiet, report: { cell.report() },
      metrics: { await cell.metrics() }, onRunning: { _ in })
    let telling = Task { _ = try? await health.run() }
    let started: Result<Void, any Error>
    do { started = .success(try await cell.start()) } catch { started = .failure(error) }
    telling.cancel()
    await telling.value
    try started.get()
  }

  /// Appends what the archive has more than this disk, before the journal is opened to be served.
  ///
  /// Answers whether that was an earlier generation's: this one begins later than it has noted. A
  /// file says so while it lasts, so that a start after an end in the middle goes on with it.
  private func catchUp(
    _ state: ReplicaState, _ cell: CellID, _ archive: Archive
  ) async throws -> Bool {
    let files = LiveFileSystem()
    let mark = directory + "/catching-up"
    let isContinued = try PrivateFile.read(mark) != nil
    let result = try await JournalCatchUp(
      archive, cell: cell, directory: directory, files: files, logger: logger
    ).run(state.generation, began: state.began, isContinued: isContinued) { isEarlier in
      if isEarlier { try PrivateFile.write([], to: mark) }
    }
    guard isContinued || result?.isEarlier == true,
      let end = try JournalEnd.read(dataDirectory: directory, cell: cell, files: files)
    else { return false }
    var later = state
    later.began = end
    try ReplicaFile(directory: directory, files: files).store(later)
    PrivateFile.remove(mark)
    return true
  }

  /// Serves nothing until the process is told to stop.
  private func stayEnded(
    _ configuration: CellConfiguration, _ successor: Generation
  ) async throws -> Bool {
    logger.critical(
      "another generation has this cell: this process serves nothing",
      metadata: ["generation": "\(successor.rawValue)"])
    let ended = EndedCellNode(
      configuration: configuration, generation: successor, clock: LiveWallClock())
    let health = HealthServer(
      port: files.healthPort, logger: logger, report: { ended.health() }, metrics: { "" },
      onRunning: { _ in })
    try await serve(health, ended, [])
    return false
  }

  /// Answers whether the process goes on, as the cell of the next generation.
  private func waitToBeRestored(
    _ configuration: CellConfiguration, _ claimed: Generation, _ archive: Archive,
    _ messenger: NNGMessenger
  ) async throws -> Bool {
    let lost = LostCellNode(
      configuration: configuration, claimed: claimed, archive: archive, messenger: messenger,
      files: LiveFileSystem(), clock: LiveWallClock(), logger: logger)
    try await lost.start()
    let health = HealthServer(
      port: files.healthPort, logger: logger, report: { lost.health() }, metrics: { "" },
      onRunning: { _ in })
    try await serve(health, lost, archiveKeyFileWatch(archive))
    return lost.takenOver != nil
  }

  /// Answers whether the process goes on, as the cell.
  private func runFollower(_ state: ReplicaState) async throws -> Bool {
    var configuration: FollowerConfiguration
    let keyFile: String
    do throws(ConfigurationError) {
      configuration = try FollowerConfiguration(node, files)
      keyFile = try node.string("key_file")
    } catch {
      throw error.failure
    }
    let keys = KeyRing(try SealingKeyFile.require(keyFile))
    configuration.programs = { [programs] (order) async throws(Failure) in
      try await programs.answer(order)
    }
    configuration.watch = files.watch(configuration.dataDirectory)
    let archive = try ArchiveSettings.archive(node, dataDirectory: directory)
    let messenger = try files.messenger(
      role: .follower, id: files.id, generation: state.generation, random: LiveRandomSource(),
      log: logger)
    let follower = FollowerNode(
      configuration: configuration, state: state, messenger: messenger, files: LiveFileSystem(),
      clock: LiveWallClock(), random: LiveRandomSource(), logger: logger,
      archive: archive,
      reads: { [logger, cell = configuration.cell] store in
        let reads = FollowerReads(
          store: store, cell: cell, keys: keys, clock: LiveWallClock(), random: LiveRandomSource(),
          logger: logger, standing: { FollowerReads.Standing(store) })
        return { (request) async throws(Failure) -> [UInt8] in try await reads.answer(request) }
      },
      schema: { CellNode.schema(of: $0) },
      fatal: { [logger] reason in
        logger.critical("the follower cannot go on", metadata: ["reason": "\(reason)"])
        exitProcess(.refused)
      })
    try await follower.start()
    let draining = try drain(
      DivergentSpool.toPrimary(among: peers().map { messenger.peer(at: $0) }))
    defer { draining.cancel() }
    let health = HealthServer(
      port: files.healthPort, logger: logger, report: { follower.health() },
      metrics: { follower.metrics() }, onRunning: { _ in })
    try await serve(health, follower, try [keyFileWatch(keys)] + archiveKeyFileWatch(archive))
    return follower.promotedTo != nil || follower.mustRestart
  }

  private func peers() throws -> [Address] {
    do throws(ConfigurationError) {
      return try ReplicationConfiguration(
        try node.requiredChild("replication"), replica: files.id
      ).peers.map(\.address)
    } catch {
      throw error.failure
    }
  }

  /// Passes on what only this disk's spool had, whatever the replica is by now.
  private func drain(
    _ deliver: @escaping @Sendable (Aimstors_ProtoSpoolPart) async throws -> Void
  ) -> Task<Void, Never> {
    let spool = DivergentSpool(
      dataDirectory: directory, files: LiveFileSystem(), clock: LiveWallClock(), logger: logger,
      deliver: deliver)
    return Task { await spool.run() }
  }

  private func mailSettings() throws -> MailSettings {
    do throws(ConfigurationError) {
      return try node.child("mail").map { (node) throws(ConfigurationError) in
        try MailSettings(node)
      } ?? .files
    } catch {
      throw error.failure
    }
  }

  private func keyFileWatch(_ keys: KeyRing) throws -> KeyFileWatch {
    do throws(ConfigurationError) {
      return KeyFileWatch(path: try node.string("key_file"), keys: keys, logger: logger)
    } catch {
      throw error.failure
    }
  }

  private func archiveKeyFileWatch(_ archive: Archive?) throws -> [KeyFileWatch] {
    let watch = try ArchiveSettings.keyFileWatch(
      node, archive, dataDirectory: directory, logger: logger)
    return watch.map { [$0] } ?? []
  }

  private func serve(
    _ health: any Service, _ service: any Service, _ others: [KeyFileWatch]
  ) async throws {
    let group = ServiceGroup(
      configuration: .init(
        services: [.init(service: health)] + others.map { .init(service: $0) } + [
          .init(service: service, successTerminationBehavior: .gracefullyShutdownGroup)
        ], gracefulShutdownSignals: [.sigterm, .sigint], logger: logger))
    try await group.run()
  }

  /// Takes note that another replica has taken over, before anything else is done.
  private func follow(_ generation: Generation, after state: ReplicaState) throws {
    var replica = ReplicaState(role: .follower, generation: generation)
    replica.began = state.began
    try ReplicaFile(directory: directory, files: LiveFileSystem()).store(replica)
    logger.notice("follows from here on", metadata: ["generation": "\(generation.rawValue)"])
  }
}

extension FollowerConfiguration {
  /// Reads a follower's file: a cell's, with `replication`.
  init(_ node: ConfigurationNode, _ files: RoleFiles) throws(ConfigurationError) {
    let replication = try node.requiredChild("replication")
    guard let cell = CellID(try replication.string("cell")) else {
      throw replication.error(.outOfRange, "cell", "must be 1 to 64 of a-z A-Z 0-9 _ -")
    }
    self.init(
      replica: files.id, cell: cell, dataDirectory: try node.string("data_directory"),
      listen: Address(try node.string("listen")),
      advertise: try node.string("advertise", default: ""),
      controlPlane: Address(try node.string("control_plane")), version: files.version)
  }
}

extension ReplicationConfiguration {
  /// Reads `replication`: cell, mode, on_lost_follower, ack_deadline_ms, peers.
  init(_ node: ConfigurationNode, replica: String) throws(ConfigurationError) {
    try node.allow(["cell", "mode", "on_lost_follower", "ack_deadline_ms", "peers", "tenant_modes"])
    var peers: [Peer] = []
    for peer in try node.children("peers", count: Topology.Limits.followers) {
      try peer.allow(["replica", "address"])
      peers.append(
        Peer(
          replica: try peer.string("replica"), address: Address(try peer.string("address"))))
    }
    // A file of an older version names nobody here, or somebody who would lose what it promised.
    if node.contains("tenant_modes"), try !node.children("tenant_modes", count: 0...1_000).isEmpty {
      throw node.error(
        .outOfRange, "tenant_modes", "is the tenant's own now: `aimstors tenant durability`")
    }
    self.init(
      replica: replica, peers: peers,
      mode: try node.choice("mode", of: ["local", "follower"]) == "follower" ? .follower : .local,
      degrades: try node.choice("on_lost_follower", of: ["degrade", "fail"]) == "degrade",
      deadlineMilliseconds: UInt64(
        try node.integer(
          "ack_deadline_ms", in: Topology.Limits.ackDeadlineMilliseconds, default: 5_000)))
  }
}
