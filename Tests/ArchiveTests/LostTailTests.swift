import Platform
import Storage
import StorageFixtures
import Testing
import Wire

@testable import Archive

@Suite("The journal's last objects are lost") struct LostTailTests {
  private let quiet = TenantID(trusted: "t1")
  private let other = TenantID(trusted: "t2")
  private let cell = ArchiveFixture.cell
  private let files = LiveFileSystem()

  private func now(_ fixture: ArchiveFixture) -> Timestamp {
    Timestamp(milliseconds: fixture.clock.milliseconds())
  }

  /// Two tenants whose last objects are lost; of the other one a snapshot shows what they held.
  private func fill(_ fixture: ArchiveFixture, _ store: FaultyStore) async throws {
    for tenant in [quiet, other] { try await fixture.engine.create(tenant, epoch: .first) }
    fixture.start()
    for tenant in [quiet, other] { try await fixture.pay(1...3, tenant) }
    _ = try #require(try await fixture.service.snapshot(quiet))
    let kept = Set(store.names)
    try await fixture.pay(4...5, quiet)
    try await fixture.pay(4...6, other)
    _ = try #require(try await fixture.service.snapshot(other))
    #expect(await fixture.service.waitUntilArchived(seconds: 120))
    await fixture.close()
    let lost = store.names.filter { $0.hasPrefix("journal/") && !kept.contains($0) }
    #expect(!lost.isEmpty)
    store.edit { for name in lost { $0[name] = nil } }
  }

  private func successor(
    _ old: ArchiveFixture, _ directory: String, _ store: FaultyStore
  ) async throws -> ArchiveFixture {
    let end = try await CellTakeover(old.archive, cell: cell).claim(Generation(2), at: now(old))
    try files.createDirectory("\(directory)/new")
    try JournalSeed.write(
      dataDirectory: "\(directory)/new", cell: cell, generation: Generation(2), after: end,
      files: files)
    return try await ArchiveFixture(
      directory, store: store, clock: old.clock, seed: 5, data: "new", generation: Generation(2))
  }

  private func bringBack(
    _ fixture: ArchiveFixture
  ) async throws -> [TenantID: RestoredTenant] {
    let plan = try await CellRestorePlan(
      fixture.archive, cell: cell, scratch: "\(fixture.directory)/scratch", files: files)
    defer { plan.close() }
    var back: [TenantID: RestoredTenant] = [:]
    for tenant in [quiet, other] {
      let lineage = Lineage(UInt64(100) + UInt64(tenant.rawValue.utf8.last ?? 0))
      let restored = try await plan.restore(
        tenant, schema: TestSchema.store(),
        into: fixture.engine.preparedDirectory(tenant, lineage), lineage: lineage,
        acceptsMissing: true)
      back[tenant] = restored
      try await fixture.engine.install(
        tenant, lineage: lineage, epoch: .first, origin: fixture.origin(restored), expected: nil)
    }
    return back
  }

  @Test func `what snapshots show comes back, and who lacks records is named`() async throws {
    let store = FaultyStore()
    try await withTemporaryDirectory { directory in
      let old = try await ArchiveFixture(directory, store: store)
      try await fill(old, store)
      let new = try await successor(old, directory, store)
      let back = try await bringBack(new)
      #expect(back[other]?.position.tenantSeq == TenantSeq(7))
      #expect(back[other]?.missing == nil)
      #expect(back[quiet]?.position.tenantSeq == TenantSeq(4))
      #expect(back[quiet]?.missing != nil)
      // Its own writing goes on behind the lost positions, and is archived and restored.
      new.start()
      for tenant in [quiet, other] { try await new.pay(50...53, tenant) }
      #expect(await new.service.waitUntilArchived(seconds: 120))
      #expect(new.service.status.problems.isEmpty)
      for tenant in [quiet, other] {
        let served = try await new.engine.digest(tenant, recompute: true)
        let latest = try await new.restore(.latest, tenant)
        #expect(latest.position.tenantSeq == served.tenantSeq)
        for file in latest.files { #expect(served.files[file.name] == file.digest) }
      }
      await new.close()
    }
  }

  @Test func `the claim is the same when it is repeated, and shuts the old process out`()
    async throws
  {
    let store = FaultyStore()
    try await withTemporaryDirectory { directory in
      let old = try await ArchiveFixture(directory, store: store)
      try await fill(old, store)
      let before = try #require(try await old.archive.journal(cell).spans.last)
      let takeover = CellTakeover(old.archive, cell: cell)
      let end = try await takeover.claim(Generation(2), at: now(old))
      #expect(end.seq > before.last)
      #expect(try await takeover.claim(Generation(2), at: now(old)) == end)
      let reading = try await old.archive.journal(cell)
      #expect(reading.lostTail == before.last.next...end.seq)
      // An object of the old process that comes late lies in the lost positions: nobody's.
      let groups = try await old.archive.groups(cell, before)
      let late = JournalSpan(
        generation: .first, first: before.last.next, last: before.last.next)
      try await old.archive.put(ArchiveNames.journal(cell, late), JournalObject.encode(groups))
      #expect(try await old.archive.journal(cell).ignored == [late])
      #expect(try await takeover.claim(Generation(2), at: now(old)) == end)
    }
  }

  @Test func `with every object gone a tenant comes back from its snapshot`() async throws {
    let store = FaultyStore()
    try await withTemporaryDirectory { directory in
      let old = try await ArchiveFixture(directory, store: store)
      try await fill(old, store)
      let lost = store.names.filter { $0.hasPrefix("journal/") }
      store.edit { for name in lost { $0[name] = nil } }
      let new = try await successor(old, directory, store)
      let back = try await bringBack(new)
      #expect(back[other]?.position.tenantSeq == TenantSeq(7))
      #expect(back[quiet]?.position.tenantSeq == TenantSeq(4))
      #expect(back[quiet]?.missing != nil)
      new.start()
      try await new.pay(50...53, other)
      #expect(await new.service.waitUntilArchived(seconds: 120))
      #expect(new.service.status.problems.isEmpty)
      let served = try await new.engine.digest(other, recompute: true)
      let latest = try await new.restore(.latest, other)
      #expect(latest.position.tenantSeq == served.tenantSeq)
      await new.close()
    }
  }

  @Test func `a store that fails in the middle leads to no older state`() async throws {
    let store = FaultyStore()
    try await withTemporaryDirectory { directory in
      let old = try await ArchiveFixture(directory, store: store)
      try await fill(old, store)
      _ = try await CellTakeover(old.archive, cell: cell).claim(Generation(2), at: now(old))
      let plan = try await CellRestorePlan(
        old.archive, cell: cell, scratch: "\(directory)/scratch", files: files)
      defer { plan.close() }
      func restore() async throws -> RestoredTenant {
        try await plan.restore(
          other, schema: TestSchema.store(), into: "\(directory)/restored", lineage: Lineage(9),
          acceptsMissing: true)
      }
      store.setDown(true)
      await #expect(throws: ArchiveError.self) { try await restore() }
      store.setDown(false)
      #expect(try await restore().position.tenantSeq == TenantSeq(7))
    }
  }

  @Test func `what an earlier takeover left to nobody fills nothing`() {
    func claim(_ generation: UInt64, _ first: UInt64, resumes: UInt64? = nil) -> Claim {
      Claim(
        cell: cell, generation: Generation(generation), firstSeq: CellSeq(first),
        previousHash: "", claimedAt: .zero, resumesAt: resumes.map { CellSeq($0) })
    }
    func snapshot(_ generation: UInt64, at seq: UInt64) -> SnapshotManifest {
      SnapshotManifest(
        name: "", tenant: other, cell: cell, generation: Generation(generation),
        cellSeq: CellSeq(seq), lineage: Lineage(1), tenantSeq: TenantSeq(1), hash: "",
        epoch: .first, time: .zero, schemaVersion: 1, takenAt: .zero, isBase: false,
        isFork: false, isImport: nil, cameFrom: nil, leaving: nil, beginsAt: nil, files: [],
        media: [])
    }
    let claims = [claim(1, 1), claim(2, 1000), claim(3, 1100, resumes: 1301)]
    #expect(ReaderRule.fillsLostTail(snapshot(2, at: 1200), claims: claims))
    for (generation, seq) in [(UInt64(1), UInt64(1200)), (2, 1301), (2, 1099), (3, 1200)] {
      #expect(!ReaderRule.fillsLostTail(snapshot(generation, at: seq), claims: claims))
    }
    let again = [claim(1, 1), claim(2, 101, resumes: 151), claim(3, 101, resumes: 151)]
    #expect(ReaderRule.fillsLostTail(snapshot(1, at: 150), claims: again))
    #expect(!ReaderRule.fillsLostTail(snapshot(1, at: 151), claims: again))
  }

  @Test func `a second takeover knows what the first one knew`() async throws {
    let store = FaultyStore()
    try await withTemporaryDirectory { directory in
      let old = try await ArchiveFixture(directory, store: store)
      try await fill(old, store)
      let takeover = CellTakeover(old.archive, cell: cell)
      let first = try await takeover.claim(Generation(2), at: now(old))
      // The new machine is lost before it has archived anything.
      let second = try await takeover.claim(Generation(3), at: now(old))
      #expect(second == first)
      #expect(try await takeover.claim(Generation(3), at: now(old)) == first)
      let plan = try await CellRestorePlan(
        old.archive, cell: cell, scratch: "\(directory)/scratch", files: files)
      defer { plan.close() }
      let restored = try await plan.restore(
        other, schema: TestSchema.store(), into: "\(directory)/restored", lineage: Lineage(9),
        acceptsMissing: true)
      #expect(restored.position.tenantSeq == TenantSeq(7))
    }
  }

  @Test func `a snapshot waits until the journal is archived up to it`() async throws {
    let store = FaultyStore()
    try await withArchive(store: store) { fixture in
      try await fixture.startArchived(1...3, of: quiet)
      // A snapshot at a position never stands in the archive before the journal reaches there.
      for id in Int64(10)..<15 {
        try await fixture.pay(id...id, quiet)
        let snapshot = try #require(try await fixture.service.snapshot(quiet))
        let last = try #require(try await fixture.archive.journal(cell).spans.last)
        #expect(last.last >= snapshot.cellSeq)
      }
      // Before that its parts are not stored either: what is tried again would leave them there.
      store.setHeld(true)
      try await fixture.pay(20...20, quiet)
      let before = store.names
      await #expect(throws: ArchiveError.self) { try await fixture.service.snapshot(quiet) }
      #expect(store.names == before)
      store.setHeld(false)
    }
  }
}
