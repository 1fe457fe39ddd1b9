import Platform
import StorageFixtures
import Synchronization
import Testing
import Wire

@testable import Storage

/// A tenant that is stopped, not in quarantine, at a replica whose journal is cut: it loses what is
/// taken away from its copied records, and nothing else.
@Suite("A cut beside a stopped tenant", .timeLimit(.minutes(2))) struct StoppedCutTests {
  enum Doubt: CaseIterable {
    case unreadableFile, damagedCopy
  }

  private let stopped = TestEngine.tenant
  private let neighbour = TenantID(trusted: "t2")
  private let files = LiveFileSystem()

  private func start(_ directory: String, isFollowing: Bool = true) async throws -> TestEngine {
    try await TestEngine(directory) {
      $0.isFollowing = isFollowing
      $0.endsSegmentsSoon()
    }
  }

  /// A replica that is down: one tenant's records before its stop are trimmed, those behind it are
  /// copied out, the first of them before `end`, the second behind it.
  private func withStoppedTenant(
    _ body: (_ directory: String, _ end: JournalEnd) async throws -> Void
  ) async throws {
    try await withTemporaryDirectory { directory in
      let place = "\(directory)/f"
      let primary = try await start("\(directory)/p", isFollowing: false)
      for tenant in [stopped, neighbour] {
        try await primary.engine.create(tenant, epoch: .first)
        for id in 1...3 { try await primary.pay(Int64(id), tenant) }
      }
      for id in 4...60 { try await primary.pay(Int64(id), neighbour) }
      let first = try await start(place)
      try await first.follow(primary)
      first.engine.flush()
      let oldest = try #require(first.engine.journal?.segmentStarts.first)
      let last = try #require(first.engine.heads[stopped]).cellSeq
      #expect(oldest > last, "the test's tenant is not trimmed")
      await first.close()

      let second = try await start(place)
      try second.engine.writer(stopped).stop("a scan found damage")
      try await primary.pay(4, stopped)
      let end = try #require(primary.engine.journal).end
      try await primary.pay(5, stopped)
      try await second.follow(primary)
      // As where what it lacks keeps too much of the journal.
      second.engine.flusher(try second.engine.writer(neighbour).context).copyOut([stopped])
      await second.close()
      await primary.close()
      #expect(try copied(place) == [end.seq, CellSeq(end.seq.rawValue + 1)])
      try await body(place, end)
    }
  }

  private func tenantDirectory(_ place: String) -> String { "\(place)/tenants/\(stopped)" }

  private func copied(_ place: String) throws -> [CellSeq] {
    let found = try StoppedRecords.Reader(directory: tenantDirectory(place), files: files)
    var reader = try #require(found)
    defer { reader.close() }
    var seqs: [CellSeq] = []
    while let record = try reader.next() { seqs.append(record.position.cellSeq) }
    return seqs
  }

  private func cut(
    _ place: String, _ end: JournalEnd, _ files: any FileSystem
  ) throws -> JournalCut.Report {
    try JournalCut(directory: place, cell: CellID(trusted: "c1"), files: files)
      .run(after: end, for: Generation(2))
  }

  private func expectKept(_ place: String, _ end: JournalEnd) async throws {
    #expect(try copied(place) == [end.seq])
    let last = try await start(place)
    #expect(last.engine.problems.isEmpty)
    #expect(last.engine.journal?.end == end)
    #expect(try await last.counts(stopped) == [4, 4])
    _ = try await last.engine.digest(stopped, recompute: true)
    await last.close()
  }

  @Test func `its files and the records before stay, those behind it go`() async throws {
    try await withStoppedTenant { place, end in
      let report = try cut(place, end, files)
      #expect(report.records == 1 && report.lost.isEmpty && report.rebuilt.isEmpty)
      try await expectKept(place, end)
    }
  }

  @Test func `a cut that a crash ended is repeated, wherever that was`() async throws {
    try await withStoppedTenant { place, end in
      let whole = try copied(place)
      var calls = 0
      var isWhole = false
      while !isWhole, calls < 100 {
        let trial = "\(place)-\(calls)"
        try copyTree(place, to: trial)
        isWhole = (try? cut(trial, end, InterruptedFiles(after: calls))) != nil
        // All of the copy, or what it is to have.
        let now = try copied(trial)
        #expect(now == whole || now == [end.seq])
        let again = try cut(trial, end, files)
        #expect(again.lost.isEmpty && again.rebuilt.isEmpty)
        try await expectKept(trial, end)
        calls += 1
      }
      // Three names each for the side file, the copy and the journal.
      #expect(isWhole && calls > 9)
    }
  }

  private func copyTree(_ source: String, to target: String) throws {
    guard let names = try? files.list(source) else { return try copyFile(source, to: target) }
    try files.createDirectory(target)
    for name in names { try copyTree("\(source)/\(name)", to: "\(target)/\(name)") }
  }

  @Test(arguments: Doubt.allCases)
  func `where nothing tells what it has, all is put aside`(doubt: Doubt) async throws {
    try await withStoppedTenant { place, end in
      let directory = tenantDirectory(place)
      let copy = "\(directory)/\(StoppedRecords.name)"
      switch doubt {
      case .damagedCopy: try files.flip(copy, at: 40)
      case .unreadableFile:
        let path = "\(directory)/ledger.sqlite"
        for beside in ["-wal", "-shm"] where try files.exists(path + beside) {
          try files.remove(path + beside)
        }
        let file = try files.open(path, .create)
        try file.write([UInt8](repeating: 0x55, count: 4_096), at: 0)
        file.close()
      }
      let report = try cut(place, end, files)
      #expect(report.lost == [stopped] && report.rebuilt.isEmpty)
      #expect(try files.exists(copy + JournalCut.suffix) && !files.exists(copy))
      let last = try await start(place)
      #expect(last.engine.stoppedTenants[stopped] != nil)
      await last.close()
    }
  }
}

/// The machine's files up to a crash: after so many calls that change a name nothing is changed.
private final class InterruptedFiles: LiveFiles {
  let live = LiveFileSystem()
  private let left: Mutex<Int>

  init(after calls: Int) { left = Mutex(calls) }

  private func spend(_ operation: FileError.Operation, _ path: String) throws(FileError) {
    let isOver = left.withLock { left in
      left -= 1
      return left < 0
    }
    if isOver { throw FileError(operation, path, errno: SystemErrors.io) }
  }

  func open(_ path: String, _ mode: FileMode) throws(FileError) -> any File {
    if mode != .read { try spend(.open, path) }
    return try live.open(path, mode)
  }
  func rename(_ source: String, to target: String) throws(FileError) {
    try spend(.rename, source)
    try live.rename(source, to: target)
  }
  func remove(_ path: String) throws(FileError) {
    try spend(.remove, path)
    try live.remove(path)
  }
  func synchronizeDirectory(_ path: String) throws(FileError) {
    try spend(.syncDirectory, path)
    try live.synchronizeDirectory(path)
  }
}
