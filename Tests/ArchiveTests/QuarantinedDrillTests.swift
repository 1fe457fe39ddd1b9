import Platform
import Storage
import StorageFixtures
import Testing
import Wire

@testable import Archive

/// A record whose replay ends the process must not be replayed by every drill.
@Suite("Drills and tenants that crash") struct QuarantinedDrillTests {
  private let tenant = ArchiveFixture.tenant
  private let neighbour = TenantID(trusted: "t2")

  @Test func `a quarantined tenant is not drilled, its neighbour is`() async throws {
    try await withTemporaryDirectory { directory in
      let first = try await ArchiveFixture(directory)
      try await first.engine.create(neighbour, epoch: .first)
      try await first.startArchived(1...3)
      try await first.pay(1...2, neighbour)
      #expect(await first.service.waitUntilArchived(seconds: 120))
      #expect(await first.service.drillNow().map(\.tenant) == [tenant, neighbour])
      await first.close()

      let files = LiveFileSystem()
      try FileTree.write(Array("t1 5 3 4 5\n".utf8), to: "\(directory)/cell/crashes", files)
      let second = try await ArchiveFixture(directory, clock: first.clock, seed: 2)
      #expect(second.engine.problems.map(\.code) == ["tenant_quarantined"])
      second.start()
      let results = await second.service.drillNow()
      #expect(results.map(\.tenant) == [neighbour])
      #expect(results.allSatisfy { $0.failure == nil })
      await second.close()
    }
  }

  @Test func `while a drill replays a tenant it is named`() async throws {
    try await withArchive { fixture in
      try await fixture.startArchived(1...3)
      let running = try #require(fixture.engine.runningTenants)
      let names = try await RunningNames("\(fixture.directory)/cell").names {
        _ = try await TenantRestorer(
          archive: fixture.archive, files: LiveFileSystem(), running: running
        ).restore(
          tenant, schema: TestSchema.store(), to: .latest, cell: fixture.cell,
          into: "\(fixture.directory)/drilled", lineage: Lineage(99))
      }
      #expect(names == [tenant.rawValue])
    }
  }
}
