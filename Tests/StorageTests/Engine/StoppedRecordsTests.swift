import Platform
import StorageFixtures
import Testing
import Wire

@testable import Storage

/// A stopped tenant's records leave the journal without being lost.
@Suite("Stopped tenants' records", .timeLimit(.minutes(10))) struct StoppedRecordsTests {
  private let stopped = TestEngine.tenant
  private let other = TenantID(trusted: "t2")

  private func engine(_ directory: String, replayBytes: UInt64 = 64 * 1_024) async throws
    -> TestEngine
  {
    try await TestEngine(directory) {
      $0.replayBytes = replayBytes
      // The test says when the flusher looks.
      $0.flushInterval = .seconds(3_600)
      $0.adjustJournal = {
        $0.segmentBytes = 64 * 1_024
        $0.groupBytes = 32 * 1_024
        $0.reserveBytes = 0
      }
    }
  }

  private func flusher(_ test: TestEngine) throws -> Flusher {
    test.engine.flusher(try test.engine.writer(other).context)
  }

  private func fill(_ test: TestEngine, from first: Int64) async throws {
    for id in first..<(first + 24) {
      try await test.write(other) { transaction in
        try transaction.file(.messages).run(
          "INSERT INTO messages (id, body, raw) VALUES (?, '', randomblob(8000))", .integer(id))
      }
    }
  }

  /// A tenant with three durable payments that its files do not have, stopped at the start because
  /// one of them is no database, beside one that fills the journal.
  private func withStoppedTenant(
    _ body: (_ directory: String, _ test: TestEngine, _ blocked: String) async throws -> Void
  ) async throws {
    try await withTemporaryDirectory { directory in
      let first = try await engine(directory)
      for tenant in [stopped, other] { try await first.engine.create(tenant, epoch: .first) }
      for id in 1...3 { try await first.pay(Int64(id), stopped) }
      await first.close()
      removeTree("\(directory)/tenants/t1")
      let blocked = "\(directory)/tenants/t1/messages.sqlite"
      try LiveFileSystem().createDirectory("\(directory)/tenants/t1")
      // No room or I/O is wanting: such a file is damage, and stays it.
      let file = try LiveFileSystem().open(blocked, .createNew)
      try file.write([UInt8](repeating: 0x55, count: 4_096), at: 0)
      file.close()
      let second = try await engine(directory)
      #expect(second.report.stopped == [stopped])
      try await body(directory, second, blocked)
    }
  }

  private func copy(_ directory: String) -> String {
    "\(directory)/tenants/t1/\(StoppedRecords.name)"
  }

  @Test func `they are copied where they pin the journal, replayed at a start, and then removed`()
    async throws
  {
    try await withStoppedTenant { directory, second, blocked in
      let files = LiveFileSystem()
      try await fill(second, from: 1)
      let journal = try second.engine.writer(other).context.journal
      let oldest = try #require(journal.segmentStarts.first)
      try flusher(second).look()
      #expect(try files.exists(copy(directory)))
      // Twice: the first look may find the other tenant pinning.
      try flusher(second).look()
      #expect(try #require(journal.segmentStarts.first) > oldest)
      #expect(second.engine.problems.map(\.code) == ["tenant_stopped"])
      await second.close()

      // Still broken: stopped again, and what was copied stays.
      let third = try await engine(directory)
      #expect(third.report.stopped == [stopped])
      try flusher(third).look()
      #expect(try files.exists(copy(directory)))
      await third.close()

      try files.remove(blocked)
      let fourth = try await engine(directory)
      #expect(fourth.report.stopped.isEmpty)
      #expect(try await fourth.counts(stopped) == [3, 3])
      _ = try await fourth.engine.digest(stopped, recompute: true)
      try await fourth.pay(4, stopped)
      #expect(try files.exists(copy(directory)))
      fourth.engine.flush()
      #expect(try !files.exists(copy(directory)))
      await fourth.close()
      let fifth = try await engine(directory)
      #expect(try await fifth.counts(stopped) == [4, 4])
      await fifth.close()
    }
  }

  @Test func `a copy that is damaged stops its tenant alone, and is kept`() async throws {
    try await withStoppedTenant { directory, second, blocked in
      let files = LiveFileSystem()
      try await fill(second, from: 1)
      try flusher(second).look()
      await second.close()
      try files.remove(blocked)
      let length = try fileLength(copy(directory))
      for place in [0, 9, 40, length / 2, length - 5, length - 1] {
        try LiveFileSystem().flip(copy(directory), at: UInt64(place))
        let third = try await engine(directory)
        #expect(third.report.stopped == [stopped], "a flip at \(place)")
        #expect(third.engine.problems.first?.detail.contains("copied") == true)
        try await fill(third, from: 1_000 + Int64(place) * 100)
        try flusher(third).look()
        #expect(try fileLength(copy(directory)) == length)
        await third.close()
        try LiveFileSystem().flip(copy(directory), at: UInt64(place))
      }
      let last = try await engine(directory)
      #expect(try await last.counts(stopped) == [3, 3])
      await last.close()
    }
  }

  @Test func `a tenant that lost records pins the journal: it is the only trace`() async throws {
    try await withStoppedTenant { directory, second, _ in
      try await fill(second, from: 1)
      let context = try second.engine.writer(other).context
      context.heads.lost(stopped, from: CellSeq(1))
      let oldest = context.journal.segmentStarts.first
      for _ in 0..<2 { try flusher(second).look() }
      #expect(try !LiveFileSystem().exists(copy(directory)))
      #expect(context.journal.segmentStarts.first == oldest)
      #expect(second.engine.problems.map(\.code).sorted() == ["journal_pinned", "tenant_stopped"])
      await second.close()
    }
  }

  private func fileLength(_ path: String) throws -> Int {
    let file = try LiveFileSystem().open(path, .read)
    defer { file.close() }
    return Int(try file.length())
  }
}
