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
      configuration.flushInterval = .seconds(3_600)
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
    try JournalCut(directory: directory, cell: Self.cell, files: files).run(after: end)
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
      try await test.pay(4, Self.idle)
      try await test.pay(62)
      // The table of heads names the divergent record as the tenant's last.
      test.engine.flush()
      await test.close()
      let report = try cut(directory, after: end)
      #expect(report.records == 2)
      #expect(report.lost == [TestEngine.tenant, Self.idle])
      #expect(report.rebuilt.isEmpty)
      let place = "\(directory)/tenants/\(Self.idle.rawValue)/ledger.sqlite"
      #expect(try files.exists(place))
      // A repeat changes nothing.
      let again = try cut(directory, after: end)
      #expect(again.records == 0 && again.lost == report.lost)

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
      await follower.close()
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
