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
    let report = try JournalCut(directory: directory, cell: cell, files: files)
      .run(after: end, for: Generation(2))
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
        dataDirectory: "\(directory)/old", files: files,
        clock: SimulatedWallClock(milliseconds: 10),
        logger: log,
        deliver: DivergentSpool.toPrimary(
          among: [follows, serves].map { own.peer(at: $0) }, pause: .milliseconds(1)))
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

  @Test func `what is too old, or not whole, is passed on to nobody`() async throws {
    try await withDirectory { directory in
      // The beginning of the large part lies before the cut.
      let before = try await engine("\(directory)/old")
      let large = part(9, bytes: 1_300_000)
      _ = try await Spool(store: before).accept(large, trace: "")
      let (id, sha256) = try await before.read(.cellStore, [.spool]) { snapshot in
        let parts = try SpoolStore(snapshot).list(after: RowID(0), limit: 1, bytes: 1)
        return try #require(parts.first.map { ($0.id, $0.sha256) })
      }
      let whole = try await before.read(.cellStore, [.spool]) { try SpoolStore($0).find(id) }
      let chunk = try await before.read(.cellStore, [.spool]) { try SpoolStore($0).chunks(sha256) }
      try await before.write(.cellStore, CommandOrigin(requestID: "", traceID: "")) {
        try SpoolStore($0).remove(id)
        try SpoolStore($0).insertChunk(sha256, 0, chunk, at: $0.now)
      }
      await before.close()
      let end = try #require(
        try JournalEnd.read(dataDirectory: "\(directory)/old", cell: cell, files: files))
      let after = try await engine("\(directory)/old")
      let rest = try #require(whole)
      try await after.write(.cellStore, CommandOrigin(requestID: "", traceID: "")) {
        try SpoolStore($0).insert(
          SpooledPart(
            id: $0.freshID(), receivedAt: rest.receivedAt, reason: rest.reason,
            tenant: rest.tenant, sha256: sha256,
            content: Array(rest.content.dropFirst(chunk.count))))
      }
      _ = try await Spool(store: after).accept(part(1), trace: "")
      await after.close()
      _ = try JournalCut(directory: "\(directory)/old", cell: cell, files: files)
        .run(after: end, for: Generation(2))

      var log = Logger(label: "test")
      log.logLevel = .critical
      let passed = Mutex<[Aimstors_ProtoSpoolPart]>([])
      func run(at milliseconds: Int64) async {
        await DivergentSpool(
          dataDirectory: "\(directory)/old", files: files,
          clock: SimulatedWallClock(milliseconds: milliseconds), logger: log
        ) { part in passed.withLock { $0.append(part) } }.run()
      }
      await run(at: 10)
      #expect(passed.withLock { $0 } == [part(1)])
      // What was not whole is there for people, and for another try.
      #expect(try DivergentFile.open(dataDirectory: "\(directory)/old", files).count == 1)
      await run(at: DivergentSpool.oldestMilliseconds + 10)
      #expect(passed.withLock { $0 } == [part(1)])
      #expect(try DivergentFile.open(dataDirectory: "\(directory)/old", files).isEmpty)
    }
  }

  @Test func `a cut that was cut off keeps what was saved, and another one saves beside it`()
    async throws
  {
    try await withDirectory { directory in
      try await diverged(directory)
      let name = try #require(try DivergentFile.open(dataDirectory: directory, files).first?.name)
      let saved = try Data(contentsOf: URL(fileURLWithPath: "\(directory)/journal/\(name)"))
      let end = try #require(
        try JournalEnd.read(dataDirectory: directory, cell: cell, files: files))
      let after = try await engine(directory)
      _ = try await Spool(store: after).accept(part(7), trace: "")
      await after.close()
      let report = try JournalCut(directory: directory, cell: cell, files: files)
        .run(after: end, for: Generation(2))
      #expect(report.sideFile != nil && report.sideFile != name)
      let kept = try Data(contentsOf: URL(fileURLWithPath: "\(directory)/journal/\(name)"))
      #expect(kept == saved)
      #expect(try DivergentFile.open(dataDirectory: directory, files).count == 2)
    }
  }
}
