import Foundation
import Logging
import Messaging
import Platform
import Simulation
import Storage
import Synchronization
import Testing
import Wire

@testable import Cell

/// What a replaced primary's spool had, and its successor's has not.
@Suite("A spool that diverged") struct DivergentSpoolTests {
  private let cell = CellID(trusted: "c1")
  private let files = LiveFileSystem()

  private func engine(_ directory: String) async throws -> StorageEngine {
    var configuration = EngineConfiguration(directory: directory, cell: cell)
    configuration.adjustJournal = { $0.reserveBytes = 0 }
    let engine = StorageEngine(
      configuration, clock: SimulatedWallClock(), random: SeededRandomSource(seed: 3),
      files: files, schema: { _ in CellStoreSchema.schema },
      fatal: { Issue.record("journal died: \($0)") })
    _ = try await engine.start()
    if engine.ownership(.cellStore) == nil { try await engine.create(.cellStore, epoch: .first) }
    return engine
  }

  private func part(_ number: Int, bytes: Int = 100) -> Aimstors_ProtoSpoolPart {
    var change = Aimstors_ProtoWebhookChange()
    change.phoneNumberID = "\(number)"
    change.value = Data((0..<bytes).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ number) })
    var part = Aimstors_ProtoSpoolPart()
    part.reason = "owner_unreachable"
    part.receivedAtMs = Int64(number)
    part.part.tenant = "t1"
    part.part.receivedAtMs = Int64(number)
    part.part.changes = [change]
    return part
  }

  private func parts(_ spool: Spool) async throws -> [Aimstors_ProtoSpoolPart] {
    var query = Aimstors_ProtoSpoolQuery()
    query.limit = 10
    return try await spool.page(query).entries.map(\.part)
  }

  /// A disk whose journal goes on with parts 2 to 4 behind where another replica took over.
  private func diverged(_ directory: String) async throws {
    let before = try await engine(directory)
    _ = try await Spool(store: before).accept(part(1), trace: "")
    await before.close()
    let end = try #require(
      try JournalEnd.read(dataDirectory: directory, cell: cell, files: files))
    let after = try await engine(directory)
    let spool = Spool(store: after)
    _ = try await spool.accept(part(2), trace: "")
    _ = try await spool.accept(part(3, bytes: 1_300_000), trace: "")
    let delivered = try await spool.accept(part(4), trace: "")
    var remove = Aimstors_ProtoSpoolRemove()
    remove.ids = [delivered]
    try await spool.remove(remove, trace: "")
    await after.close()
    let report = try JournalCut(directory: directory, cell: cell, files: files).run(after: end)
    #expect(report.records > 0 && report.sideFile != nil)
  }

  private func withDirectory(_ body: (String) async throws -> Void) async throws {
    let directory = FileManager.default.temporaryDirectory
      .appendingPathComponent("aimstors-diverged-\(UUID().uuidString)").path
    try FileManager.default.createDirectory(
      atPath: directory, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: directory) }
    try await body(directory)
  }

  @Test func `its parts reach the primary among the replicas, each once`() async throws {
    try await withDirectory { directory in
      try await diverged("\(directory)/old")
      let primary = try await engine("\(directory)/new")
      let spool = Spool(store: primary)
      _ = try await spool.accept(part(1), trace: "")

      let network = InMemoryNetwork(random: SeededRandomSource(seed: 1))
      func messenger(_ id: String) -> InMemoryMessenger {
        InMemoryMessenger(
          identity: PeerIdentity(role: .cell, id: id, generation: .first), network: network)
      }
      let (follower, served) = (messenger("f"), messenger("p"))
      let follows = try await follower.listen(at: Address("tcp://f:1")) {
        (_) async throws(Failure) in throw Failure(.unknownRoute, "this is a follower")
      }
      // It is away at first.
      let refusals = Mutex(2)
      let serves = try await served.listen(at: Address("tcp://p:1")) {
        (request) async throws(Failure) in
        let isAway = refusals.withLock { left in
          left -= 1
          return left >= 0
        }
        guard !isAway else { throw Failure(.recovering, "it is on its way up") }
        let part: Aimstors_ProtoSpoolPart = try request.decoded()
        _ = try await spool.accept(part, trace: "")
        return []
      }
      let own = messenger("o")
      var log = Logger(label: "test")
      log.logLevel = .critical
      let draining = DivergentSpool(
        dataDirectory: "\(directory)/old", peers: [follows, serves].map { own.peer(at: $0) },
        files: files, logger: log, pause: .milliseconds(1))
      await draining.run()
      #expect(
        try await parts(spool) == [part(1), part(2), part(3, bytes: 1_300_000)])
      #expect(try DivergentFile.open(dataDirectory: "\(directory)/old", files).isEmpty)
      let names = try files.list("\(directory)/old/journal")
      #expect(names.contains { $0.hasPrefix("divergent-") })
      await draining.run()
      #expect(try await spool.count() == 3)
      // The journal that was cut opens as ever.
      let again = try await engine("\(directory)/old")
      #expect(try await parts(Spool(store: again)) == [part(1)])
      await again.close()
      await primary.close()
    }
  }
}
