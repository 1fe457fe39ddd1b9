import Platform
import Storage
import StorageFixtures
import Testing
import Wire

@testable import Archive

@Suite("A whole cell out of the archive") struct CellRestoreTests {
  private let one = TenantID(trusted: "t1")
  private let two = TenantID(trusted: "t2")
  private let files = LiveFileSystem()

  /// Two tenants, the second one active last; one with a snapshot in the middle.
  private func fill(_ fixture: ArchiveFixture) async throws {
    for tenant in [one, two] { try await fixture.engine.create(tenant, epoch: .first) }
    fixture.start()
    try await fixture.pay(1...10, two)
    try await fixture.pay(1...8, one)
    _ = try #require(try await fixture.service.snapshot(one))
    try await fixture.pay(9...12, one)
    try await fixture.pay(11...15, two)
    #expect(await fixture.service.waitUntilArchived(seconds: 120))
  }

  private func now(_ fixture: ArchiveFixture) -> Timestamp {
    Timestamp(milliseconds: fixture.clock.milliseconds())
  }

  /// The cell again on an empty disk, its journal behind what is archived.
  private func successor(
    _ old: ArchiveFixture, _ directory: String, data: String = "new", seed: UInt64 = 5
  ) async throws -> ArchiveFixture {
    let end = try await CellTakeover(old.archive, cell: ArchiveFixture.cell)
      .claim(Generation(2), at: now(old))
    try files.createDirectory("\(directory)/\(data)")
    try JournalSeed.write(
      dataDirectory: "\(directory)/\(data)", cell: ArchiveFixture.cell,
      generation: Generation(2), after: end, files: files)
    return try await ArchiveFixture(
      directory, clock: old.clock, seed: seed, data: data, generation: Generation(2))
  }

  private func bringBack(_ fixture: ArchiveFixture, _ plan: CellRestorePlan) async throws {
    for tenant in plan.tenants.map(\.id) {
      let lineage = Lineage(UInt64(100) + UInt64(tenant.rawValue.utf8.last ?? 0))
      let restored = try await plan.restore(
        tenant, schema: TestSchema.store(),
        into: fixture.engine.preparedDirectory(tenant, lineage), lineage: lineage)
      try await fixture.engine.install(
        tenant, lineage: lineage, epoch: .first, origin: fixture.origin(restored), expected: nil)
    }
  }

  /// A follower that takes over has what the archive lacks, and claims behind the archive.
  @Test func `a snapshot past the claim counts where the next generation went on from it`()
    async throws
  {
    try await withArchive { fixture in
      try await fixture.startArchived(1...10, of: one)
      let end = try await fixture.archive.journal(ArchiveFixture.cell).spans.last?.last
      try await fixture.pay(11...12, one)
      let later = try #require(try await fixture.service.snapshot(one))
      try await fixture.pay(13...14, one)
      #expect(await fixture.service.waitUntilArchived(seconds: 120))
      // The same records, as the next generation would have stored them.
      for span in try await fixture.archive.journal(ArchiveFixture.cell).spans
      where span.first > end ?? CellSeq(0) {
        let groups = try await fixture.archive.groups(ArchiveFixture.cell, span)
        var again = span
        again.generation = Generation(2)
        let name = ArchiveNames.journal(ArchiveFixture.cell, again)
        try await fixture.archive.put(name, JournalObject.encode(groups))
      }
      try await fixture.archive.claim(
        Claim(
          cell: ArchiveFixture.cell, generation: Generation(2),
          firstSeq: (end ?? CellSeq(0)).next, previousHash: "", claimedAt: now(fixture)))
      let counted = try await fixture.archive.snapshots(one)
      #expect(counted.isEmpty)
      let restored = try await fixture.restore(.latest, one)
      #expect(restored.snapshot == later.name)
      let there = try await fixture.restore(.tenantSeq(later.tenantSeq), one)
      #expect(there.snapshot == later.name)
    }
  }

  @Test func `what the old process still snapshots after the claim is nobody's`() async throws {
    try await withTemporaryDirectory { directory in
      let old = try await ArchiveFixture(directory)
      try await fill(old)
      let new = try await successor(old, directory)
      // It has not heard of its successor, and stores a later state than there ever was; one that
      // archives at the same time would wait for its journal, in vain.
      try await old.pay(13...15, one)
      let deaf = ArchiveService(old.service.environment)
      let stray = try #require(try await deaf.snapshot(one))
      let counted = try await new.archive.snapshots(one)
      #expect(!counted.contains(stray))
      #expect(counted.count == 1)

      let plan = try await CellRestorePlan(
        new.archive, cell: ArchiveFixture.cell, scratch: "\(directory)/scratch", files: files)
      try await bringBack(new, plan)
      plan.close()
      let back = try #require(new.engine.heads[one]).tenantSeq
      #expect(back < stray.tenantSeq)
      new.start()
      try await new.pay(50...58, one)
      #expect(await new.service.waitUntilArchived(seconds: 120))
      let served = try await new.engine.digest(one, recompute: true)
      for target in [RestoreTarget.latest, .tenantSeq(served.tenantSeq)] {
        let restored = try await new.restore(target, one)
        for file in restored.files { #expect(served.files[file.name] == file.digest) }
      }
      // The number that both have is the successor's record.
      let both = try await new.restore(.tenantSeq(stray.tenantSeq), one)
      #expect("\(both.position.hash)" != stray.hash)
      await old.close()
      await new.close()
    }
  }

  @Test func `it comes back on an empty disk, and what it writes next is archived without a gap`()
    async throws
  {
    try await withTemporaryDirectory { directory in
      let old = try await ArchiveFixture(directory)
      try await fill(old)
      var before: [TenantID: StorageEngine.TenantDigest] = [:]
      for tenant in [one, two] {
        before[tenant] = try await old.engine.digest(tenant, recompute: false)
      }
      await old.close()

      let new = try await successor(old, directory)
      #expect(new.engine.problems.isEmpty)
      #expect(new.engine.heads.isEmpty)
      let plan = try await CellRestorePlan(
        new.archive, cell: ArchiveFixture.cell, scratch: "\(directory)/scratch", files: files)
      #expect(plan.tenants.map(\.id) == [two, one])
      // The one without a snapshot is read by itself, from its first record on.
      #expect(plan.tenants.map(\.records) == [5, 4])
      try await bringBack(new, plan)
      plan.close()
      #expect(try !files.exists("\(directory)/scratch"))
      for tenant in [one, two] {
        let after = try await new.engine.digest(tenant, recompute: true)
        #expect(after.files == before[tenant]?.files)
        #expect(after.tenantSeq == before[tenant]?.tenantSeq)
      }

      new.start()
      try await new.pay(50...53, one)
      #expect(await new.service.waitUntilArchived(seconds: 120))
      #expect(new.service.status.problems.isEmpty)
      // From the old generation's snapshot over the new branch to the last record: no base.
      let latest = try await new.restore(.latest, one)
      let served = try await new.engine.digest(one, recompute: true)
      #expect(latest.position.tenantSeq == served.tenantSeq)
      for file in latest.files { #expect(served.files[file.name] == file.digest) }
      let earlier = try await new.restore(.tenantSeq(TenantSeq(11)), one)
      #expect(earlier.position.tenantSeq == TenantSeq(11))
      await new.close()

      let again = try await ArchiveFixture(
        directory, clock: old.clock, seed: 6, data: "new", generation: Generation(2))
      #expect(again.engine.problems.isEmpty)
      let kept = try await again.engine.digest(one, recompute: true)
      #expect(kept.files == served.files)
      await again.close()
    }
  }

  @Test func `what the old process uploads after the claim is nobody's, and it hears so`()
    async throws
  {
    try await withTemporaryDirectory { directory in
      let old = try await ArchiveFixture(directory)
      try await fill(old)
      let takeover = CellTakeover(old.archive, cell: ArchiveFixture.cell)
      let end = try await takeover.claim(Generation(2), at: now(old))
      try await old.pay(20...22, one)
      while !old.service.status.problems.contains(where: { $0.code == "archive_fenced" }) {
        await Task.yield()
      }
      #expect(try await takeover.claim(Generation(2), at: now(old)) == end)
      let lower = await code { () async throws(ArchiveError) in
        _ = try await takeover.claim(.first, at: self.now(old))
      }
      #expect(lower == "archive_fenced")
      let plan = try await CellRestorePlan(
        old.archive, cell: ArchiveFixture.cell, scratch: "\(directory)/scratch", files: files)
      let restored = try await plan.restore(
        one, schema: TestSchema.store(), into: "\(directory)/restored", lineage: Lineage(9))
      #expect(restored.position.tenantSeq == TenantSeq(13))
      await old.close()
    }
  }

  @Test func `a damaged last snapshot costs time, not the tenant`() async throws {
    let store = FaultyStore()
    try await withTemporaryDirectory { directory in
      let fixture = try await ArchiveFixture(directory, store: store)
      try await fill(fixture)
      let part = try #require(
        store.names.first { $0.contains("/snapshots/") && !$0.hasSuffix("manifest") })
      store.edit { $0[part]?[60] ^= 1 }
      let plan = try await CellRestorePlan(
        fixture.archive, cell: ArchiveFixture.cell, scratch: "\(directory)/scratch", files: files)
      await #expect(throws: ArchiveError.self) {
        try await plan.restore(
          one, schema: TestSchema.store(), into: "\(directory)/restored", lineage: Lineage(9))
      }
      let other = try await plan.restore(
        two, schema: TestSchema.store(), into: "\(directory)/restored", lineage: Lineage(9))
      #expect(other.position.tenantSeq == TenantSeq(16))
      await fixture.close()
    }
  }

  @Test func `a directory that has a journal is not seeded`() async throws {
    try await withArchive { fixture in
      try await fixture.engine.create(one, epoch: .first)
      await fixture.engine.close()
      let place = "\(fixture.directory)/cell"
      #expect(try !JournalSeed.isEmpty(dataDirectory: place, files: files))
      let end = JournalEnd(group: 7, seq: CellSeq(9), hash: .zero)
      #expect(throws: JournalError.self) {
        try JournalSeed.write(
          dataDirectory: place, cell: ArchiveFixture.cell, generation: Generation(2), after: end,
          files: files)
      }
    }
  }
}
