import Platform
import Storage
import StorageFixtures
import Testing
import Wire

@testable import Archive

@Suite("Small objects of a journal are merged") struct JournalMergerTests {
  private let tenant = ArchiveFixture.tenant
  private let cell = ArchiveFixture.cell
  private let hour: Int64 = 3_600_000

  /// Several objects with a payment or more in each.
  private func fill(
    _ fixture: ArchiveFixture, _ ids: ClosedRange<Int64>
  ) async throws {
    for id in ids {
      try await fixture.pay(id...id)
      #expect(await fixture.service.waitUntilArchived(seconds: 120))
    }
  }

  private func stored(_ fixture: ArchiveFixture) async throws -> [String] {
    try await fixture.archive.objects.list(ArchiveNames.journal(cell)).map(\.name)
  }

  private func groups(_ fixture: ArchiveFixture) async throws -> [DurableGroup] {
    var all: [DurableGroup] = []
    try await ArchivedObjects(archive: fixture.archive, cell: cell).read(after: CellSeq(0)) {
      all += $1
      return true
    }
    return all
  }

  private func began(_ fixture: ArchiveFixture) async throws {
    try await fixture.engine.create(tenant, epoch: .first)
    fixture.start()
  }

  @Test func `one object takes their place, they go an hour later, and nothing else changes`()
    async throws
  {
    try await withArchive(merging: MergeRule(fewest: 4)) { fixture in
      try await began(fixture)
      try await fill(fixture, 1...6)
      let before = try await groups(fixture)
      let small = try await stored(fixture)
      #expect(small.count >= 6)
      await fixture.service.mergeJournal()
      #expect(try await stored(fixture).count == small.count + 1)
      #expect(try await groups(fixture) == before)
      fixture.clock.advance(milliseconds: hour - 1)
      await fixture.service.mergeJournal()
      #expect(try await stored(fixture).count == small.count + 1)
      fixture.clock.advance(milliseconds: 1)
      await fixture.service.mergeJournal()
      #expect(try await stored(fixture).count == 1)
      #expect(try await groups(fixture) == before)
      // It goes on behind the merged object, and what is new is merged with it where that doubles.
      try await fill(fixture, 7...9)
      let reading = try await fixture.archive.journal(cell)
      #expect(reading.gaps.isEmpty && reading.ignored.isEmpty)
      #expect(try await fixture.restore(.latest).position.tenantSeq == TenantSeq(10))
      for seq in 2...10 as ClosedRange<UInt64> {
        let restored = try await fixture.restore(.tenantSeq(TenantSeq(seq)))
        #expect(restored.position.tenantSeq == TenantSeq(seq))
      }
      #expect(fixture.service.status.problems.isEmpty)
      #expect(Int(fixture.service.status.merged) == small.count)
    }
  }

  @Test func `after a restart it merges what it finds, and removes what was merged before`()
    async throws
  {
    let store = FaultyStore()
    try await withTemporaryDirectory { directory in
      let rule = MergeRule(fewest: 4)
      let first = try await ArchiveFixture(directory, store: store, merging: rule)
      try await began(first)
      try await fill(first, 1...5)
      await first.service.mergeJournal()
      try await fill(first, 6...7)
      let before = try await groups(first)
      await first.close()
      let second = try await ArchiveFixture(
        directory, store: store, clock: first.clock, seed: 2, merging: rule)
      second.start()
      await second.service.mergeJournal()
      second.clock.advance(milliseconds: hour)
      await second.service.mergeJournal()
      let reading = try await second.archive.journal(cell)
      #expect(reading.covered.isEmpty && reading.gaps.isEmpty)
      #expect(try await groups(second).starts(with: before))
      await second.close()
    }
  }

  @Test func `whoever has listed them reads on in the longer one`() async throws {
    let store = FaultyStore()
    try await withArchive(store: store, merging: MergeRule(fewest: 4)) { fixture in
      try await began(fixture)
      try await fill(fixture, 1...20)
      let before = try await groups(fixture)
      var read: [DurableGroup] = []
      var turns = 0
      try await ArchivedObjects(archive: fixture.archive, cell: cell).read(after: CellSeq(0)) {
        _, groups in
        read += groups
        turns += 1
        if turns == 3 {
          await fixture.service.mergeJournal()
          fixture.clock.advance(milliseconds: hour)
          await fixture.service.mergeJournal()
          let left = try await stored(fixture).count
          #expect(left < 5)
        }
        return true
      }
      #expect(turns > 3)
      #expect(read == before)
    }
  }

  @Test func `what cannot be read stays, is named, and holds nothing else up`() async throws {
    let store = FaultyStore()
    try await withArchive(store: store, merging: MergeRule(fewest: 4, most: 4)) { fixture in
      try await began(fixture)
      try await fill(fixture, 1...12)
      let small = try await stored(fixture)
      let damaged = try #require(small.dropFirst(1).first)
      store.edit { $0[damaged]?[200] ^= 1 }
      for _ in 0..<2 {
        await fixture.service.mergeJournal()
        fixture.clock.advance(milliseconds: hour)
      }
      let left = try await stored(fixture)
      #expect(Set(small.prefix(4)).isSubset(of: left))
      #expect(left.count < small.count)
      let problem = try #require(fixture.service.status.problems.first)
      #expect(problem.code == "archive_object_damaged")
      #expect(problem.detail.contains(damaged))
    }
  }

  @Test func `what retention took meanwhile is no problem; what is lost is one`() async throws {
    let store = FaultyStore()
    try await withArchive(store: store, merging: MergeRule(fewest: 4, most: 4)) { fixture in
      try await began(fixture)
      try await fill(fixture, 1...4)
      await fixture.service.mergeJournal()
      try await fill(fixture, 5...12)
      let gone = try #require(try await stored(fixture).last { $0.contains("-") })
      store.edit { $0[gone] = nil }
      for _ in 0..<3 { await fixture.service.mergeJournal() }
      #expect(fixture.service.status.problems.isEmpty)
      #expect(try await fixture.archive.journal(cell).spans.count < 12)
    }
  }

  @Test func `a store that lies about the merged object costs nothing`() async throws {
    let store = FaultyStore()
    try await withArchive(store: store, merging: MergeRule(fewest: 4)) { fixture in
      try await began(fixture)
      try await fill(fixture, 1...6)
      let before = try await groups(fixture)
      store.fail([.lies])
      await fixture.service.mergeJournal()
      #expect(fixture.service.status.problems.map(\.code) == ["archive_merging_failing"])
      fixture.clock.advance(milliseconds: hour)
      await fixture.service.mergeJournal()
      #expect(fixture.service.status.problems.isEmpty)
      #expect(try await groups(fixture) == before)
      fixture.clock.advance(milliseconds: hour)
      await fixture.service.mergeJournal()
      #expect(try await stored(fixture).count == 1)
      #expect(try await groups(fixture) == before)
    }
  }

  @Test func `a half stored merged object is never read instead of what it was made of`()
    async throws
  {
    let store = FaultyStore()
    try await withArchive(store: store, merging: MergeRule(fewest: 4)) { fixture in
      try await began(fixture)
      try await fill(fixture, 1...6)
      let before = try await groups(fixture)
      store.fail([.halves])
      // Stored by half; found so and taken away; stored.
      for looks in 1...3 {
        await fixture.service.mergeJournal()
        #expect(try await groups(fixture) == before)
        #expect(fixture.service.status.problems.isEmpty == (looks == 3))
      }
      #expect(fixture.service.status.merged > 0)
    }
  }

  @Test func `what a merged object was made of stays where that is damaged within the hour`()
    async throws
  {
    let store = FaultyStore()
    try await withArchive(store: store, merging: MergeRule(fewest: 4)) { fixture in
      try await began(fixture)
      try await fill(fixture, 1...6)
      let before = try await groups(fixture)
      let small = try await stored(fixture)
      await fixture.service.mergeJournal()
      let merged = try #require(try await stored(fixture).first { !small.contains($0) })
      store.edit { $0[merged]?[200] ^= 1 }
      fixture.clock.advance(milliseconds: hour)
      await fixture.service.mergeJournal()
      #expect(Set(small).isSubset(of: try await stored(fixture)))
      #expect(fixture.service.status.problems.map(\.code) == ["archive_object_damaged"])
      #expect(try await groups(fixture) == before)
      #expect(try await fixture.restore(.latest).position.tenantSeq == TenantSeq(7))
      // Where they are gone too, nobody reads over it.
      store.edit { $0[small[2]] = nil }
      let code = await code { () throws(ArchiveError) in
        do { _ = try await groups(fixture) } catch let error as ArchiveError { throw error } catch {
          throw .unreachable("\(error)")
        }
      }
      #expect(code == "archive_object_damaged")
    }
  }

  @Test func `whoever is replaced removes nothing any more`() async throws {
    try await withArchive(merging: MergeRule(fewest: 4)) { fixture in
      try await began(fixture)
      try await fill(fixture, 1...6)
      await fixture.service.mergeJournal()
      let before = try await stored(fixture)
      _ = try await CellTakeover(fixture.archive, cell: cell).claim(
        Generation(2), at: Timestamp(milliseconds: fixture.clock.milliseconds()))
      fixture.clock.advance(milliseconds: hour)
      await fixture.service.mergeJournal()
      #expect(try await stored(fixture) == before)
    }
  }
}
