import Archive
import Foundation
import Logging
import Platform
import Storage
import Wire

/// How long what a cell acknowledged is not in its archive yet, under as much load as it takes.
struct ArchiveLagBench {
  static let tenants = 100
  static let callers = 256
  static let barMilliseconds = 1_000.0

  let repository: Repository
  let seconds: Int

  func run() async throws {
    let directory = try Repository.temporaryDirectory("archive-lag")
    defer { try? FileManager.default.removeItem(atPath: directory) }
    let (files, random) = (LiveFileSystem(), LiveRandomSource())
    var configuration = EngineConfiguration(
      directory: directory + "/cell", cell: ReplicationBench.cell)
    configuration.adjustJournal = { $0.pins.updateValue(nil, forKey: JournalUploader.pin) }
    let engine = ReplicationBench.engine(configuration)
    _ = try await engine.start()
    guard let journal = engine.journal else { throw BenchFailure("the journal is not open") }
    let service = ArchiveService(
      ArchiveEnvironment(
        archive: Archive(
          objects: DirectoryStore(root: directory + "/archive", files: files, random: random),
          key: try ArchiveKey(random.bytes(32), deployment: ArchiveHex.encode(random.bytes(16))),
          random: random),
        engine: engine, cell: ReplicationBench.cell, generation: .first,
        dataDirectory: directory + "/cell", schema: { _ in CommitSchema.schema }, files: files,
        clock: LiveWallClock(), random: random, logger: Logger(label: "bench")))
    let running = Task { await service.run() }
    let ids = (0..<Self.tenants).map { TenantID(trusted: "t\($0)") }
    let origin = CommandOrigin(requestID: "bench", traceID: "")
    for tenant in ids {
      try await engine.create(tenant, epoch: .first)
      try await engine.write(tenant, origin) { try CommitStore.fill($0) }
    }
    guard await service.waitUntilArchived(seconds: 60) else {
      throw BenchFailure("nothing is archived")
    }
    let watching = Task { await Self.watch(service, journal) }
    let (rate, _) = try await Callers.rate(Self.callers, seconds: seconds) { caller, turn in
      let tenant = ids[(caller * 37 + turn * 7) % Self.tenants]
      try await engine.write(tenant, origin) { try CommitStore.operate($0) }
    }
    watching.cancel()
    let lags = await watching.value.sorted()
    Row(
      name: "replication.archive_lag_p99_ms", value: percentile(lags, 0.99), unit: "ms",
      facts: [
        "bar": Self.barMilliseconds, "p50": percentile(lags, 0.5), "longest": lags.last ?? 0,
        "callers": Self.callers, "seconds": seconds, "transactions_per_second": rate.rounded(),
        "of": "from a group's own fsync to its object's reading back, a directory archive",
      ]
    ).write()
    running.cancel()
    await running.value
    await engine.close()
  }

  /// Every five milliseconds where the journal ends, and what is archived.
  private static func watch(_ service: ArchiveService, _ journal: Journal) async -> [Double] {
    var lags: [Double] = []
    var open: [(seq: UInt64, at: ContinuousClock.Instant)] = []
    while !Task.isCancelled {
      let end = journal.lastSeq.rawValue
      let archived = end - min(end, service.lag.records)
      let now = ContinuousClock.now
      while let first = open.first, first.seq <= archived {
        lags.append((now - first.at) / .milliseconds(1))
        open.removeFirst()
      }
      if end > (open.last?.seq ?? archived) { open.append((end, now)) }
      try? await Task.sleep(for: .milliseconds(5))
    }
    return lags
  }
}
