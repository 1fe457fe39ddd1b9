import Platform
import Storage
import StorageFixtures
import Testing
import Wire

@testable import Archive

@Suite("Positions that no object has") struct MissingPositionsTests {
  private let quiet = TenantID(trusted: "t1")
  private let other = TenantID(trusted: "t2")
  private let cell = ArchiveFixture.cell

  /// Two tenants with snapshots; then a record of the quiet one in an object that is lost, and
  /// later ones of the other.
  private func fill(_ fixture: ArchiveFixture, _ store: FaultyStore) async throws {
    for tenant in [quiet, other] { try await fixture.engine.create(tenant, epoch: .first) }
    fixture.start()
    for tenant in [quiet, other] { try await fixture.pay(1...3, tenant) }
    #expect(await fixture.service.waitUntilArchived(seconds: 120))
    for tenant in [quiet, other] { _ = try #require(try await fixture.service.snapshot(tenant)) }
    try await fixture.pay(4...4, quiet)
    #expect(await fixture.service.waitUntilArchived(seconds: 120))
    let lost = try #require(store.names.last { $0.hasPrefix("journal/") })
    for id in 4...6 as ClosedRange<Int64> {
      try await fixture.pay(id...id, other)
      #expect(await fixture.service.waitUntilArchived(seconds: 120))
    }
    store.edit { $0[lost] = nil }
  }

  @Test func `a tenant with a record there is never taken for whole`() async throws {
    let store = FaultyStore()
    try await withArchive(store: store) { fixture in
      try await fill(fixture, store)
      let latest = await code { () throws(ArchiveError) in
        do { _ = try await fixture.restore(.latest, quiet) } catch let error as ArchiveError {
          throw error
        } catch { throw .unreachable("\(error)") }
      }
      #expect(latest == "archive_incomplete")
      // Asked for by its number, what is there is there.
      #expect(try await fixture.restore(.tenantSeq(TenantSeq(4)), quiet).missing == nil)
      // A later record shows that nothing of it is missing.
      #expect(try await fixture.restore(.tenantSeq(TenantSeq(7)), other).missing == nil)
    }
  }

  @Test func `a drill fails where the archive brings back less than it had`() async throws {
    let store = FaultyStore()
    try await withArchive(store: store) { fixture in
      try await fill(fixture, store)
      let results = await fixture.service.drillNow()
      #expect(results.first { $0.tenant == quiet }?.failure != nil)
      #expect(
        fixture.service.status.problems.contains {
          $0.code == "restore_drill_failed" && $0.detail.contains("\(quiet)")
        })
    }
  }

  @Test func `a drill fails where the last object is gone, and nothing shows a gap`() async throws {
    let store = FaultyStore()
    try await withArchive(store: store) { fixture in
      try await fixture.startArchived(1...3, of: quiet)
      _ = try #require(try await fixture.service.snapshot(quiet))
      try await fixture.pay(4...4, quiet)
      #expect(await fixture.service.waitUntilArchived(seconds: 120))
      let lost = try #require(store.names.last { $0.hasPrefix("journal/") })
      store.edit { $0[lost] = nil }
      let results = await fixture.service.drillNow()
      let failure = results.first { $0.tenant == quiet }?.failure
      #expect(failure?.hasPrefix("archive_incomplete") == true)
    }
  }

  @Test func `a lost cell's tenant comes back, and is named`() async throws {
    let store = FaultyStore()
    try await withArchive(store: store) { fixture in
      try await fill(fixture, store)
      let plan = try await CellRestorePlan(
        fixture.archive, cell: cell, scratch: "\(fixture.directory)/scratch",
        files: LiveFileSystem())
      defer { plan.close() }
      for tenant in [quiet, other] {
        let restored = try await plan.restore(
          tenant, schema: TestSchema.store(), into: "\(fixture.directory)/\(tenant)",
          lineage: Lineage(9), acceptsMissing: true)
        #expect((restored.missing != nil) == (tenant == quiet))
      }
      await #expect(throws: ArchiveError.self) {
        _ = try await plan.restore(
          quiet, schema: TestSchema.store(), into: "\(fixture.directory)/again",
          lineage: Lineage(9))
      }
    }
  }

  @Test func `while it is served a new snapshot heals it, and the gap stays named`() async throws {
    let store = FaultyStore()
    try await withArchive(store: store) { fixture in
      try await fill(fixture, store)
      try await fixture.service.removeOld()
      #expect(fixture.service.status.problems.map(\.code) == ["archive_gap"])
      await fixture.service.lookForSnapshots()
      #expect(try await fixture.restore(.latest, quiet).position.tenantSeq == TenantSeq(5))
      #expect(await fixture.service.drillNow().allSatisfy { $0.failure == nil })
    }
  }
}
