import Platform
import Simulation
import Storage
import Synchronization
import Wire

/// One machine: a simulated disk that holds journal and SQLite files, and the engine that runs now.
final class StorageMachine: Sendable {
  static let tenants = (1...4).map { TenantID(trusted: "t\($0)") }
  static let dataDirectory = "/data"

  let disk: SimulatedDisk
  private let vfs: FileSystemVFS
  private let cell: CellID
  private let generation: Generation
  private let seed: UInt64
  private let fatal = Mutex(false)
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

  private static let vfsCount = Atomic(0)

  /// A VFS of a name that no other has in this process.
  static func makeVFS() -> FileSystemVFS {
    let number = vfsCount.wrappingAdd(1, ordering: .relaxed).newValue
    return FileSystemVFS(name: "chaos-\(number)", files: SimulatedDisk().fileSystem())
  }

  /// Whether the engine has said that its process must end.
  var isFatal: Bool { fatal.withLock { $0 } }

  /// The engine that runs; only between ``start()`` and an end.
  var engine: StorageEngine {
    guard let engine = life.withLock({ $0 }) else { preconditionFailure("no engine runs") }
    return engine
  }

  /// The next process on this disk.
  func start() async throws -> RecoveryReport {
    let files = disk.fileSystem()
    vfs.restart(files)
    fatal.withLock { $0 = false }
    var configuration = EngineConfiguration(directory: Self.dataDirectory, cell: cell)
    configuration.generation = generation
    configuration.vfs = vfs.name
    configuration.readerThreads = 1
    // Small, so that segments, checkpoints and replay batches end in the middle of the load.
    configuration.checkpointFrames = 40
    configuration.replayBatch = 16
    configuration.adjustJournal = {
      $0.groupBytes = 64 * 1_024
      $0.segmentBytes = 256 * 1_024
      $0.reserveBytes = 0
      $0.preparesAhead = false
    }
    let engine = StorageEngine(
      configuration, clock: SimulatedWallClock(), random: SeededRandomSource(seed: seed),
      files: files, log: Self.quiet, schema: { _ in PaymentSchema.store },
      fatal: { [self] _ in fatal.withLock { $0 = true } })
    let report = try await engine.start()
    life.withLock { $0 = engine }
    return report
  }

  /// Makes the tenants that are not there yet; false where one could not be made.
  func createTenants() async -> Bool {
    var haveAll = true
    for tenant in Self.tenants where engine.heads[tenant] == nil {
      do { try await engine.create(tenant, epoch: .first) } catch { haveAll = false }
    }
    return haveAll
  }

  func close() async {
    guard let engine = life.withLock({ $0 }) else { return }
    await engine.close()
    life.withLock { $0 = nil }
  }

  /// Ends the process where it stands; its page cache stays unless `fate` says that power is gone.
  func end(_ fate: SimulatedDisk.Fate? = nil) async {
    // First: whatever the engine does while it is taken apart must not reach the disk.
    if let fate { disk.losePower(fate) } else { disk.kill() }
    if let engine = life.withLock({ $0 }) { await engine.abandon() }
    life.withLock { $0 = nil }
  }
}
