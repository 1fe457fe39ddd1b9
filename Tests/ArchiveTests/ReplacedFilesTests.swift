import Platform
import Storage
import StorageFixtures
import Testing
import Wire

@testable import Archive

@Suite("Files that a restore replaced") struct ReplacedFilesTests {
  @Test func `they stay for the window, and go after it`() async throws {
    try await withArchive { fixture in
      let tenant = ArchiveFixture.tenant
      try await fixture.engine.create(tenant, epoch: .first)
      fixture.start()
      try await fixture.pay(1...5)
      let beside = try await fixture.service.restoreBeside(tenant, to: .tenantSeq(TenantSeq(3)))
      let head = try await fixture.engine.hold(tenant)
      let restored = try await fixture.service.adopt(beside, as: tenant, Lineage(8))
      try await fixture.service.storeBase(
        tenant, restored, lineage: Lineage(8), before: head, isFork: false)
      try await fixture.engine.install(
        tenant, lineage: Lineage(8), epoch: head.epoch, origin: fixture.origin(restored),
        expected: head)
      let place = StorageEngine.replacedDirectory("\(fixture.directory)/cell")
      let files = LiveFileSystem()
      try await fixture.service.removeReplaced()
      fixture.clock.advance(milliseconds: 30 * 24 * 3_600_000 - 1)
      try await fixture.service.removeReplaced()
      #expect(try files.list(place).count == 1)
      fixture.clock.advance(milliseconds: 1)
      try await fixture.service.removeReplaced()
      #expect(try files.list(place).isEmpty)
    }
  }
}
