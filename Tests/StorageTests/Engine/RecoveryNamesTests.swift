import Platform
import StorageFixtures
import Synchronization
import Testing
import Wire

@testable import Storage

/// A crash in a start is the crash of the tenant whose files it works on.
@Suite("Whom a start works for", .timeLimit(.minutes(1))) struct RecoveryNamesTests {
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
      var counter = CrashCounter()
      for second in Int64(0)..<3 {
        counter.crashed(copied, at: Timestamp(milliseconds: second * 1_000))
      }
      try CrashFile(directory: directory, files: files).write(counter)
      try damage("\(directory)/journal", group: 2)
      files.watch()
      let second = try await start(directory, files, vfs)
      #expect(files.watched() == [])
      #expect(second.engine.problems.contains { $0.code == "tenant_quarantined" })
      await second.close()
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

private struct WatchedFile: File {
  let inner: any File
  let watch: WatchedFiles
  var path: String { inner.path }

  func read(into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64) throws(FileError) -> Int
  {
    watch.touch(path, isWrite: false)
    return try inner.read(into: buffer, at: offset)
  }
  func write(_ bytes: UnsafeRawBufferPointer, at offset: UInt64) throws(FileError) {
    watch.touch(path, isWrite: true)
    try inner.write(bytes, at: offset)
  }
  func synchronize() throws(FileError) { try inner.synchronize() }
  func truncate(to length: UInt64) throws(FileError) { try inner.truncate(to: length) }
  func punch(_ range: Range<UInt64>) throws(FileError) { try inner.punch(range) }
  func length() throws(FileError) -> UInt64 { try inner.length() }
  func close() { inner.close() }
}
