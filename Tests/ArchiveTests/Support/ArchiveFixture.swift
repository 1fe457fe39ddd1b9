import Logging
import Platform
import Simulation
import Storage
import StorageFixtures
import Synchronization
import Testing
import Wire

@testable import Archive

/// An engine and its archive, each in a directory of its own, with clocks that stand still.
final class ArchiveFixture: Sendable {
  static let tenant = TenantID(trusted: "t1")
  static let cell = CellID(trusted: "c1")
  static let deployment = "000102030405060708090a0b0c0d0e0f"

  let directory: String
  let cell: CellID
  let engine: StorageEngine
  let archive: Archive
  let clock: SimulatedWallClock
  let service: ArchiveService
  private let running = Mutex<Task<Void, Never>?>(nil)

  static func key(_ byte: UInt8 = 7, deployment: String = deployment) throws -> ArchiveKey {
    try ArchiveKey([UInt8](repeating: byte, count: 32), deployment: deployment)
  }

  init(
    _ directory: String, store: (any ObjectStore)? = nil, clock: SimulatedWallClock? = nil,
    seed: UInt64 = 1, rule: SnapshotRule? = nil, data: String = "cell",
    generation: Generation = .first, cell: CellID = ArchiveFixture.cell,
    oldest: Generation? = nil, merging: MergeRule = MergeRule()
  ) async throws {
    let clock = clock ?? SimulatedWallClock()
    self.directory = directory
    self.cell = cell
    self.clock = clock
    var configuration = EngineConfiguration(
      directory: "\(directory)/\(data)", cell: cell)
    configuration.generation = generation
    configuration.oldestGeneration = oldest
    configuration.adjustJournal = {
      $0.groupBytes = 256 * 1_024
      $0.segmentBytes = 1_024 * 1_024
      $0.reserveBytes = 0
      $0.pins.updateValue(nil, forKey: JournalUploader.pin)
    }
    configuration.flushInterval = .seconds(3_600)
    configuration.quarantines = { _ in true }
    let random = SeededRandomSource(seed: seed)
    engine = StorageEngine(
      configuration, clock: clock, random: random, files: LiveFileSystem(),
      schema: { _ in TestSchema.store() }, fatal: { _ in })
    _ = try await engine.start()
    archive = Archive(
      objects: store
        ?? DirectoryStore(
          root: "\(directory)/archive", files: LiveFileSystem(), random: random),
      key: try ArchiveFixture.key(), random: random)
    var environment = ArchiveEnvironment(
      archive: archive, engine: engine, cell: cell, generation: generation,
      dataDirectory: "\(directory)/\(data)", schema: { _ in TestSchema.store() },
      files: LiveFileSystem(), clock: clock, random: random, logger: Logger(label: "test"))
    environment.snapshots = rule ?? SnapshotRule(firstMilliseconds: .max)
    environment.merging = merging
    // What is stored when must not depend on how fast this machine is.
    environment.looksForSnapshots = false
    service = ArchiveService(environment)
  }

  func start() { running.withLock { $0 = Task { await self.service.run() } } }

  /// Begins to archive, and has a new tenant make payments, until the archive has all of them.
  func startArchived(_ ids: ClosedRange<Int64>, of tenant: TenantID = tenant) async throws {
    try await engine.create(tenant, epoch: .first)
    start()
    try await pay(ids, tenant)
    #expect(await service.waitUntilArchived(seconds: 120))
  }

  func pay(_ ids: ClosedRange<Int64>, _ tenant: TenantID = tenant) async throws {
    for id in ids {
      clock.advance(milliseconds: 1_000)
      try await engine.write(tenant, CommandOrigin(requestID: "r\(id)", traceID: "")) {
        try TestSchema.pay($0, id)
      }
    }
  }

  func restore(
    _ target: RestoreTarget, _ tenant: TenantID = tenant, as name: String = "restored"
  ) async throws -> RestoredTenant {
    try await TenantRestorer(archive: archive, files: LiveFileSystem()).restore(
      tenant, schema: TestSchema.store(), to: target, cell: cell,
      into: "\(directory)/\(name)", lineage: Lineage(99))
  }

  func close() async {
    let task = running.withLock { $0.take() }
    task?.cancel()
    await task?.value
    await engine.close()
  }
}

func withArchive<T>(
  store: (any ObjectStore)? = nil, merging: MergeRule = MergeRule(),
  _ body: (ArchiveFixture) async throws -> T
) async throws -> T {
  try await withTemporaryDirectory { directory in
    let fixture = try await ArchiveFixture(directory, store: store, merging: merging)
    do {
      let result = try await body(fixture)
      await fixture.close()
      return result
    } catch {
      await fixture.close()
      throw error
    }
  }
}

/// A directory of its own, removed with everything in it when `body` ends.
func withTemporaryDirectory<T>(_ body: (String) async throws -> T) async throws -> T {
  let name = ArchiveHex.encode(LiveRandomSource().uint64())
  let path = "/tmp/aimstors-archive-tests-\(name)"
  let files = LiveFileSystem()
  try files.createDirectory(path)
  do {
    let result = try await body(path)
    try FileTree.remove(path, files)
    return result
  } catch {
    try FileTree.remove(path, files)
    throw error
  }
}

/// The code of the error that `body` throws; nil where it throws none.
func code(_ body: () async throws(ArchiveError) -> Void) async -> String? {
  do throws(ArchiveError) {
    try await body()
    return nil
  } catch {
    return error.code
  }
}
