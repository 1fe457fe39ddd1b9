import Platform
import Storage
import Testing
import Wire

@testable import Archive

@Suite("Files that somebody removed") struct RemovedFilesTests {
  @Test func `their absence is not archived as the tenant's state`() async throws {
    try await withArchive { fixture in
      let tenant = ArchiveFixture.tenant
      try await fixture.engine.create(tenant, epoch: .first)
      fixture.start()
      try await fixture.pay(1...5)
      let before = try await fixture.service.snapshot(tenant)
      #expect(before?.files.isEmpty == false)
      try FileTree.remove("\(fixture.directory)/cell/tenants/\(tenant)", LiveFileSystem())
      let after = try? await fixture.service.snapshot(tenant)
      #expect(after == nil)
    }
  }
}
