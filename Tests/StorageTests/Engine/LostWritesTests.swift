import Platform
import Simulation
import StorageFixtures
import Testing
import Wire

@testable import Storage

/// After the power was gone one file of a tenant may have a later record and another lack an
/// earlier one: where that one cannot be read, nothing shows that it is not missing.
@Suite("Writes that went with the power", .timeLimit(.minutes(10))) struct LostWritesTests {
  private let poor = TenantID(trusted: "poor")
  private let neighbour = TenantID(trusted: "neighbour")
  private let files = LiveFileSystem()

  private func engine(_ directory: String) async throws -> TestEngine {
    try await TestEngine(directory) { $0.flushInterval = .seconds(3_600) }
  }

  /// One whose process and machine end as the test says.
  private func simulated(_ disk: SimulatedDisk, _ vfs: FileSystemVFS) async throws -> TestEngine {
    vfs.restart(disk.fileSystem())
    return try await TestEngine("/data", files: disk.fileSystem()) {
      $0.vfs = vfs.name
      $0.flushInterval = .seconds(3_600)
    }
  }

  /// The tenant's second payment is in the journal at the position answered, and in its files; a
  /// later record of it is of its messages alone.
  private func fill(_ directory: String, _ backup: String) async throws -> CellSeq {
    let first = try await engine(directory)
    for tenant in [poor, neighbour] {
      try await first.engine.create(tenant, epoch: .first)
      try await first.pay(1, tenant)
    }
    await first.close()
    try copyLedger("\(directory)/tenants/poor", to: backup)
    let second = try await engine(directory)
    try await second.pay(2, poor)
    let place = try #require(second.engine.journal).lastSeq
    // The next group's list says whose the last one was.
    try await second.pay(2, neighbour)
    try await second.write(poor) { transaction in
      try transaction.file(.messages).run(
        "INSERT INTO messages (id, body, raw) VALUES (9, '', NULL)")
    }
    await second.close()
    return place
  }

  private func copyLedger(_ source: String, to target: String) throws {
    try files.createDirectory(target)
    for name in try files.list(target) where name.hasPrefix("ledger.sqlite") {
      try files.remove("\(target)/\(name)")
    }
    for name in try files.list(source) where name.hasPrefix("ledger.sqlite") {
      try FileTree.write(
        try FileTree.bytes("\(source)/\(name)", files), to: "\(target)/\(name)", files)
    }
  }

  private func damage(
    _ directory: String, _ place: CellSeq, _ files: any FileSystem = LiveFileSystem()
  ) throws {
    #expect(try files.spoilGroups(in: "\(directory)/journal") { $0.firstSeq == place } == 1)
  }

  private func repair(_ directory: String) throws -> [JournalRepairReport.Loss] {
    try JournalRepair.run(
      directory: "\(directory)/journal", files: files,
      applied: try AppliedSeqs.files(dataDirectory: directory, files: files)
    ).ranges.flatMap(\.losses)
  }

  @Test func `a file that is ahead proves nothing of one that lost its writes`() async throws {
    try await withTemporaryDirectory { directory in
      let place = try await fill(directory, "\(directory)/backup")
      try copyLedger("\(directory)/backup", to: "\(directory)/tenants/poor")
      try FileTree.write(Array("an earlier run".utf8), to: "\(directory)/boot", files)
      try damage(directory, place)
      // By the second start the machine has run on, and proves no more.
      for _ in 0..<2 {
        let test = try await engine(directory)
        #expect(test.report.stopped == [poor])
        try await test.pay(Int64.random(in: 10...1_000_000), neighbour)
        await test.close()
      }
      let losses = try repair(directory)
      #expect(losses.map(\.tenant) == [poor])
      #expect(losses.first?.needsRestore == true)
    }
  }

  @Test func `while the machine runs on, a later record proves the earlier ones`() async throws {
    try await withTemporaryDirectory { directory in
      let place = try await fill(directory, "\(directory)/backup")
      try damage(directory, place)
      // Nor does a start over the damage take away what files prove.
      for _ in 0..<2 {
        let test = try await engine(directory)
        #expect(test.report.damage.count == 1 && test.report.stopped.isEmpty)
        let counts = try await test.counts(poor)
        #expect(counts == [2, 3])
        await test.close()
      }
      #expect(try repair(directory).isEmpty)
    }
  }

  @Test func `a start that did not bring a tenant up proves nothing to the next one`()
    async throws
  {
    try await withTemporaryDirectory { directory in
      let place = try await fill(directory, "\(directory)/backup")
      try copyLedger("\(directory)/backup", to: "\(directory)/tenants/poor")
      try FileTree.write(Array("an earlier run".utf8), to: "\(directory)/boot", files)
      let put = "\(directory)/tenants/poor/sessions.sqlite\(JournalCut.suffix)"
      try FileTree.write([], to: put, files)
      let first = try await engine(directory)
      #expect(first.report.stopped == [poor] && first.report.damage.isEmpty)
      await first.close()
      #expect(!BootMark(directory: directory, files: files).isUnbroken())
      try files.remove(put)
      try damage(directory, place)
      let second = try await engine(directory)
      #expect(second.report.stopped == [poor])
      await second.close()
    }
  }

  @Test func `a follower's files prove no record before their highest one`() async throws {
    try await withTemporaryDirectory { directory in
      let place = try await fill(directory, "\(directory)/backup")
      let mark = BootMark(directory: directory, files: files)
      #expect(mark.isUnbroken())
      let follower = try await TestEngine(directory) {
        $0.isFollowing = true
        $0.flushInterval = .seconds(3_600)
      }
      #expect(follower.report.stopped.isEmpty)
      #expect(!mark.isUnbroken())
      await follower.close()
      // As where it was killed when it had brought the messages further than the ledger.
      try copyLedger("\(directory)/backup", to: "\(directory)/tenants/poor")
      try damage(directory, place)
      let primary = try await engine(directory)
      #expect(primary.report.stopped == [poor])
      await primary.close()
      #expect(try repair(directory).map(\.tenant) == [poor])
    }
  }

  @Test func `a start as a primary that has everything proves it again`() async throws {
    try await withTemporaryDirectory { directory in
      _ = try await fill(directory, "\(directory)/backup")
      let mark = BootMark(directory: directory, files: files)
      try mark.remove()
      #expect(!mark.isUnbroken())
      let test = try await engine(directory)
      #expect(mark.isUnbroken())
      await test.close()
    }
  }

  @Test func `a replay that ended in the middle leaves no proof`() async throws {
    let disk = SimulatedDisk()
    let vfs = FileSystemVFS(name: "lost-writes-replay", files: disk.fileSystem())
    let first = try await simulated(disk, vfs)
    try await first.engine.create(poor, epoch: .first)
    try await first.pay(1, poor)
    await first.close()
    let second = try await simulated(disk, vfs)
    try await second.pay(2, poor)
    disk.kill()
    await second.engine.abandon()
    #expect(BootMark(directory: "/data", files: disk.fileSystem()).isUnbroken())
    disk.replace("/data/tenants/poor/ledger.sqlite", [UInt8](repeating: 7, count: 4_096))
    disk.remove("/data/tenants/poor/ledger.sqlite-wal")
    let third = try await simulated(disk, vfs)
    #expect(third.report.stopped == [poor])
    #expect(!BootMark(directory: "/data", files: disk.fileSystem()).isUnbroken())
    await third.close()
  }

  @Test func `after a failed fsync the same run of the machine proves nothing`() async throws {
    let disk = SimulatedDisk()
    let vfs = FileSystemVFS(name: "lost-writes-fsync", files: disk.fileSystem())
    let first = try await simulated(disk, vfs)
    for tenant in [poor, neighbour] {
      try await first.engine.create(tenant, epoch: .first)
      try await first.pay(1, tenant)
    }
    await first.close()
    let ledgers = disk.paths.filter { $0.hasPrefix("/data/tenants/poor/ledger.sqlite") }
    let before = ledgers.map { ($0, disk.bytes($0) ?? []) }
    let second = try await simulated(disk, vfs)
    try await second.pay(2, poor)
    let place = try #require(second.engine.journal).lastSeq
    try await second.pay(2, neighbour)
    try await second.write(poor) { transaction in
      try transaction.file(.messages).run(
        "INSERT INTO messages (id, body, raw) VALUES (9, '', NULL)")
    }
    disk.inject(CallFault(.sync, call: 1, of: "ledger.sqlite-wal", isPermanent: false))
    second.engine.flush()
    #expect(second.fatal.all.count == 1)
    disk.kill()
    await second.engine.abandon()
    // The kernel dropped what the ledger was to write; of the machine's run nothing else is gone.
    for path in disk.paths where path.hasPrefix("/data/tenants/poor/ledger.sqlite") {
      disk.remove(path)
    }
    for (path, bytes) in before { disk.replace(path, bytes) }
    try damage("/data", place, disk.fileSystem())
    let third = try await simulated(disk, vfs)
    #expect(third.report.damage.count == 1 && third.report.stopped == [poor])
    await third.close()
  }

  @Test func `a file that cannot be read may lack everything`() async throws {
    try await withTemporaryDirectory { directory in
      _ = try await fill(directory, "\(directory)/backup")
      try FileTree.write(Array("an earlier run".utf8), to: "\(directory)/boot", files)
      func applied() throws -> AppliedFiles? {
        try AppliedSeqs.files(dataDirectory: directory, files: files)[poor]
      }
      let all = try #require(try applied())
      #expect(all.whole > .zero)
      let place = "\(directory)/tenants/poor"
      for bytes in [[UInt8](repeating: 7, count: 4_096), []] {
        for name in try files.list(place) where name.hasPrefix("ledger.sqlite-") {
          try files.remove("\(place)/\(name)")
        }
        try FileTree.write(bytes, to: "\(place)/ledger.sqlite", files)
        let rest = try #require(try applied())
        #expect(rest.highest == all.highest)
        #expect(rest.whole == .zero)
      }
    }
  }

  @Test func `what files prove`() {
    let seqs = [TenantSeq(3), TenantSeq(9), TenantSeq(7)]
    #expect(AppliedFiles(seqs, isUnbroken: true).highest == TenantSeq(9))
    // Of the last record itself a process that was killed may have committed a part.
    #expect(AppliedFiles(seqs, isUnbroken: true).whole == TenantSeq(8))
    #expect(AppliedFiles(seqs, isUnbroken: false).whole == TenantSeq(3))
    let all = [TenantSeq(9), TenantSeq(9)]
    #expect(AppliedFiles(all, isUnbroken: true).whole == TenantSeq(9))
    #expect(AppliedFiles(all, isUnbroken: false).whole == TenantSeq(9))
    #expect(AppliedFiles([], isUnbroken: true).whole == .zero)
    let some = AppliedFiles(all, isUnbroken: false, isComplete: false)
    #expect(some.highest == TenantSeq(9) && some.whole == .zero)
    #expect(AppliedFiles(all, isUnbroken: true, isComplete: false).whole == TenantSeq(8))
  }
}
