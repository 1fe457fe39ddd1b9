import Storage
import Testing
import Wire

@testable import Archive

@Suite("A tenant that no drill verifies") struct LateDrillTests {
  private let hour: Int64 = 3_600_000

  private func isLate(_ fixture: ArchiveFixture) -> Bool {
    fixture.service.status.problems.contains { $0.code == "restore_drill_late" }
  }

  @Test func `after 26 hours it is said, with since when, until one does`() async throws {
    let store = FaultyStore()
    try await withArchive(store: store) { fixture in
      try await fixture.startArchived(1...3)
      #expect(await fixture.service.drillNow().allSatisfy { $0.failure == nil })
      let verified = Timestamp(milliseconds: fixture.clock.milliseconds())
      let last = try #require(store.names.last { $0.hasPrefix("journal/") })
      let kept = try #require(try await fixture.archive.objects.get(last))
      store.edit { $0[last]?[200] ^= 1 }

      fixture.clock.advance(milliseconds: 26 * hour)
      #expect(await fixture.service.drillNow().contains { $0.failure != nil })
      #expect(!isLate(fixture))
      fixture.clock.advance(milliseconds: 1)
      #expect(await fixture.service.drillNow().contains { $0.failure != nil })
      let problem = try #require(
        fixture.service.status.problems.first { $0.code == "restore_drill_late" })
      #expect(problem.since == verified)
      #expect(fixture.service.status.oldestVerifiedRestore == verified)

      store.edit { $0[last] = kept }
      #expect(await fixture.service.drillNow().allSatisfy { $0.failure == nil })
      #expect(!isLate(fixture))
    }
  }
}
