import Platform
import Storage
import StorageFixtures
import Testing
import Wire

@testable import Archive

/// Whoever sees a higher claim in the store uploads nothing more, and a restore ends before it.
func checkFencing(_ store: any ObjectStore) async throws {
  try await withArchive(store: store) { fixture in
    try await fixture.engine.create(ArchiveFixture.tenant, epoch: .first)
    fixture.start()
    try await fixture.pay(1...4)
    #expect(await fixture.service.waitUntilArchived(seconds: 60))
    try await fixture.archive.claim(
      Claim(
        cell: ArchiveFixture.cell, generation: Generation(2), firstSeq: CellSeq(6),
        previousHash: "", claimedAt: .zero))
    try await fixture.pay(5...6)
    while !fixture.service.status.problems.map(\.code).contains("archive_fenced") {
      try await Task.sleep(for: .milliseconds(5))
    }
    #expect(await !fixture.service.waitUntilArchived(seconds: 1))
    #expect(try await fixture.restore(.latest).position.tenantSeq == TenantSeq(5))
  }
}
