import Platform
import StorageFixtures
import Synchronization
import Testing
import Wire

@testable import Storage

/// A crash in a start is the crash of the tenant whose files it works on.
@Suite("Whom a start works for", .timeLimit(.minutes(10))) struct RecoveryNamesTests {
  private let copied = TestEngine.tenant
  private let replayed = TenantID(trusted: "t2")

  /// Nothing is flushed beside what a test looks at.
  private func start(
    _ directory: String, _ files: WatchedFiles, _ vfs: FileSystemVFS
  ) async throws -> TestEngine {
    try await TestEngine(directory, files: files) {
      $0.vfs = vfs.name
      $0.quarantines = { _ in true }
      $0.flushInterval = .seconds(3_600)
    }
  }

  @Test func `whatever a start does with a tenant's files it does in that tenant's name`()
    async throws
  {
    try await withTemporaryDirectory { directory in
      let files = WatchedFiles()
      let vfs = FileSystemVFS(name: "watched-start", files: files)
      let first = try await start(directory, files, vfs)
      for tenant in [copied, replayed] { try await first.engine.create(tenant, epoch: .first) }
      for id in 1...3 as ClosedRange<Int64> { try await first.pay(id, copied) }
      for id in 1...3 as ClosedRange<Int64> { try await first.pay(id, replayed) }
      // As when the tenant had been stopped and its records had kept too much of the journal.
      var copy = try StoppedRecords.Writer(directory: "\(directory)/tenants/t1", files: files)
      var records = try #require(first.engine.journal).records(from: CellSeq(1))
      while let record = try records.next() {
        if record.identity.tenant == copied { try copy.add(record) }
      }
      try copy.finish()
      await first.close()
      vfs.restart(files)
      removeTree("\(directory)/tenants/t2")

      files.watch()
      let second = try await start(directory, files, vfs)
      let touches = files.watched()
      #expect(second.report.stopped.isEmpty)
      #expect(touches.contains { $0.path.hasSuffix("t1/\(StoppedRecords.name)") })
      #expect(touches.contains { $0.path.contains("/tenants/t2/") && $0.isWrite })
      #expect(touches.filter { !$0.isInItsName } == [])
      #expect(try await second.counts(replayed) == [3, 3])
      await second.close()
      vfs.restart(files)

      // Damage: every tenant's files are asked what of the range they have.
      try damage("\(directory)/journal", group: 4)
      files.watch()
      let third = try await start(directory, files, vfs)
      let asked = files.watched()
      #expect(!third.report.damage.isEmpty)
      #expect(asked.contains { $0.path.contains("/tenants/t") })
      #expect(asked.filter { !$0.isInItsName } == [])
      await third.close()
    }
  }

  private func damage(_ journal: String, group: Int) throws {
    let live = LiveFileSystem()
    let place = try #require(
      try JournalInspection.run(directory: journal, files: live, detail: .groups).groups
        .dropFirst(group).first)
    let file = try live.open("\(journal)/\(place.segment)", .update)
    defer { file.close() }
    let at = place.offset + UInt64(GroupFormat.headerLength) + 20
    try file.write([try file.bytes(at: at, count: 1)[0] ^ 1], at: at)
  }

  @Test func `a quarantined tenant's files stay closed, also where the journal is damaged`()
    async throws
  {
    try await withTemporaryDirectory { directory in
      let files = WatchedFiles()
      let vfs = FileSystemVFS(name: "watched-quarantine", files: files)
      let first = try await start(directory, files, vfs)
      try await first.engine.create(copied, epoch: .first)
      for id in 1...4 as ClosedRange<Int64> { try await first.pay(id, copied) }
      await first.close()
      vfs.restart(files)
      try quarantine(directory)
      try damage("\(directory)/journal", group: 2)
      files.watch()
      let second = try await start(directory, files, vfs)
      #expect(files.watched() == [])
      #expect(second.engine.problems.contains { $0.code == "tenant_quarantined" })
      await second.close()
    }
  }

  private func quarantine(_ directory: String) throws {
    try CrashFile(directory: directory, files: LiveFileSystem()).quarantine([copied])
  }

  /// Zeroes a sector of the last group: it looks as if the process had ended while it was written.
  private func tear(_ journal: String) throws {
    let live = LiveFileSystem()
    let last = try #require(
      try JournalInspection.run(directory: journal, files: live, detail: .groups).groups.last)
    let sector = Int(TornGroup.sectorBytes)
    try #require(last.bytes > 4 * sector)
    let file = try live.open("\(journal)/\(last.segment)", .update)
    defer { file.close() }
    let at = (last.offset / TornGroup.sectorBytes + 2) * TornGroup.sectorBytes
    try file.write([UInt8](repeating: 0, count: sector), at: at)
  }

  /// A tenant whose last record is in its files, and torn in the journal.
  private func torn(
    _ directory: String, _ files: WatchedFiles, _ vfs: FileSystemVFS
  ) async throws {
    let first = try await start(directory, files, vfs)
    try await first.engine.create(copied, epoch: .first)
    try await first.pay(1, copied)
    try await first.write(copied) { transaction in
      try transaction.file(.messages).run(
        "INSERT INTO messages (id, body, raw) VALUES (9, '', randomblob(8000))")
    }
    await first.close()
    vfs.restart(files)
    try tear("\(directory)/journal")
  }

  @Test func `who has records of a torn end is asked in its own name`() async throws {
    try await withTemporaryDirectory { directory in
      let files = WatchedFiles()
      let vfs = FileSystemVFS(name: "watched-torn", files: files)
      try await torn(directory, files, vfs)
      files.watch()
      let second = try await start(directory, files, vfs)
      let asked = files.watched()
      // It was asked, before anything else of it was opened: its files prove the end.
      #expect(second.report.damage.count == 1 && second.report.cutBytes == 0)
      #expect(asked.contains { $0.path.contains("/tenants/t1/") })
      #expect(asked.filter { !$0.isInItsName } == [])
      await second.close()
    }
  }

  @Test func `a quarantined tenant is not asked, and says once it is released what it had more`()
    async throws
  {
    try await withTemporaryDirectory { directory in
      let files = WatchedFiles()
      let vfs = FileSystemVFS(name: "watched-torn-quarantine", files: files)
      try await torn(directory, files, vfs)
      try quarantine(directory)
      files.watch()
      let second = try await start(directory, files, vfs)
      #expect(files.watched() == [])
      #expect(second.report.damage.isEmpty && second.report.cutBytes > 0)
      await second.close()
      vfs.restart(files)
      #expect(try CrashFile(directory: directory, files: files).release(copied))
      let third = try await start(directory, files, vfs)
      let refused = await refusal { () async throws(Failure) in try await third.pay(2, copied) }
      #expect(refused == .tenantStopped)
      await third.close()
    }
  }

  @Test func `nor is it asked where a journal is opened before the engine`() async throws {
    for isQuarantined in [false, true] {
      try await withTemporaryDirectory { directory in
        let files = WatchedFiles()
        let vfs = FileSystemVFS(name: "watched-copying-\(isQuarantined)", files: files)
        try await torn(directory, files, vfs)
        if isQuarantined { try quarantine(directory) }
        var configuration = JournalConfiguration(
          directory: "\(directory)/journal", cell: CellID(trusted: "c1"))
        configuration.segmentBytes = 4 * 1_024 * 1_024
        configuration.reserveBytes = 0
        configuration.preparesAhead = false
        configuration.isCopy = true
        let journal = try JournalCopying.open(
          configuration, dataDirectory: directory, files: LiveFileSystem(), fatal: { _ in })
        // Its files would prove the torn end.
        #expect(journal.contents.damage.isEmpty == isQuarantined)
        journal.close()
      }
    }
  }
}

/// The machine's files, and in whose name what belongs to tenants was read and written.
private final class WatchedFiles: LiveFiles {
  struct Touch: Hashable, Sendable {
    let path: String
    let name: TenantID?
    let isWrite: Bool
    var isInItsName: Bool { name.map { path.contains("/tenants/\($0)/") } ?? false }
  }

  let live = LiveFileSystem()
  private let touches = Mutex<[Touch]?>(nil)

  func watch() { touches.withLock { $0 = [] } }

  func watched() -> [Touch] {
    touches.withLock { touches in
      defer { touches = nil }
      return touches ?? []
    }
  }

  fileprivate func touch(_ path: String, isWrite: Bool) {
    guard path.contains("/tenants/") else { return }
    let touch = Touch(path: path, name: RunningTenants.current, isWrite: isWrite)
    touches.withLock { $0?.append(touch) }
  }

  func open(_ path: String, _ mode: FileMode) throws(FileError) -> any File {
    WatchedFile(inner: try live.open(path, mode), watch: self)
  }
}

private struct WatchedFile: ForwardingFile {
  let inner: any File
  let watch: WatchedFiles

  func read(into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64) throws(FileError) -> Int
  {
    watch.touch(path, isWrite: false)
    return try inner.read(into: buffer, at: offset)
  }
  func write(_ bytes: UnsafeRawBufferPointer, at offset: UInt64) throws(FileError) {
    watch.touch(path, isWrite: true)
    try inner.write(bytes, at: offset)
  }
}
