import Platform
import StorageFixtures
import Testing
import Wire

@testable import Storage

/// A replica that comes back after another one took over, with a tail that nobody else has.
@Suite("A journal that is cut") struct JournalCutTests {
  private static let cell = CellID(trusted: "c1")
  /// A follower's, which keeps the journal from where that one is.
  private static let pin = "follower/f"
  private static let idle = TenantID(trusted: "t2")
  private let files = LiveFileSystem()

  private func start(
    _ directory: String, isFollowing: Bool = false, segmentBytes: Int = 4_096
  ) async throws -> TestEngine {
    try await TestEngine(directory) { configuration in
      configuration.isFollowing = isFollowing
      configuration.flushInterval = isFollowing ? .milliseconds(5) : .seconds(3_600)
      configuration.adjustJournal = {
        $0.segmentBytes = segmentBytes
        $0.groupBytes = 2_048
        $0.reserveBytes = 0
        $0.preparesAhead = false
        $0.pins.updateValue(nil, forKey: Self.pin)
      }
    }
  }

  /// A tenant that wrote long ago and one that writes all the time; everything before is flushed,
  /// and the idle one's records are trimmed.
  private func grown(_ directory: String) async throws -> TestEngine {
    let test = try await start(directory)
    try await test.engine.create(Self.idle, epoch: Epoch(4))
    for id in 1...3 { try await test.pay(Int64(id), Self.idle) }
    try await test.engine.create(TestEngine.tenant, epoch: .first)
    for id in 1...60 { try await test.pay(Int64(id)) }
    let journal = try #require(test.engine.journal)
    journal.advancePin(Self.pin, through: journal.lastSeq)
    test.engine.flush()
    try await test.pay(61)
    let oldest = try #require(journal.segmentStarts.first)
    let last = try #require(test.engine.heads[Self.idle]).cellSeq
    #expect(oldest > last, "the test's tenant is not trimmed")
    return test
  }

  private func cut(_ directory: String, after end: JournalEnd) throws -> JournalCut.Report {
    // Tests write under the first generation.
    try JournalCut(directory: directory, cell: Self.cell, files: files)
      .run(after: end, for: Generation(2))
  }

  private func digest(_ test: TestEngine, _ tenant: TenantID) async throws -> [String: Digest] {
    try await test.engine.digest(tenant, recompute: true).files
  }

  @Test func `a tenant whose records before are trimmed stays known, and is fetched`()
    async throws
  {
    try await withTemporaryDirectory { directory in
      let test = try await grown(directory)
      let before = test.engine.heads
      let end = try #require(test.engine.journal).end
      let copied = "\(directory)/copied"
      _ = try await test.engine.snapshot(Self.idle, into: copied)
      try await test.pay(4, Self.idle)
      try await test.pay(62)
      // The table of heads names the divergent record as the tenant's last.
      test.engine.flush()
      await test.close()
      let mark = BootMark(directory: directory, files: files)
      #expect(mark.isUnbroken())
      let report = try cut(directory, after: end)
      #expect(!mark.isUnbroken())
      #expect(report.records == 2)
      #expect(report.lost == [TestEngine.tenant, Self.idle])
      #expect(report.rebuilt.isEmpty)
      let place = "\(directory)/tenants/\(Self.idle.rawValue)/ledger.sqlite"
      #expect(try files.exists("\(place).cut") && !files.exists(place))
      // A repeat changes nothing, nor does a restart.
      let again = try cut(directory, after: end)
      #expect(again.records == 0 && again.lost.isEmpty && again.rebuilt.isEmpty)
      await (try start(directory, isFollowing: true)).close()

      let follower = try await start(directory, isFollowing: true)
      for tenant in [TestEngine.tenant, Self.idle] {
        let head = try #require(follower.engine.heads[tenant])
        let old = try #require(before[tenant])
        #expect(head.tenantSeq == old.tenantSeq && head.hash == old.hash)
        #expect(head.lineage == old.lineage && head.epoch == old.epoch)
        #expect(head.ownership == .owned)
      }
      // At once: the idle one's files might not be opened before it is promoted.
      #expect(Set(follower.engine.stoppedTenants.keys) == [TestEngine.tenant, Self.idle])
      // What a fetch has not finished is not put in a tenant's place, but removed; and files of one
      // branch are replaced as often as it takes.
      let head = try #require(follower.engine.heads[Self.idle])
      let prepared = follower.engine.preparedDirectory(Self.idle, head.lineage)
      let restores = StorageEngine.restoresDirectory(directory)
      try files.createDirectory("\(prepared).partial")
      try FileTree.write([1], to: "\(prepared).partial/ledger.sqlite", files)
      let replaced = StorageEngine.replacedDirectory(directory)
      let old = replaced + prepared.dropFirst(restores.count)
      try files.createDirectory(replaced)
      try files.createDirectory(old)
      try FileTree.write([1], to: "\(old)/ledger.sqlite", files)
      await follower.close()
      let last = try await start(directory, isFollowing: true)
      #expect(last.engine.stoppedTenants[Self.idle] == head)
      #expect(try !files.exists("\(prepared).partial"))
      try files.rename(copied, to: prepared)
      try last.engine.refill(Self.idle, head)
      while last.engine.problems.contains(where: { $0.tenant == Self.idle }) {
        try await Task.sleep(for: .milliseconds(1))
      }
      let counts = try await last.counts(Self.idle)
      #expect(counts == [3, 3])
      await last.close()
    }
  }

  @Test func `a cut behind a group that was trimmed, where the next one is there`() async throws {
    try await withTemporaryDirectory { directory in
      let test = try await grown(directory)
      let journal = try #require(test.engine.journal)
      let oldest = try #require(journal.contents.segments.first)
      let end = try #require(try journal.end(ofGroup: oldest.firstGroup - 1))
      await test.close()
      let report = try cut(directory, after: end)
      #expect(report.records > 0 && report.lost == [TestEngine.tenant])
      let again = try cut(directory, after: end)
      #expect(again.records == 0)
      // The journal goes on behind the group that it does not have.
      let next = try await start(directory)
      #expect(next.report.damage.isEmpty && next.engine.journal?.end == end)
      try await next.pay(4, Self.idle)
      await next.close()
      let last = try await start(directory)
      #expect(last.report.damage.isEmpty)
      let counts = try await last.counts(Self.idle)
      #expect(counts == [4, 4])
      await last.close()
    }
  }

  @Test func `what the asking generation wrote itself is not cut`() async throws {
    try await withTemporaryDirectory { directory in
      let test = try await start(directory)
      try await test.engine.create(TestEngine.tenant, epoch: .first)
      let end = try #require(test.engine.journal).end
      for id in 1...30 { try await test.pay(Int64(id)) }
      test.engine.flush()
      let last = try #require(test.engine.journal).end
      #expect(try test.engine.journal?.lastGeneration(behind: end.seq) == .first)
      #expect(try test.engine.journal?.lastGeneration(behind: last.seq) == nil)
      await test.close()
      #expect(throws: JournalError.notEarlier(found: .first, than: .first)) {
        try JournalCut(directory: directory, cell: Self.cell, files: files)
          .run(after: end, for: .first)
      }
      let names = try files.list("\(directory)/journal")
      #expect(!names.contains { $0.hasPrefix(DivergentFile.prefix) })
      let again = try await start(directory)
      #expect(again.report.damage.isEmpty && again.engine.journal?.end == last)
      let counts = try await again.counts()
      #expect(counts == [30, 30])
      await again.close()
    }
  }

  @Test func `where the other went on at a later position, all behind the group is cut`()
    async throws
  {
    try await withTemporaryDirectory { directory in
      let test = try await start(directory, segmentBytes: 1_024 * 1_024)
      try await test.engine.create(TestEngine.tenant, epoch: .first)
      for id in 1...2 { try await test.pay(Int64(id)) }
      let end = try #require(test.engine.journal).end
      for id in 3...9 { try await test.pay(Int64(id)) }
      // The table of heads is past the group, and before the position at which the other went on.
      test.engine.flush()
      await test.close()
      let later = JournalEnd(
        group: end.group, seq: CellSeq(end.seq.rawValue + 200), hash: end.hash)
      let report = try cut(directory, after: later)
      #expect(report.records == 7 && report.rebuilt == [TestEngine.tenant])
      let again = try await start(directory, segmentBytes: 1_024 * 1_024)
      #expect(again.report.damage.isEmpty && again.engine.journal?.end == end)
      let counts = try await again.counts()
      #expect(counts == [2, 2])
      await again.close()
    }
  }

  @Test func `of a move that is taken away the tenant is as it was before`() async throws {
    try await withTemporaryDirectory { directory in
      let test = try await grown(directory)
      let before = try #require(test.engine.heads[Self.idle])
      let files = try await digest(test, Self.idle)
      let end = try #require(test.engine.journal).end
      try await test.engine.beginMove(Self.idle, to: CellID(trusted: "c2"), under: Epoch(9))
      test.engine.flush()
      await test.close()
      let report = try cut(directory, after: end)
      // Its files have nothing of it.
      #expect(report.lost.isEmpty && report.rebuilt.isEmpty)
      let again = try await start(directory)
      let head = try #require(again.engine.heads[Self.idle])
      #expect(head.ownership == .owned && head.epoch == before.epoch)
      #expect(head.tenantSeq == before.tenantSeq && head.hash == before.hash)
      // Whoever was told of the move hears that it came to nothing.
      #expect(again.engine.moveStanding(Self.idle, under: Epoch(9)) == .burned)
      let now = try await digest(again, Self.idle)
      #expect(now == files)
      try await again.pay(4, Self.idle)
      await again.close()
    }
  }

  @Test func `one that was on its way still is, whatever the journal has of it`() async throws {
    try await withTemporaryDirectory { directory in
      let test = try await start(directory)
      try await test.engine.create(Self.idle, epoch: Epoch(4))
      try await test.pay(1, Self.idle)
      try await test.engine.beginMove(Self.idle, to: CellID(trusted: "c2"), under: Epoch(9))
      try await test.engine.create(TestEngine.tenant, epoch: .first)
      for id in 1...60 { try await test.pay(Int64(id)) }
      let journal = try #require(test.engine.journal)
      journal.advancePin(Self.pin, through: journal.lastSeq)
      test.engine.flush()
      // Its beginning is trimmed; a record of it is kept, one is taken.
      try await test.pay(2, Self.idle)
      let before = try #require(test.engine.heads[Self.idle])
      let end = journal.end
      try await test.pay(3, Self.idle)
      test.engine.flush()
      await test.close()
      _ = try cut(directory, after: end)
      let follower = try await start(directory, isFollowing: true)
      let head = try #require(follower.engine.heads[Self.idle])
      #expect(head.ownership == .moving && head.counterpart == before.counterpart)
      #expect(head.epoch == before.epoch && head.armed == before.armed)
      #expect(head.tenantSeq == before.tenantSeq && head.hash == before.hash)
      await follower.close()
    }
  }

  @Test func `files that a restore brought behind the end are not the tenant's`() async throws {
    try await withTemporaryDirectory { directory in
      let test = try await start(directory, segmentBytes: 1_024 * 1_024)
      try await test.engine.create(TestEngine.tenant, epoch: .first)
      for id in 1...2 { try await test.pay(Int64(id)) }
      let branch = Lineage(8)
      let prepared = test.engine.preparedDirectory(TestEngine.tenant, branch)
      try files.createDirectory(StorageEngine.restoresDirectory(directory))
      let past = try await test.engine.snapshot(TestEngine.tenant, into: prepared).head
      for id in 3...4 { try await test.pay(Int64(id)) }
      let before = try #require(test.engine.heads[TestEngine.tenant])
      let end = try #require(test.engine.journal).end
      let rebuild = try TenantRebuild(
        tenant: TestEngine.tenant, schema: TestSchema.store(), directory: prepared,
        start: .init(
          lineage: past.lineage, tenantSeq: past.tenantSeq, hash: past.hash, time: past.time),
        files: files)
      try rebuild.settle(as: TestEngine.tenant, branch)
      let held = try await test.engine.hold(TestEngine.tenant)
      try await test.engine.install(
        TestEngine.tenant, lineage: branch, epoch: held.epoch,
        origin: RestoreOrigin(
          tenant: TestEngine.tenant, lineage: past.lineage, tenantSeq: past.tenantSeq,
          hash: past.hash, isFork: false), expected: held)
      let restored = try await test.counts()
      #expect(restored == [2, 2])
      await test.close()
      // They stand at an earlier point than the journal will: no number tells.
      let report = try cut(directory, after: end)
      #expect(report.lost.isEmpty && report.rebuilt == [TestEngine.tenant])
      let again = try await start(directory, segmentBytes: 1_024 * 1_024)
      #expect(again.engine.heads[TestEngine.tenant]?.hash == before.hash)
      let counts = try await again.counts()
      #expect(counts == [4, 4])
      await again.close()
    }
  }

  @Test func `who began behind the end is gone, and who began before it is made anew`()
    async throws
  {
    try await withTemporaryDirectory { directory in
      let new = TenantID(trusted: "t3")
      let test = try await start(directory, segmentBytes: 1_024 * 1_024)
      try await test.engine.create(TestEngine.tenant, epoch: .first)
      try await test.pay(1)
      let end = try #require(test.engine.journal).end
      try await test.pay(2)
      try await test.engine.create(new, epoch: .first)
      try await test.pay(1, new)
      test.engine.flush()
      await test.close()
      let report = try cut(directory, after: end)
      #expect(report.rebuilt == [TestEngine.tenant, new] && report.lost.isEmpty)
      let again = try await start(directory, segmentBytes: 1_024 * 1_024)
      #expect(again.engine.heads[new] == nil)
      let counts = try await again.counts()
      #expect(counts == [1, 1])
      try await again.engine.create(new, epoch: Epoch(2))
      try await again.pay(7, new)
      await again.close()
    }
  }
}
