import Archive
import Foundation
import Logging
import Platform
import Storage
import Synchronization
import Wire

/// How long a lost cell takes to come back from a directory archive, tenant after tenant; beside
/// `cp` and `integrity_check` of the same bytes.
struct CellRestoreBench {
  static let barSeconds = 300.0
  static let barFirstSeconds = 30.0
  /// As a cell does it.
  static let tenantsAtOnce = 3
  private static let cell = CellID(trusted: "bench")

  let repository: Repository
  let tenants: Int
  /// Of each tenant.
  let megabytes: Int

  private var ids: [TenantID] { (0..<tenants).map { TenantID(trusted: "t\($0)") } }

  func run() async throws {
    let directory = try Repository.temporaryDirectory("restore-cell")
    defer { try? FileManager.default.removeItem(atPath: directory) }
    let random = LiveRandomSource()
    let archive = Archive(
      objects: DirectoryStore(
        root: directory + "/archive", files: LiveFileSystem(), random: random),
      key: try ArchiveKey(random.bytes(32), deployment: ArchiveHex.encode(random.bytes(16))),
      random: random)
    let digests = try await fill(directory, archive)
    var totals: [Double] = []
    var firsts: [Double] = []
    var copies: [Double] = []
    var bytes: UInt64 = 0
    for repetition in 1...repository.repetitions {
      progress("restore-cell \(repetition)/\(repository.repetitions)")
      let place = directory + "/new-\(repetition)"
      let (first, total, restored) = try await restore(
        place, archive, Generation(UInt64(repetition) + 1), digests)
      firsts.append(first)
      totals.append(total)
      bytes = restored
      copies.append(try copyAndCheck(place + "/tenants", directory + "/copied"))
      try FileTree.remove(place, LiveFileSystem())
    }
    let facts: [String: Any] = [
      "tenants": tenants, "bytes": bytes, "digests_match": true,
      "megabytes_per_s": (Double(bytes) / 1e6 / median(totals)).rounded(),
      "against": "cp and integrity_check of the same files",
    ]
    Row(
      name: "restore.cell_1000_s", value: median(totals), unit: "s", baseline: median(copies),
      facts: facts.merging(["bar_s": Self.barSeconds, "bar_of": "1,000 tenants, 10 GB"]) { $1 }
    ).write()
    Row(
      name: "restore.first_serving_s", value: median(firsts), unit: "s",
      facts: facts.merging(["bar_s": Self.barFirstSeconds]) { $1 }
    ).write()
  }

  private func engine(
    _ directory: String, _ generation: Generation, isArchived: Bool = true
  ) -> StorageEngine {
    var configuration = EngineConfiguration(directory: directory, cell: Self.cell)
    configuration.generation = generation
    if isArchived {
      configuration.adjustJournal = { $0.pins.updateValue(nil, forKey: JournalUploader.pin) }
    }
    var log = Logger(label: "bench")
    log.logLevel = .error
    return StorageEngine(
      configuration, clock: LiveWallClock(), random: LiveRandomSource(), files: LiveFileSystem(),
      log: log, schema: { _ in CommitSchema.schema }, fatal: { fatalError("\($0)") })
  }

  private func service(
    _ directory: String, _ archive: Archive, _ engine: StorageEngine, _ generation: Generation
  ) -> ArchiveService {
    var log = Logger(label: "bench")
    log.logLevel = .error
    return ArchiveService(
      ArchiveEnvironment(
        archive: archive, engine: engine, cell: Self.cell, generation: generation,
        dataDirectory: directory, schema: { _ in CommitSchema.schema }, files: LiveFileSystem(),
        clock: LiveWallClock(), random: LiveRandomSource(), logger: log))
  }

  /// A cell with all tenants, archived with a snapshot each and a few records behind it.
  ///
  /// Several at once, and the archive begins after the filling: what the journal had until then is
  /// in the snapshots.
  private func fill(
    _ directory: String, _ archive: Archive
  ) async throws -> [TenantID: [String: Digest]] {
    progress("restore-cell: filling \(tenants) tenants of \(megabytes) MB")
    let place = directory + "/cell"
    let engine = engine(place, .first, isArchived: false)
    _ = try await engine.start()
    try await inParallel("filled") { tenant in
      try await engine.create(tenant, epoch: .first)
      try await engine.write(tenant, Self.origin) { try CommitStore.fill($0) }
      try await fill(tenant, engine)
    }
    // What was written stays in the files; the journal begins anew behind it.
    engine.flush()
    await engine.close()
    let archived = self.engine(place, .first)
    _ = try await archived.start()
    let service = service(place, archive, archived, .first)
    let running = Task { await service.run() }
    let digests = Digests()
    try await inParallel("archived") { tenant in
      _ = try await service.snapshot(tenant)
      for _ in 0..<10 {
        try await archived.write(tenant, Self.origin) { try CommitStore.operate($0) }
      }
      digests.set(tenant, try await archived.digest(tenant, recompute: false).files)
    }
    guard await service.waitUntilArchived(seconds: 600) else {
      throw BenchFailure("the archive does not come up to the journal")
    }
    running.cancel()
    await running.value
    await archived.close()
    try FileTree.remove(place, LiveFileSystem())
    return digests.all
  }

  private static let origin = CommandOrigin(requestID: "fill", traceID: "", bytes: 1_000_000)
  private static let fillersAtOnce = 4
  private static let messagesAtOnce: Int64 = 2_000

  /// What one message takes in its file.
  private static let messageBytes: Int64 = 128

  /// As many messages as make the wanted bytes.
  private func fill(_ tenant: TenantID, _ engine: StorageEngine) async throws {
    let last = Int64(megabytes) * 1_000_000 / Self.messageBytes
    for first in stride(from: Int64(1), through: last, by: Int64.Stride(Self.messagesAtOnce)) {
      let count = min(Self.messagesAtOnce, last - first + 1)
      try await engine.write(tenant, Self.origin) {
        try BenchMessagesStore.fill($0, from: first, count: count)
      }
    }
  }

  /// One piece of work per tenant, several at once.
  private func inParallel(
    _ what: String, _ body: @escaping @Sendable (TenantID) async throws -> Void
  ) async throws {
    try await withThrowingTaskGroup(of: Void.self) { group in
      for (index, tenant) in ids.enumerated() {
        if index >= Self.fillersAtOnce { try await group.next() }
        if index % 100 == 99 { progress("restore-cell: \(index + 1) tenants \(what)") }
        group.addTask { try await body(tenant) }
      }
      try await group.waitForAll()
    }
  }

  private func restore(
    _ place: String, _ archive: Archive, _ generation: Generation,
    _ digests: [TenantID: [String: Digest]]
  ) async throws -> (first: Double, total: Double, bytes: UInt64) {
    let begun = ContinuousClock.now
    let now = Timestamp(milliseconds: LiveWallClock().milliseconds())
    let end = try await CellTakeover(archive, cell: Self.cell).claim(generation, at: now)
    try LiveFileSystem().createDirectory(place)
    try JournalSeed.write(
      dataDirectory: place, cell: Self.cell, generation: generation, after: end,
      files: LiveFileSystem())
    let engine = engine(place, generation)
    _ = try await engine.start()
    let plan = try await CellRestorePlan(
      archive, cell: Self.cell, scratch: place + "/scratch", files: LiveFileSystem())
    let tally = Tally()
    try await withThrowingTaskGroup(of: Void.self) { group in
      for (index, tenant) in plan.tenants.map(\.id).enumerated() {
        if index >= Self.tenantsAtOnce { try await group.next() }
        group.addTask {
          let lineage = Lineage(LiveRandomSource().uint64())
          let restored = try await plan.restore(
            tenant, schema: CommitSchema.schema,
            into: engine.preparedDirectory(tenant, lineage), lineage: lineage)
          let at = restored.position
          try await engine.install(
            tenant, lineage: lineage, epoch: .first,
            origin: RestoreOrigin(
              tenant: tenant, lineage: at.lineage, tenantSeq: at.tenantSeq, hash: at.hash,
              isFork: false),
            expected: nil)
          let served = try await engine.digest(tenant, recompute: false).files
          guard served == digests[tenant] else { throw BenchFailure("\(tenant) differs") }
          tally.served(restored, after: (ContinuousClock.now - begun) / .seconds(1))
        }
      }
      try await group.waitForAll()
    }
    let total = (ContinuousClock.now - begun) / .seconds(1)
    plan.close()
    guard engine.heads.count == tenants else {
      throw BenchFailure("\(engine.heads.count) of \(tenants) tenants are back")
    }
    await engine.close()
    let (first, bytes) = tally.result
    return (first ?? total, total, bytes)
  }

  /// What tenants' files must be when they are back.
  private final class Digests: Sendable {
    private let state = Mutex<[TenantID: [String: Digest]]>([:])

    func set(_ tenant: TenantID, _ files: [String: Digest]) {
      state.withLock { $0[tenant] = files }
    }
    var all: [TenantID: [String: Digest]] { state.withLock { $0 } }
  }

  /// What tenants on several threads have come to.
  private final class Tally: Sendable {
    private let state = Mutex<(first: Double?, bytes: UInt64)>((nil, 0))

    func served(_ restored: RestoredTenant, after seconds: Double) {
      state.withLock { state in
        state.first = state.first ?? seconds
        state.bytes += restored.files.reduce(0) { $0 + $1.bytes }
      }
    }
    var result: (first: Double?, bytes: UInt64) { state.withLock { $0 } }
  }

  private func copyAndCheck(_ source: String, _ target: String) throws -> Double {
    let begun = ContinuousClock.now
    _ = try Program.output("/bin/cp", ["-r", source, target])
    // One process for all: starting one for each file would be measured, too.
    let checks = ids.flatMap { tenant in
      ["ledger", "messages"].flatMap {
        [".open \(target)/\(tenant)/\($0).sqlite", "PRAGMA integrity_check"]
      }
    }
    let answers = try Program.output("/usr/bin/env", ["sqlite3", ":memory:"] + checks)
    guard answers.split(separator: "\n").count(where: { $0 == "ok" }) == tenants * 2 else {
      throw BenchFailure("copies are not ok: \(answers.prefix(200))")
    }
    let seconds = (ContinuousClock.now - begun) / .seconds(1)
    try FileManager.default.removeItem(atPath: target)
    return seconds
  }
}
