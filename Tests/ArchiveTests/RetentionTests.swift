import Platform
import Simulation
import Storage
import Synchronization
import Testing
import Wire

@testable import Archive

@Suite struct RetentionTests {
  private let day: Int64 = 24 * 3_600_000

  private func snapshot(
    _ seq: UInt64, day: Int64, in cell: CellID = ArchiveFixture.cell, at cellSeq: UInt64? = nil,
    isBase: Bool = false, isImport: Bool = false, beginsAt: CellSeq? = nil, epoch: UInt64 = 1
  ) -> SnapshotManifest {
    let time = Timestamp(milliseconds: day * self.day)
    return SnapshotManifest(
      name: "\(seq)", tenant: ArchiveFixture.tenant, cell: cell, generation: .first,
      cellSeq: CellSeq(cellSeq ?? seq), lineage: Lineage(1), tenantSeq: TenantSeq(seq), hash: "",
      epoch: Epoch(epoch), time: time, schemaVersion: 1, takenAt: time, isBase: isBase || isImport,
      isFork: false, isImport: isImport, beginsAt: beginsAt, files: [], media: [])
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
    #expect(Retention.removable([span], needs: [.nothing]).isEmpty)
    #expect(Retention.removable([span], needs: [.after(CellSeq(8))]).isEmpty)
    #expect(
      Retention.removable([span], needs: [.after(CellSeq(9)), .nothing, .after(CellSeq(40))])
        == [span])
    #expect(Retention.removable([span], needs: [.after(CellSeq(9)), .everything]).isEmpty)
  }

  private func need(
    _ snapshots: [SnapshotManifest], day: Int64, last: UInt64 = 99, idleThrough: UInt64 = 0
  ) -> Retention.Need {
    Retention.standard.need(
      snapshots, of: ArchiveFixture.cell, last: TenantSeq(last),
      at: Timestamp(milliseconds: day * self.day), idleThrough: CellSeq(idleThrough))
  }

  @Test func `who is idle needs what lies behind the last heads that show it`() {
    let all = [snapshot(5, day: 10)]
    #expect(need(all, day: 45, last: 5) == .after(CellSeq(5)))
    #expect(need(all, day: 45, last: 5, idleThrough: 800) == .after(CellSeq(800)))
    #expect(need(all, day: 45, last: 6, idleThrough: 800) == .after(CellSeq(5)))
  }

  @Test func `what a tenant needs begins behind the last snapshot before the window`() {
    let all = [snapshot(4, day: 1), snapshot(5, day: 10), snapshot(9, day: 20)]
    #expect(need(all, day: 45) == .after(CellSeq(5)))
    #expect(need(all, day: 29) == .everything)
    #expect(
      need([snapshot(4, day: 1, beginsAt: CellSeq(3))], day: 5) == .after(CellSeq(2)))
    #expect(need([], day: 5) == .everything)
  }

  @Test func `of a tenant that came, what came with it is enough`() {
    let other = CellID(trusted: "c2")
    let before = [snapshot(4, day: 1, in: other, beginsAt: CellSeq(3))]
    let came = before + [snapshot(6, day: 3, at: 70, isImport: true)]
    // Its history before is in the other cell, whose journal it needs there.
    #expect(need(came, day: 5) == .after(CellSeq(70)))
    #expect(need(came + [snapshot(9, day: 4, at: 90)], day: 5) == .after(CellSeq(70)))
    #expect(need(came, day: 40) == .after(CellSeq(70)))
    #expect(
      need(came + [snapshot(9, day: 4, at: 90)], day: 40) == .after(CellSeq(90)))
    // Nobody knows whether it was made here, and left before its first snapshot.
    #expect(need([snapshot(6, day: 3, at: 70, isImport: true)], day: 5) == .everything)
  }

  @Test func `of a tenant that left, nothing is needed once another cell's snapshot is old`() {
    let other = CellID(trusted: "c2")
    let all = [
      snapshot(4, day: 1, beginsAt: CellSeq(3)),
      snapshot(5, day: 2, in: other, at: 700, isImport: true),
      snapshot(9, day: 3, in: other, at: 800),
    ]
    #expect(need(all, day: 5, last: 6) == .after(CellSeq(2)))
    #expect(need(all, day: 32, last: 6) == .after(CellSeq(4)))
    #expect(need(all, day: 40, last: 6) == .nothing)
    // It came back, and there is no snapshot of that yet.
    #expect(need(all, day: 40, last: 11) == .everything)
    let back = all + [snapshot(10, day: 36, at: 60, isImport: true)]
    #expect(need(back, day: 40, last: 11) == .after(CellSeq(60)))
  }

  @Test func `a stay here without a snapshot of its own is kept while the one before is needed`() {
    let other = CellID(trusted: "c2")
    // There, here without a snapshot but what it came with, elsewhere, and here again.
    let all = [
      snapshot(5, day: 1, in: ArchiveFixture.cell, at: 50, isImport: true, epoch: 2),
      snapshot(8, day: 2, in: other, at: 700),
      snapshot(20, day: 36, at: 90, isImport: true, epoch: 4),
    ]
    #expect(need(all, day: 40, last: 22) == .after(CellSeq(50)))
    #expect(kept(all, day: 40) == [5, 8, 20])
    // Once a snapshot of the stay elsewhere is before the window, it goes.
    let later =
      all + [
        snapshot(15, day: 30, in: CellID(trusted: "c3"), at: 8, epoch: 3)
      ]
    #expect(need(later, day: 62, last: 22) == .after(CellSeq(90)))
    #expect(kept(later, day: 62) == [15, 20])
  }

  @Test func `a retired cell's journal goes a window after it was seen retired`() async throws {
    let gone = CellID(trusted: "c9")
    let retired = Mutex<Set<CellID>>([gone])
    try await withArchive { fixture in
      for cell in [gone, CellID(trusted: "c8")] {
        try await fixture.archive.claim(
          Claim(
            cell: cell, generation: .first, firstSeq: CellSeq(1), previousHash: "",
            claimedAt: .zero))
        for seq in UInt64(1)...3 {
          let span = JournalSpan(generation: .first, first: CellSeq(seq), last: CellSeq(seq))
          try await fixture.archive.put(ArchiveNames.journal(cell, span), [1])
        }
      }
      var environment = fixture.service.environment
      environment.retiredCells = { retired.withLock { $0 } }
      let journals = RetiredJournals(environment)
      func left(_ cell: CellID = CellID(trusted: "c9")) async throws -> Int {
        try await fixture.archive.objects.list(ArchiveNames.journal(cell)).count
      }
      func look(day: Int64) async throws {
        try await journals.look(at: Timestamp(milliseconds: day * self.day))
      }
      try await look(day: 100)
      try await look(day: 129)
      #expect(try await left() == 3)
      // Seen as another one meanwhile: the window begins anew.
      retired.withLock { $0 = [] }
      try await look(day: 129)
      retired.withLock { $0 = [gone] }
      try await look(day: 130)
      try await look(day: 131)
      #expect(try await left() == 3)
      try await look(day: 160)
      // The last one says where the journal ends.
      #expect(try await left() == 1)
      #expect(try await fixture.archive.claims(gone).count == 1)
      #expect(try await left(CellID(trusted: "c8")) == 3)
    }
  }

  @Test func `after every removal and merge each point of the window is restorable`()
    async throws
  {
    let tenant = ArchiveFixture.tenant
    try await withArchive(merging: MergeRule(fewest: 2)) { fixture in
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
        #expect(await fixture.service.waitUntilArchived(seconds: 120))
        if random.uint64() % 2 == 0 { _ = try await fixture.service.snapshot(tenant) }
        // By name: what is stored meanwhile does not hide what goes.
        let before = Set(try await fixture.archive.objects.list("").map(\.name))
        await fixture.service.mergeJournal()
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
      #expect(fixture.service.status.merged > 0, "something was merged, or nothing was tested")
    }
  }
}
