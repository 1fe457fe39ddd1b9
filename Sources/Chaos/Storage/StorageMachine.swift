import Platform
import Simulation
import Storage
import Synchronization
import Wire

/// One machine: a simulated disk that holds journal and SQLite files, and the engine that runs now.
public final class StorageMachine: Sendable {
  static let tenants = (1...4).map { TenantID(trusted: "t\($0)") }
  static let dataDirectory = "/data"
  static let journalDirectory = "\(dataDirectory)/journal"
  /// Modes that flush do so each time that so many payments more are acknowledged.
  static let flushEvery = 20

  let disk: SimulatedDisk
  private let vfs: FileSystemVFS
  private let cell: CellID
  private let generation: Generation
  private let seed: UInt64
  /// Which process runs, and whether it must end: what an earlier one's caller still does is not
  /// this one's.
  private let fatal = Mutex<(process: Int, isMet: Bool)>((0, false))
  private let life = Mutex<StorageEngine?>(nil)

  /// Not more than one machine runs on a VFS at a time.
  init(
    disk: SimulatedDisk = SimulatedDisk(), vfs: FileSystemVFS, seed: UInt64,
    cell: CellID = CellID(trusted: "c1"), generation: Generation = .first
  ) {
    self.disk = disk
    self.vfs = vfs
    self.cell = cell
    self.generation = generation
    self.seed = seed
  }

  /// A machine on another disk, or of another name, with the VFS of this one, which must not run.
  func another(
    _ disk: SimulatedDisk, cell: CellID? = nil, generation: Generation? = nil
  ) -> StorageMachine {
    StorageMachine(
      disk: disk, vfs: vfs, seed: seed, cell: cell ?? self.cell,
      generation: generation ?? self.generation)
  }

  private static let vfsCount = Atomic(0)

  /// A VFS of a name that no other has in this process.
  static func makeVFS() -> FileSystemVFS {
    let number = vfsCount.wrappingAdd(1, ordering: .relaxed).newValue
    return FileSystemVFS(name: "chaos-\(number)", files: SimulatedDisk().fileSystem())
  }

  /// Whether the engine has said that its process must end.
  var isFatal: Bool { fatal.withLock { $0.isMet } }

  /// Whether what runs is over: nobody need wait for its answers.
  var hasEnded: Bool { isFatal || disk.isPowerLost }

  /// The engine that runs; only between ``start()`` and an end.
  var engine: StorageEngine {
    guard let engine = life.withLock({ $0 }) else { preconditionFailure("no engine runs") }
    return engine
  }

  /// The next process on this disk.
  func start() async throws -> RecoveryReport {
    let files = disk.fileSystem()
    vfs.restart(files)
    let process = fatal.withLock { fatal in
      fatal = (fatal.process + 1, false)
      return fatal.process
    }
    var configuration = EngineConfiguration(directory: Self.dataDirectory, cell: cell)
    configuration.generation = generation
    configuration.vfs = vfs.name
    configuration.readerThreads = 1
    configuration.flushInterval = .milliseconds(20)
    // Small, so that segments, checkpoints and replay batches end in the middle of the load.
    configuration.checkpointFrames = 40
    configuration.replayBatch = 16
    configuration.adjustJournal = {
      $0.groupBytes = 4 * 1_024
      $0.segmentBytes = 16 * 1_024
      $0.reserveBytes = 0
      $0.preparesAhead = false
    }
    let engine = StorageEngine(
      configuration, clock: SimulatedWallClock(), random: SeededRandomSource(seed: seed),
      files: files, log: Self.quiet, schema: { _ in PaymentSchema.store },
      fatal: { [self] _ in
        fatal.withLock { if $0.process == process { $0.isMet = true } }
      })
    let report = try await engine.start()
    life.withLock { $0 = engine }
    return report
  }

  /// Makes the tenants that are not there yet; false where one could not be made.
  ///
  /// Does not wait for an engine that answers nothing any more.
  func createTenants() async -> Bool {
    let engine = engine
    let answer = Answer()
    Task {
      var haveAll = true
      for tenant in Self.tenants where engine.heads[tenant] == nil {
        do { try await engine.create(tenant, epoch: .first) } catch { haveAll = false }
      }
      answer.set(haveAll)
    }
    while !hasEnded {
      if let result = answer.value { return result }
      try? await Task.sleep(for: .milliseconds(1))
    }
    return answer.value ?? false
  }

  private final class Answer: Sendable {
    private let state = Mutex<Bool?>(nil)
    var value: Bool? { state.withLock { $0 } }
    func set(_ value: Bool) { state.withLock { $0 = value } }
  }

  func close() async {
    guard let engine = life.withLock({ $0 }) else { return }
    await engine.close()
    life.withLock { $0 = nil }
  }

  /// What `aimstors journal repair` does; no process runs meanwhile.
  func repair() throws -> JournalRepairReport {
    let files = disk.fileSystem()
    vfs.restart(files)
    let applied = try AppliedSeqs.files(
      dataDirectory: Self.dataDirectory, files: files, vfs: vfs.name)
    return try JournalRepair.run(
      directory: Self.journalDirectory, files: files, applied: applied)
  }

  /// Waits until every tenant answers; false where one does not for half a minute, or is stopped.
  func waitUntilServed() async -> Bool {
    let deadline = ContinuousClock.now + .seconds(30)
    for tenant in Self.tenants where engine.heads[tenant] != nil {
      while true {
        do throws(Failure) {
          _ = try await engine.read(tenant, [.ledger]) { _ in true }
          break
        } catch {
          guard error.code == .recovering, ContinuousClock.now < deadline else { return false }
        }
        try? await Task.sleep(for: .milliseconds(5))
      }
    }
    return true
  }

  /// Waits until the engine has said that its process must end; false after half a minute.
  func waitUntilFatal() async -> Bool {
    let deadline = ContinuousClock.now + .seconds(30)
    while !isFatal, ContinuousClock.now < deadline {
      try? await Task.sleep(for: .milliseconds(1))
    }
    return isFatal
  }

  /// Ends the process where it stands; its page cache stays unless `fate` says that power is gone.
  ///
  /// Answers the files that had unsynchronized bytes when the power went.
  @discardableResult
  func end(_ fate: SimulatedDisk.Fate? = nil) async -> [String] {
    // First: whatever the engine does while it is taken apart must not reach the disk.
    var unsynchronized: [String] = []
    if let fate { unsynchronized = disk.losePower(fate) } else { disk.kill() }
    if let engine = life.withLock({ $0 }) { await engine.abandon() }
    life.withLock { $0 = nil }
    return unsynchronized
  }
}
