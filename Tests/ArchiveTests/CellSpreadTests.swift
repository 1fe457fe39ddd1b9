import Platform
import Storage
import StorageFixtures
import Testing
import Wire

@testable import Archive

@Suite("A lost cell's tenants in another cell") struct CellSpreadTests {
  private let tenant = ArchiveFixture.tenant
  private let files = LiveFileSystem()
  private let lineage = Lineage(41)

  /// Brings the tenant into `fixture` out of the lost cell's archive, as a cell does.
  private func take(
    _ fixture: ArchiveFixture, from lost: CellID, epoch: Epoch = Epoch(2)
  ) async throws {
    let plan = try await fixture.service.plan(of: lost)
    defer { plan.close() }
    let before = fixture.engine.heads[tenant]
    let restored = try await plan.restore(
      tenant, schema: TestSchema.store(),
      into: fixture.engine.preparedDirectory(tenant, lineage), lineage: lineage)
    let at = restored.position
    try await fixture.service.storeBase(
      tenant, restored, lineage: lineage,
      before: fixture.service.head(before: at, of: tenant, epoch: epoch), isFork: false)
    try await fixture.engine.install(
      tenant, lineage: lineage, epoch: epoch,
      origin: RestoreOrigin(
        tenant: tenant, lineage: at.lineage, tenantSeq: at.tenantSeq, hash: at.hash,
        isFork: false),
      expected: before)
  }

  private func other(_ old: ArchiveFixture, _ directory: String, seed: UInt64 = 5) async throws
    -> ArchiveFixture
  {
    let fixture = try await ArchiveFixture(
      directory, clock: old.clock, seed: seed, data: "other", cell: CellID(trusted: "c2"))
    fixture.start()
    return fixture
  }

  private func lose(_ directory: String) async throws -> ArchiveFixture {
    let old = try await ArchiveFixture(directory)
    try await old.engine.create(tenant, epoch: .first)
    old.start()
    try await old.pay(1...6)
    _ = try #require(try await old.service.snapshot(tenant))
    try await old.pay(7...10)
    #expect(await old.service.waitUntilArchived(seconds: 120))
    return old
  }

  @Test func `all that was archived is there, verified, and every point of both cells can be had`()
    async throws
  {
    try await withTemporaryDirectory { directory in
      let old = try await lose(directory)
      let before = try await old.engine.digest(tenant, recompute: true)
      await old.close()
      let new = try await other(old, directory)
      _ = try await new.service.end(old.cell)
      try await take(new, from: old.cell)
      let after = try await new.engine.digest(tenant, recompute: true)
      #expect(after.files == before.files)
      #expect(new.engine.heads[tenant]?.epoch == Epoch(2))

      try await new.pay(20...22)
      #expect(await new.service.waitUntilArchived(seconds: 120))
      #expect(new.service.status.problems.isEmpty)
      let served = try await new.engine.digest(tenant, recompute: true)
      let latest = try await new.restore(.latest)
      #expect(latest.position.tenantSeq == served.tenantSeq)
      for file in latest.files { #expect(served.files[file.name] == file.digest) }
      // From the lost cell's journal, long after it.
      let early = try await new.restore(.tenantSeq(TenantSeq(9)))
      #expect(early.position.tenantSeq == TenantSeq(9))
      await new.close()

      let again = try await other(old, directory, seed: 6)
      #expect(again.engine.problems.isEmpty)
      let kept = try await again.engine.digest(tenant, recompute: true)
      #expect(kept.files == served.files)
      await again.close()
    }
  }

  @Test func `its end is above every generation, claimed once, and nothing uploaded later counts`()
    async throws
  {
    try await withTemporaryDirectory { directory in
      let old = try await lose(directory)
      let new = try await other(old, directory)
      let end = try await new.service.end(old.cell)
      #expect(try await new.service.end(old.cell) == end)
      // The old process goes on: it hears that it was ended, and what it had is nobody's.
      try await old.pay(30...32)
      while old.service.fencedBy == nil { await Task.yield() }
      #expect(old.service.fencedBy == .ended)
      let lower = await code { () async throws(ArchiveError) in
        _ = try await CellTakeover(new.archive, cell: old.cell).claim(Generation(7), at: .zero)
      }
      #expect(lower == "archive_fenced")
      try await take(new, from: old.cell)
      #expect(new.engine.heads[tenant]?.tenantSeq == TenantSeq(12))
      await old.close()
      await new.close()
    }
  }

  @Test func `a tenant that had left comes back, and the journal proves itself`() async throws {
    try await withTemporaryDirectory { directory in
      let old = try await lose(directory)
      await old.close()
      let new = try await other(old, directory)
      // It lived here before, and went to the lost cell: two records of an older history.
      try await new.engine.create(tenant, epoch: .first)
      try await new.engine.beginMove(tenant, to: old.cell, under: Epoch(2))
      _ = try await new.engine.fence(tenant, within: 60_000_000_000)
      let here = try #require(new.engine.heads[tenant])
      _ = try await new.engine.releaseMove(
        tenant, to: old.cell, under: Epoch(2), ready: here.hash, mayBegin: { true })
      await #expect(throws: Failure.self) { try await take(new, from: old.cell) }
      try await take(new, from: old.cell, epoch: Epoch(3))
      #expect(new.engine.heads[tenant]?.ownership == .owned)
      try await new.pay(40...41)
      let served = try await new.engine.digest(tenant, recompute: true)
      await new.close()
      let report = try JournalVerification.run(
        directory: "\(directory)/other/journal", files: files)
      #expect(report.ok && report.chainBreaks.isEmpty, "\(report)")
      let again = try await other(old, directory, seed: 7)
      #expect(again.engine.problems.isEmpty)
      #expect(try await again.engine.digest(tenant, recompute: true).files == served.files)
      await again.close()
    }
  }

  @Test func `nothing is begun over a tenant that is on its way here`() async throws {
    try await withTemporaryDirectory { directory in
      let old = try await lose(directory)
      let new = try await other(old, directory)
      try await old.engine.beginMove(tenant, to: new.cell, under: Epoch(2))
      try new.engine.prepareImport(tenant, under: Epoch(2))
      let snapshot = try await old.engine.snapshot(
        tenant, into: new.engine.importDirectory(tenant, under: Epoch(2)))
      let head = snapshot.head
      try await new.engine.beginImport(
        MoveImport(
          tenant: tenant, lineage: head.lineage, epoch: Epoch(2), source: old.cell,
          tenantSeq: head.tenantSeq, hash: head.hash, time: head.time,
          schemaVersion: head.schemaVersion, nextDue: head.nextDue))
      await #expect(throws: Failure.self) { try await take(new, from: old.cell, epoch: Epoch(3)) }
      #expect(new.engine.heads[tenant]?.ownership == .importing)
      await old.close()
      await new.close()
    }
  }
}
