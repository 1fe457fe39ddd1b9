import Platform
import StorageFixtures
import Testing
import Wire

@testable import Storage

/// A tenant that is in quarantine at a replica whose journal is cut: nothing of what is taken away
/// is applied once it is released.
@Suite("A cut beside a quarantine", .timeLimit(.minutes(2))) struct QuarantinedCutTests {
  private let closed = TenantID(trusted: "t2")
  private let neighbour = TestEngine.tenant
  private let files = LiveFileSystem()

  private func start(_ directory: String, isFollowing: Bool = true) async throws -> TestEngine {
    try await TestEngine(directory) {
      $0.isFollowing = isFollowing
      $0.quarantines = { _ in true }
      $0.endsSegmentsSoon()
    }
  }

  /// Runs a replica up to a record of the quarantined tenant that is copied out of its journal and
  /// then cut away; answers what the cut did.
  private func cut(
    _ place: String, _ primary: TestEngine, prepare: (TestEngine) async throws -> Void
  ) async throws -> JournalCut.Report {
    for tenant in [closed, neighbour] {
      try await primary.engine.create(tenant, epoch: .first)
      for id in 1...3 { try await primary.pay(Int64(id), tenant) }
    }
    let first = try await start(place)
    try await first.follow(primary)
    try await prepare(first)
    await first.close()

    try CrashFile(directory: place, files: files).quarantine([closed])
    let second = try await start(place)
    let end = try #require(primary.engine.journal).end
    #expect(second.engine.journal?.end == end)
    for tenant in [closed, neighbour] { try await primary.pay(100, tenant) }
    try await second.follow(primary)
    // As where what it lacks keeps too much of the journal.
    second.engine.flusher(try second.engine.writer(neighbour).context).copyOut([closed])
    #expect(try files.exists(copied(place)))
    await second.close()
    let report = try JournalCut(directory: place, cell: CellID(trusted: "c1"), files: files)
      .run(after: end, for: Generation(2))
    #expect(report.records == 2)
    #expect(try !files.exists(copied(place)))
    #expect(try CrashFile(directory: place, files: files).release(closed))
    return report
  }

  private func copied(_ place: String) -> String {
    "\(place)/tenants/\(closed)/\(StoppedRecords.name)"
  }

  @Test func `what was copied out is not applied, where the journal has the rest`() async throws {
    try await withTemporaryDirectory { directory in
      let primary = try await start("\(directory)/p", isFollowing: false)
      let report = try await cut("\(directory)/f", primary) { _ in }
      #expect(report.rebuilt == [neighbour, closed] && report.lost.isEmpty)
      let last = try await start("\(directory)/f")
      #expect(last.engine.problems.isEmpty)
      for tenant in [closed, neighbour] { #expect(try await last.counts(tenant) == [3, 3]) }
      await last.close()
      await primary.close()
    }
  }

  @Test func `where the rest is trimmed it is put aside, and the tenant is to be fetched`()
    async throws
  {
    try await withTemporaryDirectory { directory in
      let primary = try await start("\(directory)/p", isFollowing: false)
      let place = "\(directory)/f"
      let report = try await cut(place, primary) { first in
        for id in 4...60 { try await primary.pay(Int64(id), neighbour) }
        try await first.follow(primary)
        first.engine.flush()
        let oldest = try #require(first.engine.journal?.segmentStarts.first)
        let last = try #require(first.engine.heads[closed]).cellSeq
        #expect(oldest > last, "the test's tenant is not trimmed")
      }
      #expect(report.lost.contains(closed) && !report.rebuilt.contains(closed))
      #expect(try files.exists(copied(place) + JournalCut.suffix))
      let last = try await start(place)
      #expect(last.engine.stoppedTenants[closed] != nil)
      await last.close()
      await primary.close()
    }
  }
}
