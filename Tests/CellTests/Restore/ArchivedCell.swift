import Archive
import Foundation
import Logging
import Platform
import Simulation
import Storage
import Synchronization
import Testing
import Wire

@testable import Cell

/// A cell's storage with its archive and standing orders, on real files, without its network.
final class ArchivedCell: Sendable {
  let id: CellID
  let engine: StorageEngine
  let directives: Directives
  let service: ArchiveService
  let clock: SimulatedWallClock
  private let running = Mutex<Task<Void, Never>?>(nil)

  init(_ name: String, in directory: String, _ clock: SimulatedWallClock) async throws {
    id = CellID(trusted: name)
    self.clock = clock
    let random = SeededRandomSource(seed: UInt64(name.utf8.last ?? 1))
    let data = "\(directory)/\(name)"
    var configuration = EngineConfiguration(directory: data, cell: id)
    configuration.quarantines = { $0 != .cellStore }
    configuration.adjustJournal = {
      $0.segmentBytes = 4 << 20
      $0.reserveBytes = 0
      $0.pins.updateValue(nil, forKey: JournalUploader.pin)
    }
    engine = StorageEngine(
      configuration, clock: clock, random: random, files: LiveFileSystem(),
      schema: { CellNode.schema(of: $0) }, fatal: { Issue.record("journal died: \($0)") })
    _ = try await engine.start()
    if engine.heads[.cellStore] == nil { try await engine.create(.cellStore, epoch: .first) }
    directives = Directives(store: engine, cell: id, region: RegionID(trusted: "eu"))
    try await directives.load()
    var log = Logger(label: "test")
    log.logLevel = .critical
    service = ArchiveService(
      ArchiveEnvironment(
        archive: Archive(
          objects: DirectoryStore(
            root: "\(directory)/archive", files: LiveFileSystem(), random: random),
          key: try ArchiveKey(
            [UInt8](repeating: 5, count: 32), deployment: String(repeating: "b", count: 32)),
          random: random),
        engine: engine, cell: id, generation: .first, dataDirectory: data,
        schema: { CellNode.schema(of: $0) }, files: LiveFileSystem(), clock: clock,
        random: random, logger: log))
    startArchiving()
  }

  func startArchiving() {
    running.withLock { $0 = Task { [service] in await service.run() } }
  }

  func stopArchiving() async {
    let task = running.withLock { $0.take() }
    task?.cancel()
    await task?.value
  }

  var spread: CellSpread {
    CellSpread(
      service: service, engine: engine, directives: directives,
      sealer: Sealer(key: [UInt8](repeating: 7, count: 32)), clock: clock, forget: { _ in },
      logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
  }

  /// A tenant with a name in its profile.
  func create(_ tenant: TenantID) async throws {
    try await engine.create(tenant, epoch: .first)
    try await rename(tenant, "first")
  }

  func rename(_ tenant: TenantID, _ name: String) async throws {
    clock.advance(milliseconds: 1_000)
    let currency = try #require(Currency("EUR"))
    try await engine.write(tenant, CommandOrigin(requestID: name, traceID: "")) {
      try ProfileStore($0).set(
        TenantProfile(
          name: name, slug: tenant.rawValue, region: "eu", currency: currency, timeZone: "UTC",
          tier: "standard", parent: "", createdAt: Timestamp(milliseconds: 1)))
    }
  }

  func name(of tenant: TenantID) async throws -> String? {
    try await engine.read(tenant, [.sessions]) { try ProfileStore($0).profile()?.name }
  }

  func close() async {
    await stopArchiving()
    await engine.close()
  }
}
