import Platform
import Simulation
import Storage
import Testing
import Wire

@testable import Archive

@Suite struct RetentionTests {
  private let day: Int64 = 24 * 3_600_000

  private func snapshot(_ seq: UInt64, day: Int64, isBase: Bool = false, beginsAt: CellSeq? = nil)
    -> SnapshotManifest
  {
    let time = Timestamp(milliseconds: day * self.day)
    return SnapshotManifest(
      name: "\(seq)", tenant: ArchiveFixture.tenant, cell: ArchiveFixture.cell, generation: .first,
      cellSeq: CellSeq(seq), lineage: Lineage(1), tenantSeq: TenantSeq(seq), hash: "",
      epoch: .first, time: time, schemaVersion: 1, takenAt: time, isBase: isBase, isFork: false,
      beginsAt: beginsAt, files: [], media: [])
  }

  private func kept(_ snapshots: [SnapshotManifest], day: Int64) -> [UInt64] {
    let old = Retention.standard.removable(
      snapshots, at: Timestamp(milliseconds: day * self.day))
    return snapshots.filter { !old.contains($0) }.map(\.tenantSeq.rawValue).sorted()
  }

  @Test func `the last snapshot before the window stays, those before it go`() {
    let all = [snapshot(1, day: 1), snapshot(5, day: 10), snapshot(9, day: 20)]
    #expect(kept(all, day: 30) == [1, 5, 9])
    #expect(kept(all, day: 41) == [5, 9])
    #expect(kept(all, day: 60) == [9])
    #expect(kept([snapshot(3, day: 1)], day: 400) == [3])
  }

  @Test func `a base stays until a later snapshot is before the window`() {
    let all = [snapshot(5, day: 1), snapshot(9, day: 2, isBase: true), snapshot(12, day: 10)]
    #expect(kept(all, day: 35) == [5, 9, 12])
    #expect(kept(all, day: 41) == [12])
  }

  @Test func `without a need of anybody nothing of the journal goes`() {
    let span = JournalSpan(generation: .first, first: CellSeq(1), last: CellSeq(9))
    #expect(Retention.removable([span], needs: []).isEmpty)
    #expect(Retention.removable([span], needs: [CellSeq(8)]).isEmpty)
    #expect(Retention.removable([span], needs: [CellSeq(9), CellSeq(40)]) == [span])
  }

  @Test func `what a tenant needs begins behind the last snapshot before the window`() {
    func need(_ snapshots: [SnapshotManifest], day: Int64) -> UInt64? {
      Retention.standard.need(snapshots, at: Timestamp(milliseconds: day * self.day))?.rawValue
    }
    let all = [snapshot(4, day: 1), snapshot(5, day: 10), snapshot(9, day: 20)]
    #expect(need(all, day: 45) == 5)
    #expect(need(all, day: 29) == nil)
    #expect(need([snapshot(4, day: 1, beginsAt: CellSeq(3))], day: 5) == 2)
    #expect(need([], day: 5) == nil)
  }

  @Test func `after every removal each point of the window is restorable`() async throws {
    let tenant = ArchiveFixture.tenant
    try await withArchive { fixture in
      try await fixture.engine.create(tenant, epoch: .first)
      let firstTime = fixture.clock.milliseconds()
      fixture.start()
      let random = SeededRandomSource(seed: 3)
      var id: Int64 = 1
      var removed = 0
      for _ in 0..<12 {
        for _ in 0..<3 {
          fixture.clock.advance(milliseconds: day * 2)
          try await fixture.pay(id...id)
          id += 1
        }
        #expect(await fixture.service.waitUntilArchived(seconds: 20))
        if random.uint64() % 2 == 0 { _ = try await fixture.service.snapshot(tenant) }
        // By name: what is stored meanwhile does not hide what goes.
        let before = Set(try await fixture.archive.objects.list("").map(\.name))
        try await fixture.service.removeOld()
        removed += before.subtracting(try await fixture.archive.objects.list("").map(\.name)).count
        let now = fixture.clock.milliseconds()
        for _ in 0..<3 {
          let back = Int64(random.uint64() % UInt64(30 * day))
          let time = Timestamp(milliseconds: max(now - back, firstTime))
          let restored = try await fixture.restore(.time(time))
          #expect(restored.position.time <= time)
          let head = try #require(fixture.engine.heads[tenant])
          let first = restored.position.tenantSeq.rawValue
          let wanted = first + random.uint64() % (head.tenantSeq.rawValue - first + 1)
          _ = try await fixture.restore(.tenantSeq(TenantSeq(wanted)))
        }
      }
      #expect(removed > 0, "something was removed, or nothing was tested")
    }
  }
}
