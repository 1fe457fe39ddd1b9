import Archive
import Edge
import Logging
import Messaging
import Platform
import ServiceLifecycle
import Storage
import Synchronization
import Wire

/// A cell's process whose disk is empty while the archive has the cell's journal: it serves
/// nothing, says so, and waits until an operator has the cell restored.
///
/// Beginning anew instead would look healthy, with every tenant gone.
public final class LostCellNode: Service {
  private let configuration: CellConfiguration
  private let archive: Archive
  private let messenger: any Messenger
  private let files: any FileSystem
  private let clock: any WallClock
  private let logger: Logger
  private let since: Timestamp
  private let state: Mutex<State>
  private let taken: AsyncStream<Void>
  private let takeover: AsyncStream<Void>.Continuation

  private struct State {
    var address: Address?
    /// The highest generation that has claimed the journal in the archive.
    var claimed: Generation
    var takenOver: Generation?
    var isBusy = false
  }

  /// The highest generation that has claimed the journal of a cell with this empty directory; nil:
  /// the directory is not empty, or there never was such a cell.
  ///
  /// Waits for an archive that does not answer: without its word an empty disk may be a lost one.
  public static func lostGeneration(
    dataDirectory: String, cell: CellID, archive: Archive, files: any FileSystem, logger: Logger
  ) async throws -> Generation? {
    guard try ReplicaFile(directory: dataDirectory, files: files).load() == nil,
      try JournalSeed.isEmpty(dataDirectory: dataDirectory, files: files)
        || RecoveryMarker(dataDirectory: dataDirectory, files: files).load() != nil
    else { return nil }
    while true {
      do throws(ArchiveError) {
        return try await archive.claims(cell).map(\.generation).max()
      } catch {
        guard error.mayPass else { throw error }
        logger.warning("the start waits for the archive", metadata: ["reason": "\(error)"])
      }
      try await Task.sleep(for: CellLimits.joinRetryMaximum)
    }
  }

  public init(
    configuration: CellConfiguration, claimed: Generation, archive: Archive,
    messenger: any Messenger, files: any FileSystem, clock: any WallClock, logger: Logger
  ) {
    self.configuration = configuration
    self.archive = archive
    self.messenger = messenger
    self.files = files
    self.clock = clock
    self.logger = logger
    since = Timestamp(milliseconds: clock.milliseconds())
    state = Mutex(State(claimed: claimed))
    (taken, takeover) = AsyncStream.makeStream(of: Void.self)
  }

  /// The generation under which this directory is the cell's now.
  public var takenOver: Generation? { state.withLock { $0.takenOver } }

  public func start() async throws {
    let address = try await messenger.listen(at: configuration.listen) {
      [self] (request) async throws(Failure) -> [UInt8] in try await answer(request)
    }
    state.withLock { $0.address = address }
    logger.critical(
      "this disk is empty, and the archive has this cell's journal: restore the cell",
      metadata: ["claimed_generation": "\(state.withLock { $0.claimed.rawValue })"])
  }

  /// Reports until the process is told to stop, or the cell is to be restored here.
  public func run() async throws {
    await withTaskGroup(of: Void.self) { group in
      group.addTask { await self.report() }
      group.addTask { await self.watchClaims() }
      group.addTask { await cancelWhenGracefulShutdown { for await _ in self.taken { return } } }
      group.addTask { try? await gracefulShutdown() }
      await group.next()
      group.cancelAll()
    }
    await messenger.close()
  }

  private func answer(_ request: IncomingRequest) async throws(Failure) -> [UInt8] {
    guard request.method == .replicaPromote else {
      throw Failure(
        .recovering, "this cell's disk was lost; it waits to be restored",
        retryAfterMilliseconds: 1_000)
    }
    guard request.peer.role == .controlPlane else {
      throw Failure(.forbidden, "only the control plane may have a cell restored")
    }
    let promote: Aimstors_ProtoReplicaPromote
    do { promote = try Aimstors_ProtoReplicaPromote(serializedBytes: request.payload) } catch {
      throw Failure(.invalidRequest, "the message of \(request.method) is malformed")
    }
    guard promote.cell == configuration.id.rawValue else {
      throw Failure(.notFound, "this is cell \(configuration.id)")
    }
    return try await takeOver(Generation(promote.generation))
  }

  /// Claims the journal, seeds this directory behind what is archived, and ends ``run()``.
  ///
  /// In this order, each step durable: a crash in between is repeated by the next question.
  private func takeOver(_ generation: Generation) async throws(Failure) -> [UInt8] {
    let isFirst = state.withLock { state in
      defer { state.isBusy = true }
      return !state.isBusy
    }
    guard isFirst else {
      throw Failure(.recovering, "the takeover is under way", retryAfterMilliseconds: 500)
    }
    defer { state.withLock { $0.isBusy = false } }
    let now = Timestamp(milliseconds: clock.milliseconds())
    let end: JournalEnd
    do throws(ArchiveError) {
      end = try await CellTakeover(archive, cell: configuration.id).claim(generation, at: now)
    } catch {
      if case .fenced = error { throw Failure(.generationFenced, error.description) }
      throw Failure(.archiveUnavailable, "\(error.code): \(error)", retryAfterMilliseconds: 1_000)
    }
    let directory = configuration.dataDirectory
    var replica = ReplicaState(role: .primary, generation: generation)
    replica.began = end
    do {
      try RecoveryMarker(dataDirectory: directory, files: files)
        .store(CellRecovery.name(configuration.id, generation))
      try JournalSeed.write(
        dataDirectory: directory, cell: configuration.id, generation: generation, after: end,
        files: files)
      try ReplicaFile(directory: directory, files: files).store(replica)
    } catch {
      logger.error("the takeover failed", metadata: ["error": "\(error)"])
      throw Failure(.diskFull, "\(error)", retryAfterMilliseconds: 1_000)
    }
    state.withLock { $0.takenOver = generation }
    logger.notice(
      "takes the lost cell over",
      metadata: ["generation": "\(generation.rawValue)", "behind": "\(end.seq.rawValue)"])
    takeover.yield()
    return []
  }

  /// Tells the control plane that this process could be the cell: it has nothing, and where it is.
  private func report() async {
    let peer = messenger.peer(at: configuration.controlPlane)
    while !Task.isCancelled {
      var report = Aimstors_ProtoReplicaReport()
      report.cell = configuration.id.rawValue
      report.replica = configuration.replication?.replica ?? configuration.id.rawValue
      report.generation = state.withLock { $0.claimed.rawValue }
      report.address =
        configuration.advertise.isEmpty
        ? state.withLock { $0.address }?.url ?? "" : configuration.advertise
      if let payload = try? report.serializedBytes() as [UInt8] {
        _ = try? await peer.request(
          .replicaReport, payload, timeout: CellLimits.controlPlaneTimeout, traceID: "")
      }
      try? await Task.sleep(for: ReplicationLimits.reportInterval)
    }
  }

  /// Looks whether the cell was brought back elsewhere, or ended, while this process waits.
  private func watchClaims() async {
    while !Task.isCancelled {
      if let highest = try? await archive.claims(configuration.id).map(\.generation).max() {
        state.withLock { $0.claimed = max($0.claimed, highest) }
      }
      try? await Task.sleep(for: CellLimits.lostCellLook)
    }
  }

  public func health() -> HealthReport {
    let isEnded = state.withLock { $0.claimed == .ended }
    return HealthReport(
      role: "cell", id: configuration.id.rawValue, version: configuration.version, ready: false,
      problems: [
        .init(
          code: isEnded ? "cell_ended" : "cell_lost", since: since,
          runbook: Runbook.page("cell_lost"),
          detail: isEnded
            ? EndedCellNode.spreadDetail
            : "this disk is empty, and the archive has this cell's journal")
      ])
  }
}
