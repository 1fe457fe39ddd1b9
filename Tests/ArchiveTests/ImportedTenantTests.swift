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
  private static let epoch = Epoch(2)

  private func source(_ fixture: ArchiveFixture) async throws -> StorageEngine {
    let engine = StorageEngine(
      EngineConfiguration(directory: "\(fixture.directory)/source", cell: Self.other),
      clock: fixture.clock, random: SeededRandomSource(seed: 5), files: LiveFileSystem(),
      schema: { _ in TestSchema.store() }, fatal: { _ in })
    _ = try await engine.start()
    try await engine.create(Self.tenant, epoch: .first)
    return engine
  }

  private func pay(_ ids: ClosedRange<Int64>, _ engine: StorageEngine) async throws {
    for id in ids {
      try await engine.write(Self.tenant, CommandOrigin(requestID: "r\(id)", traceID: "")) {
        try TestSchema.pay($0, id)
      }
    }
  }

  private func importFiles(
    _ source: StorageEngine, _ target: StorageEngine, under epoch: Epoch = epoch
  ) async throws {
    try await source.beginMove(Self.tenant, to: ArchiveFixture.cell, under: epoch)
    try target.prepareImport(Self.tenant, under: epoch)
    let head = try await source.snapshot(
      Self.tenant, into: target.importDirectory(Self.tenant, under: epoch)
    ).head
    try await target.beginImport(
      MoveImport(
        tenant: Self.tenant, lineage: head.lineage, epoch: epoch, source: Self.other,
        tenantSeq: head.tenantSeq, hash: head.hash, time: head.time,
        schemaVersion: head.schemaVersion, nextDue: head.nextDue))
  }

  /// Streams what is left, releases and adopts.
  private func finish(_ source: StorageEngine, _ target: StorageEngine) async throws {
    let fence = try await source.fence(Self.tenant, within: 60_000_000_000)
    let at = try #require(target.heads[Self.tenant])
    _ = try await target.appendImported(
      Self.tenant, under: Self.epoch,
      try source.takeMoved(Self.tenant, after: at.tenantSeq, bytes: 1 << 20))
    try await target.readyForMove(Self.tenant, under: Self.epoch, fence)
    let release = try await source.releaseMove(
      Self.tenant, to: ArchiveFixture.cell, under: Self.epoch, ready: fence.hash
    ) { true }
    _ = try await target.adoptMoved(Self.tenant, release)
  }

  @Test func `its first second here is restored, without any snapshot after the adoption`()
    async throws
  {
    try await withArchive { fixture in
      let source = try await source(fixture)
      try await pay(1...10, source)
      try await importFiles(source, fixture.engine)
      // No keeper runs: this is the only one.
      try await fixture.service.keepImport(Self.tenant)
      try await pay(11...15, source)
      try await finish(source, fixture.engine)
      try await fixture.pay(16...20)
      let served = try await fixture.engine.digest(Self.tenant, recompute: false)
      fixture.start()
      #expect(await fixture.service.waitUntilArchived(seconds: 60))
      let snapshots = try await fixture.archive.snapshots(Self.tenant)
      #expect(snapshots.map(\.isImport) == [true])
      let restored = try await fixture.restore(.latest)
      #expect(restored.position.tenantSeq == served.tenantSeq)
      for file in restored.files { #expect(served.files[file.name] == file.digest) }
      #expect(!restored.mayHaveMoved)
      await source.close()
    }
  }

  @Test func `a move that ended at the source leaves nothing to restore from`() async throws {
    try await withArchive { fixture in
      let source = try await source(fixture)
      try await pay(1...10, source)
      try await importFiles(source, fixture.engine)
      try await fixture.service.keepImport(Self.tenant)
      try await source.burnMove(Self.tenant, under: Self.epoch)
      try await fixture.engine.refuseMoved(Self.tenant, under: Self.epoch)
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
