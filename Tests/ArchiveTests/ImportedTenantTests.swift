import Platform
import Simulation
import Storage
import StorageFixtures
import Testing
import Wire

@testable import Archive

/// A tenant on its way into a cell: what it comes with is archived before the cell is ready.
@Suite("A tenant that comes, and the archive") struct ImportedTenantTests {
  private static let tenant = ArchiveFixture.tenant
  private static let other = CellID(trusted: "c2")
  private static let move = TenantMoving(
    tenant: tenant, from: other, to: ArchiveFixture.cell, epoch: Epoch(2))

  private func source(_ fixture: ArchiveFixture) async throws -> StorageEngine {
    let engine = StorageEngine(
      EngineConfiguration(directory: "\(fixture.directory)/source", cell: Self.other),
      clock: fixture.clock, random: SeededRandomSource(seed: 5), files: LiveFileSystem(),
      schema: { _ in TestSchema.store() }, fatal: { _ in })
    _ = try await engine.start()
    try await engine.create(Self.tenant, epoch: .first)
    return engine
  }

  @Test func `its first second here is restored, without any snapshot after the adoption`()
    async throws
  {
    try await withArchive { fixture in
      let source = try await source(fixture)
      try await TestSchema.pay(1...10, tenant: Self.tenant, source)
      try await Self.move.begin(source, fixture.engine)
      // No keeper runs: this is the only one.
      try await fixture.service.keepImport(Self.tenant)
      try await TestSchema.pay(11...15, tenant: Self.tenant, source)
      try await Self.move.finish(source, fixture.engine)
      try await fixture.pay(16...20)
      let served = try await fixture.engine.digest(Self.tenant, recompute: false)
      fixture.start()
      #expect(await fixture.service.waitUntilArchived(seconds: 60))
      let snapshots = try await fixture.archive.snapshots(Self.tenant)
      #expect(snapshots.map(\.isImport) == [true])
      let restored = try await fixture.restore(.latest)
      #expect(restored.position.tenantSeq == served.tenantSeq)
      for file in restored.files { #expect(served.files[file.name] == file.digest) }
      #expect(restored.leaving == nil)
      await source.close()
    }
  }

  @Test func `a move that ended at the source leaves nothing to restore from`() async throws {
    try await withArchive { fixture in
      let source = try await source(fixture)
      try await TestSchema.pay(1...10, tenant: Self.tenant, source)
      try await Self.move.begin(source, fixture.engine)
      try await fixture.service.keepImport(Self.tenant)
      try await source.burnMove(Self.tenant, under: Self.move.epoch)
      try await fixture.engine.refuseMoved(Self.tenant, under: Self.move.epoch)
      fixture.start()
      #expect(await fixture.service.waitUntilArchived(seconds: 60))
      // It holds records that the source has gone on from: to begin there would lose those.
      await #expect(throws: ArchiveError.self) { try await fixture.restore(.latest) }
      // Nobody's snapshots are made of what is not here.
      let none = try await fixture.service.snapshot(Self.tenant)
      #expect(none == nil)
      await #expect(throws: Failure.self) { try await fixture.service.keepImport(Self.tenant) }
      await source.close()
    }
  }
}
