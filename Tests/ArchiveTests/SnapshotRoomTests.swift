import Glibc
import Platform
import Simulation
import Storage
import StorageFixtures
import Testing
import Wire

@testable import Archive

@Suite("Copies beside what is served") struct SnapshotRoomTests {
  @Test func `what would not leave the journal its room is refused before it is made`() throws {
    let disk = SimulatedDisk()
    let room = CopyRoom(disk.fileSystem())
    disk.limitFreeBytes(CopyRoom.reserveBytes + 1_000)
    try room.demand(1_000, in: "/")
    for bytes in [1_001, UInt64.max] {
      do {
        try room.demand(bytes, in: "/")
        Issue.record("\(bytes) bytes were let in")
      } catch { #expect((error as? ArchiveError)?.code == "cell_full") }
    }
    disk.limitFreeBytes(CopyRoom.reserveBytes - 1)
    #expect(throws: ArchiveError.self) { try room.demand(0, in: "/") }
  }

  @Test func `a tenant whose files cannot be copied keeps no other from its snapshot`()
    async throws
  {
    let (bad, good) = (TenantID(trusted: "t1"), TenantID(trusted: "t2"))
    try await withTemporaryDirectory { directory in
      let fixture = try await ArchiveFixture(
        directory, rule: SnapshotRule(firstMilliseconds: 0))
      for tenant in [bad, good] { try await fixture.engine.create(tenant, epoch: .first) }
      for tenant in [bad, good] { try await fixture.pay(1...2, tenant) }
      // Nobody can open what is not there.
      let link = "\(directory)/cell/tenants/\(bad)/other.sqlite"
      #expect(symlink("/nonexistent/file", link) == 0)
      fixture.start()
      #expect(await fixture.service.waitUntilArchived(seconds: 120))
      await fixture.service.lookForSnapshots()
      #expect(try await fixture.archive.snapshots(good).count >= 1)
      #expect(try await fixture.archive.snapshots(bad).isEmpty)
      let problem = try #require(
        fixture.service.status.problems.first { $0.code == "archive_snapshots_failing" })
      #expect(problem.detail.contains("\(bad)"))
      // Mended, it has its turn ten minutes later.
      #expect(unlink(link) == 0)
      await fixture.service.lookForSnapshots()
      #expect(try await fixture.archive.snapshots(bad).isEmpty)
      fixture.clock.advance(milliseconds: SnapshotKeeper.retryMilliseconds)
      // The service's own look may be under way, and has the tenant then.
      var looks = 0
      while try await fixture.archive.snapshots(bad).isEmpty, looks < 2_000 {
        looks += 1
        await fixture.service.lookForSnapshots()
        try await Task.sleep(for: .milliseconds(50))
      }
      #expect(try await !fixture.archive.snapshots(bad).isEmpty)
      while !fixture.service.status.problems.isEmpty, looks < 2_000 {
        looks += 1
        try await Task.sleep(for: .milliseconds(50))
      }
      #expect(fixture.service.status.problems.isEmpty)
      await fixture.close()
    }
  }
}
