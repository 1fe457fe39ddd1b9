import Platform
import Simulation
import Testing
import Wire

@testable import Storage

/// A failed fsync of whatever a flush or a COMMIT synchronizes ends the process: the disk takes the
/// next one, and lacks what the failed one dropped.
@Suite("Failed fsyncs", .timeLimit(.minutes(10))) struct FailedSyncTests {
  private static let firstSegment = "/data/journal/0000000000000001.journal"
  private let tenant = TestEngine.tenant
  private let disk = SimulatedDisk()

  private func open(_ vfs: FileSystemVFS) async throws -> TestEngine {
    vfs.restart(disk.fileSystem())
    return try await TestEngine("/data", files: disk.fileSystem()) {
      $0.vfs = vfs.name
      // So that a flush that is believed trims some.
      $0.endsSegmentsSoon()
    }
  }

  /// An engine with forty payments that no flush has seen.
  private func paid(_ name: String) async throws -> (TestEngine, FileSystemVFS) {
    let vfs = FileSystemVFS(name: "failed-sync-\(name)", files: disk.fileSystem())
    let test = try await open(vfs)
    try await test.engine.create(tenant, epoch: .first)
    for id in 1...40 { try await test.pay(Int64(id)) }
    return (test, vfs)
  }

  /// The machine ends with all that no fsync brought to the disk.
  private func losePower(_ test: TestEngine) async {
    disk.losePower(.lost)
    await test.engine.abandon()
  }

  private var endsOfFiles: (JournalFatality) -> Bool {
    { if case .filesNotSynchronized = $0 { true } else { false } }
  }

  /// Two files with a WAL each, and the heads.
  private static let syncs = (1...5).map { (FileError.Operation.sync, $0) }
  /// Of the tenant, of `kept` and what holds it, of all tenants, and of the journal for the heads.
  private static let directories = (1...5).map { (FileError.Operation.syncDirectory, $0) }

  @Test(arguments: syncs + directories)
  func `one of a flush ends the process, and no later flush trims the journal`(
    _ operation: FileError.Operation, _ call: Int
  ) async throws {
    let (test, vfs) = try await paid("\(operation.rawValue)-\(call)")
    disk.inject(SimulatedDisk.Fault(operation, call: call, .error(SystemErrors.io)))
    test.engine.flush()
    #expect(test.fatal.all.count == 1 && test.fatal.all.allSatisfy(endsOfFiles))
    test.engine.flush()
    #expect(test.fatal.all.count == 1)
    #expect(disk.paths.contains(Self.firstSegment), "\(disk.paths)")
    await losePower(test)
    let again = try await open(vfs)
    #expect(again.report.stopped.isEmpty && again.report.damage.isEmpty)
    #expect(try await again.counts() == [40, 40])
    _ = try await again.engine.digest(tenant, recompute: true)
    await again.close()
  }

  @Test func `one within a COMMIT answers nobody, and the next process replays the record`()
    async throws
  {
    let (test, vfs) = try await paid("commit")
    // All of it is in the file: the next COMMIT begins the WAL anew, and synchronizes its header.
    test.engine.flush()
    #expect(test.fatal.all.isEmpty)
    disk.inject(CallFault(.sync, call: 1, of: "ledger.sqlite-wal", isPermanent: false))
    let answers = Events<Bool>()
    let caller = Task {
      try? await test.pay(41)
      answers.add(true)
    }
    await test.fatal.wait(for: 1)
    #expect(test.fatal.all.allSatisfy(endsOfFiles))
    await losePower(test)
    #expect(answers.all.isEmpty)
    let again = try await open(vfs)
    #expect(try await again.counts() == [41, 41])
    _ = try await again.engine.digest(tenant, recompute: true)
    await again.close()
    caller.cancel()
  }

  @Test func `a full disk ends nothing, and the next flush goes through`() async throws {
    let (test, _) = try await paid("full")
    disk.inject(CallFault(.noSpace, call: 1, of: "ledger.sqlite", isPermanent: false))
    test.engine.flush()
    #expect(!disk.faultsMet.isEmpty)
    #expect(test.engine.problems.map(\.code) == ["flush_failed"])
    #expect(disk.paths.contains(Self.firstSegment))
    test.engine.flush()
    #expect(test.engine.problems.isEmpty)
    #expect(!disk.paths.contains(Self.firstSegment))
    #expect(test.fatal.all.isEmpty)
    await test.close()
  }

  @Test(arguments: [
    (FileError(.sync, "f", errno: SystemErrors.io) as any Error, true),
    (FileError(.sync, "f", errno: SystemErrors.noSpace), true),
    (FileError(.syncDirectory, "f", errno: SystemErrors.io), true),
    (SQLiteError(extendedCode: 1034, message: "fsync", sql: ""), true),
    (SQLiteError(extendedCode: 1290, message: "fsync of a directory", sql: ""), true),
    (StorageError.sqlite(SQLiteError(extendedCode: 1034, message: "fsync", sql: "")), true),
    (JournalError.file(FileError(.sync, "f", errno: SystemErrors.io)), true),
    // The directory was not there to be opened: no page was dropped.
    (FileError(.syncDirectory, "f", errno: SystemErrors.notFound), false),
    (FileError(.write, "f", errno: SystemErrors.io), false),
    (SQLiteError(extendedCode: 10 | 3 << 8, message: "write", sql: ""), false),
    (SQLiteError(extendedCode: 13, message: "full", sql: ""), false),
  ])
  func `what is a failed fsync is never tried again`(_ error: any Error, _ isOne: Bool) {
    #expect(FailedSync.isCause(of: error) == isOne)
    #expect(Obstacle("a COMMIT", error).isFailedSync == isOne)
    if isOne { #expect(!Obstacle("a COMMIT", error).mayPass) }
  }
}
