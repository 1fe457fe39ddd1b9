import Platform
import Storage
import StorageFixtures
import Testing
import Wire

@testable import Archive

/// A tenant whose history lies in the journals of two cells.
@Suite("A history over two cells, and the archive") struct MovedHistoryTests {
  private let tenant = ArchiveFixture.tenant
  private let one = CellID(trusted: "c1")
  private let two = CellID(trusted: "c2")

  private func move(_ epoch: UInt64, back: Bool = false) -> TenantMoving {
    TenantMoving(
      tenant: tenant, from: back ? two : one, to: back ? one : two, epoch: Epoch(epoch))
  }

  /// Two cells with one archive; the tenant has ten payments in the first one.
  private func withCells(
    _ body: (ArchiveFixture, ArchiveFixture) async throws -> Void
  ) async throws {
    try await withTemporaryDirectory { directory in
      let first = try await ArchiveFixture(directory, data: "one", cell: one)
      let second = try await ArchiveFixture(
        directory, clock: first.clock, seed: 2, data: "two", cell: two)
      try await first.engine.create(tenant, epoch: .first)
      first.start()
      second.start()
      try await first.pay(1...10)
      do { try await body(first, second) } catch {
        await first.close()
        await second.close()
        throw error
      }
      await first.close()
      await second.close()
    }
  }

  /// Begun, and what came with the tenant archived.
  private func copy(
    _ from: ArchiveFixture, _ to: ArchiveFixture, _ move: TenantMoving
  ) async throws {
    try await move.begin(from.engine, to.engine)
    try await to.service.keepImport(tenant)
  }

  /// There, with snapshots on both sides: the source's last one reaches further than the base.
  private func go(_ from: ArchiveFixture, _ to: ArchiveFixture, _ move: TenantMoving) async throws {
    try await copy(from, to, move)
    let head = try #require(from.engine.heads[tenant]).tenantSeq.rawValue
    try await from.pay(Int64(head) * 10...Int64(head) * 10 + 4)
    _ = try #require(try await from.service.snapshot(tenant))
    try await move.finish(from.engine, to.engine)
  }

  /// With payments in each stay, all archived.
  private func goThereAndBack(_ first: ArchiveFixture, _ second: ArchiveFixture) async throws {
    try await go(first, second, move(2))
    try await second.pay(200...204)
    try await go(second, first, move(3, back: true))
    try await first.pay(300...304)
    await archived(first, second)
  }

  private func archived(_ cells: ArchiveFixture...) async {
    for cell in cells { #expect(await cell.service.waitUntilArchived(seconds: 60)) }
  }

  /// Each point is restored as the record with that number, wherever that was written.
  private func expectEveryPoint(_ cell: ArchiveFixture, to last: UInt64) async throws {
    for seq in 1...last {
      do {
        let restored = try await cell.restore(.tenantSeq(TenantSeq(seq)))
        #expect(restored.position.tenantSeq == TenantSeq(seq))
      } catch {
        Issue.record("tenant_seq \(seq): \(error)")
      }
    }
  }

  private func expectLatest(_ owner: ArchiveFixture) async throws {
    let served = try await owner.engine.digest(tenant, recompute: true)
    let restored = try await owner.restore(.latest)
    #expect(restored.position.tenantSeq == served.tenantSeq)
    #expect(restored.cell == owner.cell)
    #expect(restored.leaving == nil)
    for file in restored.files { #expect(served.files[file.name] == file.digest) }
  }

  @Test func `from the source's last snapshot it leads into the target's journal`() async throws {
    try await withCells { first, second in
      try await go(first, second, move(2))
      try await second.pay(100...104)
      await archived(first, second)
      // Of the two the source's reaches further: the target's is of when it was copied.
      let snapshots = try await first.archive.snapshots(tenant)
      #expect(snapshots.map(\.cell) == [one, two])
      try await expectLatest(second)
      let last = try #require(second.engine.heads[tenant]).tenantSeq.rawValue
      // Asked from either cell.
      try await expectEveryPoint(second, to: last)
      try await expectEveryPoint(first, to: last)
    }
  }

  @Test func `there and back again, every point of both stays`() async throws {
    try await withCells { first, second in
      try await goThereAndBack(first, second)
      try await expectLatest(first)
      let last = try #require(first.engine.heads[tenant]).tenantSeq.rawValue
      try await expectEveryPoint(first, to: last)
      // With the first snapshot only, all is read from the journals, one after the other.
      for snapshot in try await first.archive.snapshots(tenant).dropLast() {
        try await first.archive.objects.remove(ArchiveNames.manifest(tenant, snapshot.name))
      }
      try await expectLatest(first)
      try await expectEveryPoint(first, to: last)
    }
  }

  /// Its last snapshot is the other cell's, and this one's journal begins with an earlier stay.
  @Test func `a lost cell's tenant that was elsewhere meanwhile comes back as it was last`()
    async throws
  {
    try await withCells { first, second in
      try await goThereAndBack(first, second)
      #expect(try await first.archive.snapshots(tenant).first?.cell == two)
      let plan = try await first.service.plan(of: one)
      defer { plan.close() }
      let restored = try await plan.restore(
        tenant, schema: TestSchema.store(), into: "\(first.directory)/lost", lineage: Lineage(9))
      #expect(restored.position.tenantSeq == first.engine.heads[tenant]?.tenantSeq)
      #expect(restored.cell == one && restored.leaving == nil)
    }
  }

  @Test func `a release that nobody has adopted in the archive is the end, and says so`()
    async throws
  {
    try await withCells { first, second in
      _ = try #require(try await first.service.snapshot(tenant))
      let move = move(2)
      try await copy(first, second, move)
      _ = try await move.release(first.engine, second.engine)
      await archived(first, second)
      let restored = try await first.restore(.latest)
      #expect(restored.leaving == two)
      #expect(restored.cell == one)
      #expect(restored.position.tenantSeq == first.engine.heads[tenant]?.tenantSeq)
    }
  }

  /// The source's machine was lost before its last records were archived.
  @Test(arguments: [true, false])
  func `what only the target has is reached from there, not hidden by the source's last snapshot`(
    _ hasLaterSnapshot: Bool
  ) async throws {
    try await withCells { first, second in
      _ = try #require(try await first.service.snapshot(tenant))
      let move = move(2)
      try await copy(first, second, move)
      try await first.pay(20...24)
      if hasLaterSnapshot { _ = try #require(try await first.service.snapshot(tenant)) }
      await archived(first)
      let kept = try await first.archive.journal(one).spans.last?.last ?? CellSeq(0)
      try await first.pay(25...26)
      let streamed = try #require(first.engine.heads[tenant]).tenantSeq.rawValue
      try await move.finish(first.engine, second.engine)
      try await second.pay(100...104)
      await archived(first, second)
      for span in try await first.archive.journal(one).spans where span.last > kept {
        try await first.archive.objects.remove(ArchiveNames.journal(one, span))
      }
      try await expectLatest(second)
      let last = try #require(second.engine.heads[tenant]).tenantSeq.rawValue
      // Streamed and served there; the release itself is the source's alone.
      for seq in Array(1...streamed) + Array(streamed + 2...last) {
        let restored = try await second.restore(.tenantSeq(TenantSeq(seq)))
        #expect(restored.position.tenantSeq == TenantSeq(seq))
      }
      let now = try await second.restore(.time(Timestamp(milliseconds: .max / 2)))
      #expect(now.position.tenantSeq == TenantSeq(last))
    }
  }

  @Test func `an adoption of another release is not followed`() async throws {
    try await withTemporaryDirectory { directory in
      // What the archive has of the first cell is not what the second one got: another history
      // with the same numbers.
      let archived = try await ArchiveFixture(directory, seed: 11, data: "old", cell: one)
      let real = try await ArchiveFixture(
        directory, clock: archived.clock, seed: 12, data: "real", cell: one)
      let second = try await ArchiveFixture(
        directory, clock: archived.clock, seed: 13, data: "two", cell: two)
      let elsewhere = try await ArchiveFixture(
        directory, clock: archived.clock, seed: 14, data: "elsewhere", cell: two)
      archived.start()
      second.start()
      for cell in [archived, real] {
        try await cell.engine.create(tenant, epoch: .first)
        try await cell.pay(1...10)
      }
      _ = try #require(try await archived.service.snapshot(tenant))
      try await move(2).begin(archived.engine, elsewhere.engine)
      try await move(2).finish(archived.engine, elsewhere.engine)
      try await move(2).begin(real.engine, second.engine)
      try await move(2).finish(real.engine, second.engine)
      try await second.pay(20...24)
      await self.archived(archived, second)
      // Its own snapshot, which it takes within a second, would be the best start.
      await second.close()
      for snapshot in try await second.archive.snapshots(tenant) where snapshot.cell == two {
        try await second.archive.objects.remove(ArchiveNames.manifest(tenant, snapshot.name))
      }
      let restored = try await archived.restore(.latest)
      #expect(restored.leaving == two)
      #expect(restored.cell == one)
      for cell in [archived, real, elsewhere] { await cell.close() }
    }
  }
}
