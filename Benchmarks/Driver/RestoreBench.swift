import Archive
import ArgumentParser
import Foundation
import Logging
import Platform
import Storage
import Wire

/// How long a tenant of about 100 MB takes from the archive to checked files, and how fast records
/// are replayed; beside `cp` and `integrity_check` of the same bytes.
struct RestoreBench: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "restore", abstract: "Restores from a directory archive, verified.")

  static let tenantBytes: UInt64 = 100_000_000
  /// Fewer than make a snapshot due: that would leave none to replay.
  static let replayed = 15_000
  private static let tenant = TenantID(trusted: "t0000000000001")
  private static let cell = CellID(trusted: "bench")

  @Option(help: "tenant, cell or both.")
  var part = "both"
  @Option(help: "Tenants of the whole cell.")
  var tenants = 1_000
  @Option(help: "Megabytes of each of them.")
  var megabytes = 10
  @OptionGroup var repository: Repository

  func run() async throws {
    if part != "cell" { try await runTenant() }
    guard part != "tenant" else { return }
    try await CellRestoreBench(
      repository: repository, tenants: tenants, megabytes: megabytes
    ).run()
  }

  private func runTenant() async throws {
    let directory = NSTemporaryDirectory() + "/aimstors-bench-restore-\(getpid())"
    defer { try? FileManager.default.removeItem(atPath: directory) }
    let files = LiveFileSystem()
    let random = LiveRandomSource()
    let archive = Archive(
      objects: DirectoryStore(root: directory + "/archive", files: files, random: random),
      key: try ArchiveKey(random.bytes(32), deployment: ArchiveHex.encode(random.bytes(16))),
      random: random)
    var configuration = EngineConfiguration(directory: directory + "/cell", cell: Self.cell)
    configuration.adjustJournal = { $0.pins.updateValue(nil, forKey: JournalUploader.pin) }
    let engine = StorageEngine(
      configuration, clock: LiveWallClock(), random: random, files: files,
      schema: { _ in CommitSchema.schema }, fatal: { fatalError("\($0)") })
    _ = try await engine.start()
    let service = ArchiveService(
      ArchiveEnvironment(
        archive: archive, engine: engine, cell: Self.cell, generation: .first,
        dataDirectory: directory + "/cell", schema: { _ in CommitSchema.schema }, files: files,
        clock: LiveWallClock(), random: random, logger: Logger(label: "bench")))
    let running = Task { await service.run() }
    try await engine.create(Self.tenant, epoch: .first)
    try await fill(engine, directory)
    guard await service.waitUntilArchived(seconds: 120) else {
      throw BenchFailure("the archive does not come up to the journal")
    }
    let manifest = try await service.snapshot(Self.tenant)
    let pause = Double(service.status.longestPauseNanoseconds) / 1_000_000
    let snapshotBytes = manifest?.bytes ?? 0
    try await measure(archive, directory, snapshotBytes, pauseMilliseconds: pause)
    // Then many records after the snapshot.
    progress("restore: \(Self.replayed) records after the snapshot")
    try await operate(engine, Self.replayed)
    guard await service.waitUntilArchived(seconds: 120) else {
      throw BenchFailure("the archive does not come up to the journal")
    }
    try await replay(archive, directory)
    running.cancel()
    await running.value
    await engine.close()
  }

  /// Messages until the files hold about the wanted bytes; bodies like text, half of them varied.
  private func fill(_ engine: StorageEngine, _ directory: String) async throws {
    progress("restore: filling a tenant of 100 MB")
    try await engine.write(Self.tenant, CommandOrigin(requestID: "fill", traceID: "")) {
      try CommitStore.fill($0)
    }
    let path = "\(directory)/cell/tenants/\(Self.tenant)/messages.sqlite"
    var id: Int64 = 1
    while try bytes(path) + bytes(path + "-wal") < Self.tenantBytes {
      try await withThrowingTaskGroup(of: Void.self) { group in
        for _ in 0..<16 {
          let first = id
          id += 200
          group.addTask {
            try await engine.write(
              Self.tenant, CommandOrigin(requestID: "fill", traceID: "", bytes: 200_000)
            ) { try BenchMessagesStore.fill($0, from: first, count: 200) }
          }
        }
        try await group.waitForAll()
      }
      engine.flush()
    }
  }

  private func bytes(_ path: String) throws -> UInt64 {
    guard FileManager.default.fileExists(atPath: path) else { return 0 }
    return try FileManager.default.attributesOfItem(atPath: path)[.size] as? UInt64 ?? 0
  }

  private func operate(_ engine: StorageEngine, _ count: Int) async throws {
    // One at a time per caller: a batch of many commands would be one record.
    for _ in 0..<count / 100 {
      for _ in 0..<100 {
        try await engine.write(Self.tenant, CommandOrigin(requestID: "o", traceID: "")) {
          try CommitStore.operate($0)
        }
      }
    }
  }

  private func restore(_ archive: Archive, _ directory: String) async throws
    -> (seconds: Double, restored: RestoredTenant)
  {
    let place = directory + "/restored"
    let begun = ContinuousClock.now
    let restored = try await TenantRestorer(archive: archive, files: LiveFileSystem()).restore(
      Self.tenant, schema: CommitSchema.schema, to: .latest, cell: Self.cell, into: place,
      lineage: Lineage(1))
    return ((ContinuousClock.now - begun) / .seconds(1), restored)
  }

  private func measure(
    _ archive: Archive, _ directory: String, _ bytes: UInt64, pauseMilliseconds: Double
  ) async throws {
    var seconds: [Double] = []
    var copies: [Double] = []
    for repetition in 1...repository.repetitions {
      progress("restore \(repetition)/\(repository.repetitions)")
      seconds.append(try await restore(archive, directory).seconds)
      copies.append(try copyAndCheck(directory + "/restored", directory + "/copied"))
      try FileTree.remove(directory + "/restored", LiveFileSystem())
    }
    Row(
      name: "restore.tenant_100mb_s", value: median(seconds), unit: "s", baseline: median(copies),
      facts: [
        "bytes": bytes, "against": "cp and integrity_check of the same files", "bar_s": 5,
        "snapshot_pause_ms": pauseMilliseconds,
      ]
    ).write()
  }

  /// `cp`, fsync, then SQLite's own check: what nobody can do without.
  private func copyAndCheck(_ source: String, _ target: String) throws -> Double {
    let begun = ContinuousClock.now
    _ = try Program.output("/bin/cp", ["-r", source, target])
    for name in ["ledger.sqlite", "messages.sqlite"] {
      let answer = try Program.output(
        "/usr/bin/env", ["sqlite3", "\(target)/\(name)", "PRAGMA integrity_check"])
      guard answer.contains("ok") else { throw BenchFailure("\(name): \(answer)") }
    }
    let seconds = (ContinuousClock.now - begun) / .seconds(1)
    try FileManager.default.removeItem(atPath: target)
    return seconds
  }

  private func replay(_ archive: Archive, _ directory: String) async throws {
    var rates: [Double] = []
    var wholes: [Double] = []
    var records = 0.0
    for _ in 1...repository.repetitions {
      // Of three each, in turns: both take a second, and this machine's disk differs by as much.
      var (without, with): ([Double], [Double]) = ([], [])
      for _ in 1...3 {
        without.append(try await restoreBase(archive, directory))
        let (seconds, restored) = try await restore(archive, directory)
        records = Double(restored.records)
        with.append(seconds)
        try FileTree.remove(directory + "/restored", LiveFileSystem())
      }
      let (base, whole) = (median(without), median(with))
      wholes.append(whole)
      // Where the difference is lost in the noise, what the whole took is an upper bound.
      rates.append(records / (whole - base > base / 20 ? whole - base : whole))
    }
    let facts: [String: Any] = [
      "bar_per_s": 20_000, "records": records,
      "of_the_whole_restore_per_s": (records / median(wholes)).rounded(),
    ]
    Row(name: "restore.records", value: median(rates), unit: "records/s", facts: facts).write()
  }

  /// The same restore without the records: what they cost is the difference.
  private func restoreBase(_ archive: Archive, _ directory: String) async throws -> Double {
    let snapshots = try await archive.snapshots(Self.tenant)
    guard let last = snapshots.first else { throw BenchFailure("no snapshot") }
    let begun = ContinuousClock.now
    _ = try await TenantRestorer(archive: archive, files: LiveFileSystem()).restore(
      Self.tenant, schema: CommitSchema.schema, to: .tenantSeq(last.tenantSeq), cell: Self.cell,
      into: directory + "/base", lineage: Lineage(2))
    let seconds = (ContinuousClock.now - begun) / .seconds(1)
    try FileTree.remove(directory + "/base", LiveFileSystem())
    return seconds
  }
}
