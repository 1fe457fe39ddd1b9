import Archive
import Edge
import Logging
import Messaging
import Platform
import ServiceLifecycle
import Storage
import Synchronization
import Wire

/// One follower as a service: keeps a cell's journal byte for byte, applies it, and becomes the
/// primary when it is told so.
///
/// Its directory is a cell's: a promotion opens it under the next generation.
public final class FollowerNode: Service {
  let configuration: FollowerConfiguration
  let messenger: any Messenger
  let clock: any WallClock
  let logger: Logger
  let file: ReplicaFile
  let files: any FileSystem
  let engine: StorageEngine
  /// Nil where no archive is configured: a tenant restored at the primary stays stopped here.
  private let refill: FollowerRefill?
  /// Nil where no archive is configured.
  private let snapshots: FollowerSnapshot?
  private let imports: FollowerImports
  /// Nil: it answers no reading requests.
  private let reads: RequestHandler?
  let state: Mutex<State>
  /// Ends ``run()`` when this replica has become the primary.
  private let promoted: AsyncStream<Void>
  let promotion: AsyncStream<Void>.Continuation

  struct State {
    var replica: ReplicaState
    var fence: FollowerFence
    var address: Address?
    /// Where the primary's journal ended when it said so last, and when that was.
    var primaryEnd: JournalEnd?
    var heardAt: Timestamp?
    /// Since when the primary has another history than this replica within one generation; nil: it
    /// has not.
    var differsSince: Timestamp?
    var isStopping = false
  }

  /// `schema` says what a tenant's files hold, as the cell has it; `archive` is the cell's; `reads`
  /// answers reading requests as the cell does.
  ///
  /// `fatal` must end the process. Throws where the replica's file is damaged.
  public init(
    configuration: FollowerConfiguration, state replica: ReplicaState, messenger: any Messenger,
    files: any FileSystem, clock: any WallClock, random: any RandomSource, logger: Logger,
    archive: Archive? = nil, reads: (@Sendable (StorageEngine) -> RequestHandler)? = nil,
    schema: @escaping @Sendable (TenantID) -> StoreSchema,
    fatal: @escaping @Sendable (String) -> Void
  ) {
    self.configuration = configuration
    self.messenger = messenger
    self.clock = clock
    self.logger = logger
    self.files = files
    file = ReplicaFile(directory: configuration.dataDirectory, files: files)
    state = Mutex(
      State(replica: replica, fence: FollowerFence(generation: replica.generation)))
    var engineConfiguration = EngineConfiguration(
      directory: configuration.dataDirectory, cell: configuration.cell)
    engineConfiguration.generation = replica.generation
    engineConfiguration.oldestGeneration = .first
    engineConfiguration.isFollowing = true
    // As a cell's, which this may become: one tenant's record must not keep the others' away.
    engineConfiguration.quarantines = { $0 != .cellStore }
    engineConfiguration.adjustJournal = {
      $0.pins.updateValue(JournalPin.followerBytes, forKey: Self.unfedPin)
    }
    engine = StorageEngine(
      engineConfiguration, clock: clock, random: random, files: files, log: logger,
      schema: schema, fatal: { fatal("\($0)") })
    refill = archive.map { [engine] in
      FollowerRefill(
        archive: $0, engine: engine, cell: configuration.cell, schema: schema, files: files,
        logger: logger)
    }
    snapshots = archive.map { [engine] in
      FollowerSnapshot(
        archive: $0, engine: engine, configuration: configuration, schema: schema, files: files,
        clock: clock, random: random)
    }
    imports = FollowerImports(engine, cell: configuration.cell) {
      (try? files.freeBytes(configuration.dataDirectory)) ?? 0
    }
    self.reads = reads?(engine)
    (promoted, promotion) = AsyncStream.makeStream(of: Void.self)
  }

  /// Where it answers, once bound.
  public var address: Address? { state.withLock { $0.address } }
  /// Whether this replica is the primary now, under which generation.
  public var promotedTo: Generation? {
    state.withLock { $0.replica.role == .primary ? $0.replica.generation : nil }
  }

  /// Rewrites the journal's last segment durably, applies it, binds and answers.
  public func start() async throws {
    try cut()
    let report = try await engine.start()
    logger.notice(
      "recovered",
      metadata: [
        "tenants": "\(report.tenants)", "records": "\(report.records)",
        "cut_bytes": "\(report.cutBytes)", "damaged_ranges": "\(report.damage.count)",
      ])
    let address = try await messenger.listen(at: configuration.listen) {
      [self] (request) async throws(Failure) -> [UInt8] in try await answer(request)
    }
    state.withLock { $0.address = address }
    logger.notice("follows", metadata: ["address": "\(address)"])
  }

  /// Answers and reports until the process is told to stop, or the follower has been promoted.
  public func run() async throws {
    await withTaskGroup(of: Void.self) { group in
      group.addTask { await self.report() }
      if let refill { group.addTask { await refill.run() } }
      group.addTask { await self.imports.run() }
      group.addTask {
        await cancelWhenGracefulShutdown { for await _ in self.promoted { return } }
      }
      group.addTask { try? await gracefulShutdown() }
      // Whichever comes first: the others run until then.
      await group.next()
      group.cancelAll()
    }
    state.withLock { $0.isStopping = true }
    await messenger.close()
    await engine.close()
  }

  // MARK: Answering

  func answer(_ request: IncomingRequest) async throws(Failure) -> [UInt8] {
    switch request.method {
    case .replicaHello:
      let hello: Aimstors_ProtoReplicaHello = try Coding.decode(request)
      try demandPrimary(request, hello.cell)
      try admit(Generation(hello.generation), mayRefuse: false)
      return try Coding.encode(replicaState(askedGroup: hello.group))
    case .replicaAppend:
      let append: Aimstors_ProtoReplicaAppend = try Coding.decode(request)
      try demandPrimary(request, append.cell)
      return try await take(append)
    case .replicaFetch:
      let fetch: Aimstors_ProtoReplicaFetch = try Coding.decode(request)
      try demandPrimary(request, fetch.cell)
      try admit(Generation(fetch.generation), mayRefuse: true)
      return try Coding.encode(try groups(after: fetch.afterGroup))
    case .replicaCut:
      let cut: Aimstors_ProtoReplicaCut = try Coding.decode(request)
      try demandPrimary(request, cut.cell)
      try admit(Generation(cut.generation), mayRefuse: true)
      try plan(cutAfter: JournalEnd(cut.end), for: Generation(cut.generation))
      return try Coding.encode(replicaState(askedGroup: 0))
    case .replicaPromote:
      guard request.peer.role == .controlPlane else {
        throw Failure(.forbidden, "only the control plane may promote")
      }
      let promote: Aimstors_ProtoReplicaPromote = try Coding.decode(request)
      guard promote.cell == configuration.cell.rawValue else {
        throw Failure(.notFound, "this is a replica of cell \(configuration.cell)")
      }
      try await self.promote(to: Generation(promote.generation))
      return try Coding.encode(replicaState(askedGroup: 0))
    case .program:
      guard request.peer.role == .controlPlane else {
        throw Failure(.forbidden, "only the control plane may order this")
      }
      return try Coding.encode(try await configuration.programs(try Coding.decode(request)))
    case .work:
      let work: Aimstors_ProtoCellWork = try Coding.decode(request)
      try demandPrimary(request, configuration.cell.rawValue)
      return try Coding.encode(try await self.work(work))
    case .moveBegin, .moveFile, .moveImport, .moveRefuse, .moveStanding:
      try demandPrimary(request, configuration.cell.rawValue)
      return try await imports.answer(request)
    case .http where request.peer.role == .cell:
      // Whoever else asks takes this for the cell, which it may become: it asks again.
      try demandPrimary(request, configuration.cell.rawValue)
      try admit(request.peer.generation, mayRefuse: true)
      guard let reads else {
        throw Failure(.unknownRoute, "this follower answers no reading requests")
      }
      return try await reads(request)
    case .digest:
      guard request.peer.role == .controlPlane || request.peer.role == .tool else {
        throw Failure(.forbidden, "only the control plane may ask this")
      }
      return try await digest(try Coding.decode(request))
    default:
      throw Failure(.recovering, "this process follows; it does not answer \(request.method)")
    }
  }

  private func demandPrimary(_ request: IncomingRequest, _ cell: String) throws(Failure) {
    guard request.peer.role == .cell, request.peer.id == configuration.cell.rawValue,
      cell == configuration.cell.rawValue
    else { throw Failure(.forbidden, "this follows cell \(configuration.cell) only") }
  }

  /// Lets a primary of this generation in, or throws `generation_fenced`.
  ///
  /// A higher one than before is the new fence, durably, before anything is answered.
  private func admit(_ generation: Generation, mayRefuse: Bool) throws(Failure) {
    let isOpen = Sabotage.skipGenerationCheck.isOn
    let failure = state.withLock { state -> Failure? in
      guard state.replica.role == .follower, state.fence.admits(generation) || isOpen else {
        return Failure(
          .generationFenced,
          "generation \(state.replica.generation.rawValue) of \(configuration.cell) has taken over")
      }
      guard state.fence.generation < generation else { return nil }
      var replica = state.replica
      replica.generation = generation
      do throws(FileError) { try file.store(replica) } catch {
        return Failure(.diskFull, "the replica's file could not be written")
      }
      _ = state.fence.raise(to: generation)
      state.replica = replica
      return nil
    }
    if let failure, mayRefuse { throw failure }
  }

  private func take(_ append: Aimstors_ProtoReplicaAppend) async throws(Failure) -> [UInt8] {
    let generation = Generation(append.generation)
    try admit(generation, mayRefuse: true)
    let (end, now) = (JournalEnd(append.end), Timestamp(milliseconds: clock.milliseconds()))
    state.withLock { state in
      state.primaryEnd = end
      state.heardAt = now
    }
    for bytes in append.groups {
      let group: DurableGroup
      do { group = try DurableGroup(decoding: [UInt8](bytes)) } catch {
        throw Failure(.invalidRequest, "\(error)")
      }
      // Sent again, because the answer was lost: it is here.
      if let own = engine.journal?.end, group.number <= own.group {
        guard try hash(ofGroup: group.number) == group.hash else {
          throw Failure(.conflict, "group \(group.number) is another one here")
        }
        continue
      }
      try await engine.follow(group)
    }
    engine.journal?.removePin(Self.unfedPin)
    state.withLock { $0.differsSince = nil }
    await holdBack()
    // A promotion that came meanwhile: what was taken is in the journal that it opens, and counts.
    return try Coding.encode(replicaState(askedGroup: 0))
  }

  /// Answers later where the files are far behind the journal: what waits is bounded in memory, and
  /// writers that wait for this follower go no faster than it applies.
  ///
  /// For a bounded time: a follower that cannot apply acknowledges all the same.
  private func holdBack() async {
    let patience = ContinuousClock.now + FollowerLimits.holdBack
    while ContinuousClock.now < patience {
      let waiting = engine.unapplied
      guard
        waiting.records > FollowerLimits.unappliedRecords
          || waiting.bytes > FollowerLimits.unappliedBytes
      else { return }
      do { try await Task.sleep(for: FollowerLimits.holdBackPause) } catch { return }
    }
  }

  private func replicaState(askedGroup: UInt64) -> Aimstors_ProtoReplicaState {
    var message = Aimstors_ProtoReplicaState()
    message.generation = state.withLock { $0.replica.generation.rawValue }
    message.end = (engine.journal?.end ?? .start).message
    if let applied = engine.applied {
      message.appliedSeq = applied.seq.rawValue
      message.appliedTimeMs = applied.time.milliseconds
    }
    if askedGroup > 0, let hash = (try? hash(ofGroup: askedGroup)) ?? nil {
      message.groupHash = .init(hash.bytes)
    }
    return message
  }

  /// The hash of a group of this journal; nil where it does not have it (any more).
  func hash(ofGroup number: UInt64) throws(Failure) -> SHA256Hash? {
    guard let journal = engine.journal else { return nil }
    do { return try journal.hash(ofGroup: number) } catch {
      throw Failure(.internalError, "the journal could not be read")
    }
  }

  private func groups(after number: UInt64) throws(Failure) -> Aimstors_ProtoReplicaGroups {
    var message = Aimstors_ProtoReplicaGroups()
    guard let journal = engine.journal else { return message }
    var tail = journal.tail(.afterGroup(number), .onThisDisk)
    defer { tail.close() }
    var room = MessageRoom(FollowerLimits.fetchBytes)
    do {
      while let group = try tail.available(upTo: room.left) {
        message.groups.append(.init(group.bytes))
        room.take(group.bytes.count)
      }
    } catch {
      throw Failure(.internalError, "the journal could not be read: \(error)")
    }
    return message
  }

  private func work(
    _ work: Aimstors_ProtoCellWork
  ) async throws(Failure) -> Aimstors_ProtoCellWorkStatus {
    guard work.kind == "snapshot", let tenant = TenantID(work.tenant) else {
      throw Failure(.unknownRoute, "a follower does not do \(work.kind)")
    }
    guard let target = RestoreTarget(work.at.isEmpty ? "latest" : work.at) else {
      throw Failure(.invalidField, "at: latest, a tenant_seq, or a time")
    }
    guard let snapshots else { throw Failure(.invalidState, "this follower has no archive") }
    var status = Aimstors_ProtoCellWorkStatus()
    status.result = try await snapshots.take(
      tenant, at: target, state.withLock { $0.replica.generation })
    status.state = "done"
    return status
  }

  /// Refuses every lower generation from here on, durably, and ends ``run()``.
  ///
  /// A repeat changes nothing.
  private func promote(to generation: Generation) async throws(Failure) {
    let end = engine.journal?.end ?? .start
    let failure = state.withLock { state -> Failure? in
      if state.replica.role == .primary {
        guard state.replica.generation == generation else {
          return Failure(
            .generationFenced, "this replica serves generation \(state.replica.generation.rawValue)"
          )
        }
        return nil
      }
      guard state.fence.generation < generation else {
        return Failure(
          .generationFenced, "generation \(state.fence.generation.rawValue) is known here")
      }
      guard state.replica.cut == nil else {
        return Failure(.recovering, "this replica's journal is being cut")
      }
      var replica = ReplicaState(role: .primary, generation: generation)
      replica.began = end
      do throws(FileError) { try file.store(replica) } catch {
        return Failure(.diskFull, "the replica's file could not be written")
      }
      state.replica = replica
      _ = state.fence.raise(to: generation)
      return nil
    }
    if let failure { throw failure }
    logger.notice("promoted", metadata: ["generation": "\(generation.rawValue)"])
    promotion.yield()
  }
}
