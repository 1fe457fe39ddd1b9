import Platform
import Simulation
import Storage
import Testing
import Wire

@testable import Archive

@Suite struct ArchiveKeyCheckTests {
  @Test func `a copy of the key file from before a rotation opens the older objects only`()
    async throws
  {
    let store = FaultyStore()
    try await withArchive(store: store) { fixture in
      try await fixture.startArchived(1...3)
      let copy = ArchiveKeys(try ArchiveFixture.key())
      #expect(try await ArchiveKeyCheck(store, copy).run() >= 2)

      let random = SeededRandomSource(seed: 4)
      let rotated = try copy.rotated(random: random)
      let last = try #require(try await fixture.archive.journal(ArchiveFixture.cell).spans.last)
      let next = JournalSpan(
        generation: .first, first: last.last.next, last: last.last.next)
      let later = Archive(objects: store, keys: ArchiveKeyRing(rotated), random: random)
      try await later.put(ArchiveNames.journal(ArchiveFixture.cell, next), [1, 2, 3])
      // The claims, which are old, still open.
      let stale = await code { () throws(ArchiveError) in
        _ = try await ArchiveKeyCheck(store, copy).run()
      }
      #expect(stale == "archive_key_wrong")
      #expect(try await ArchiveKeyCheck(store, rotated).run() >= 2)
    }
  }
}
