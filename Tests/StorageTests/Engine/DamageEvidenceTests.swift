import Platform
import StorageFixtures
import Testing
import Wire

@testable import Storage

/// What a start found damaged the next start finds, too: no checkpoint of heads takes its place.
@Suite("Evidence of damage", .timeLimit(.minutes(10))) struct DamageEvidenceTests {
  private let lost = TenantID(trusted: "lost")
  private let second = TenantID(trusted: "second")
  private let whole = TenantID(trusted: "whole")
  private let files = LiveFileSystem()

  private func engine(_ directory: String) async throws -> TestEngine {
    try await TestEngine(directory) {
      $0.replayBytes = 64 * 1_024
      // The test says when the flusher looks.
      $0.flushInterval = .seconds(3_600)
      $0.adjustJournal = {
        $0.segmentBytes = 64 * 1_024
        $0.groupBytes = 32 * 1_024
        $0.reserveBytes = 0
      }
    }
  }

  private func last(_ test: TestEngine) throws -> CellSeq {
    try #require(test.engine.journal).lastSeq
  }

  private func create(_ test: TestEngine, _ tenant: TenantID) async throws {
    try await test.engine.create(tenant, epoch: .first)
  }

  private func pays(_ test: TestEngine, _ id: Int64, _ tenant: TenantID) async -> FailureCode? {
    await refusal { () async throws(Failure) in try await test.pay(id, tenant) }
  }

  private func creates(_ test: TestEngine, _ tenant: TenantID) async -> FailureCode? {
    await refusal { () async throws(Failure) in
      try await test.engine.create(tenant, epoch: .first)
    }
  }

  /// Several segments of one tenant's records.
  private func fill(_ test: TestEngine, _ tenant: TenantID, from first: Int64) async throws {
    for id in first..<(first + 24) {
      try await test.write(tenant) { transaction in
        try transaction.file(.messages).run(
          "INSERT INTO messages (id, body, raw) VALUES (?, '', randomblob(8000))", .integer(id))
      }
    }
  }

  private func look(_ test: TestEngine, _ tenant: TenantID) throws {
    test.engine.flusher(try test.engine.writer(tenant).context).look()
  }

  /// Flips a bit in every group of records that begins in `range`.
  private func damage(_ directory: String, _ range: ClosedRange<CellSeq>) throws {
    let spoiled = try files.spoilGroups(in: "\(directory)/journal") {
      range.contains($0.firstSeq)
    }
    // Of a single group the next one's list would say whose it was.
    #expect(spoiled >= 2)
  }

  private func repair(_ directory: String) throws -> JournalRepairReport {
    try JournalRepair.run(
      directory: "\(directory)/journal", files: files,
      applied: try AppliedSeqs.files(dataDirectory: directory, files: files))
  }

  @Test func `whose last records lie in damage is stopped by every start until a repair`()
    async throws
  {
    try await withTemporaryDirectory { directory in
      let first = try await engine(directory)
      for tenant in [lost, second, whole] {
        try await create(first, tenant)
        try await first.pay(1, tenant)
      }
      let before = try last(first)
      try await first.pay(2, lost)
      try await first.pay(2, second)
      let range = before.next...(try last(first))
      try await first.pay(2, whole)
      await first.close()
      // No file has what is lost.
      removeTree("\(directory)/tenants")
      try damage(directory, range)
      for round in 0..<3 {
        let again = try await engine(directory)
        #expect(again.report.damage.count == 1)
        #expect(again.report.stopped == [lost, second].sorted(), "start \(round)")
        #expect(again.engine.problems.contains { $0.code == "journal_damaged" })
        #expect(await pays(again, 9, lost) == .tenantStopped)
        #expect(await pays(again, 9, second) == .tenantStopped)
        try await fill(again, whole, from: 100 + Int64(round) * 100)
        let oldest = try #require(again.engine.journal?.segmentStarts.first)
        again.engine.flush()
        try look(again, whole)
        #expect(again.engine.journal?.segmentStarts.first == oldest)
        #expect(try !files.exists("\(directory)/journal/heads"))
        // Who flushes once more gains nothing: each look must not make a pass.
        let flushes = again.engine.metrics.flushes
        try look(again, whole)
        #expect(again.engine.metrics.flushes == flushes)
        let pinned = again.engine.problems.first { $0.code == "journal_pinned" }
        #expect(pinned?.detail.contains("not repaired") == true)
        await again.close()
      }
      #expect(try repair(directory).ranges.first?.othersPossible == true)
      let repaired = try await engine(directory)
      #expect(repaired.report.damage.isEmpty)
      let oldest = try #require(repaired.engine.journal?.segmentStarts.first)
      repaired.engine.flush()
      #expect(try files.exists("\(directory)/journal/heads"))
      #expect(try #require(repaired.engine.journal?.segmentStarts.first) > oldest)
      await repaired.close()
    }
  }

  @Test(arguments: [true, false])
  func `whose every record lies in damage never becomes unknown`(hasFiles: Bool) async throws {
    try await withTemporaryDirectory { directory in
      let first = try await engine(directory)
      try await create(first, whole)
      try await first.pay(1, whole)
      let before = try last(first)
      try await create(first, lost)
      try await first.pay(1, lost)
      let range = before.next...(try last(first))
      try await first.pay(2, whole)
      await first.close()
      if !hasFiles { removeTree("\(directory)/tenants/lost") }
      try damage(directory, range)
      for round in 0..<3 {
        let again = try await engine(directory)
        #expect(again.report.damage.count == 1)
        #expect(again.report.stopped == (hasFiles ? [lost] : []), "start \(round)")
        #expect(await pays(again, 9, lost) == .tenantStopped)
        #expect(await creates(again, lost) == .tenantStopped)
        try await again.pay(10 + Int64(round), whole)
        again.engine.flush()
        await again.close()
      }
    }
  }

  @Test func `unreadable heads stay as they are, and who is not in the journal stays stopped`()
    async throws
  {
    try await withTemporaryDirectory { directory in
      let journal = "\(directory)/journal"
      let first = try await engine(directory)
      try await create(first, lost)
      try await first.pay(1, lost)
      let idleSince = try last(first)
      try await create(first, whole)
      try await fill(first, whole, from: 100)
      first.engine.flush()
      #expect(try #require(first.engine.journal?.segmentStarts.first) > idleSince)
      try await first.pay(1, whole)
      await first.close()
      try files.flip("\(journal)/heads", at: 40)
      let spoiled = try FileTree.bytes("\(journal)/heads", files)
      for round in 0..<3 {
        let again = try await engine(directory)
        #expect(again.report.stopped == [lost], "start \(round)")
        #expect(again.engine.problems.contains { $0.code == "journal_damaged" })
        #expect(await pays(again, 9, lost) == .tenantStopped)
        #expect(await creates(again, lost) == .tenantStopped)
        try await fill(again, whole, from: 200 + Int64(round) * 100)
        let oldest = try #require(again.engine.journal?.segmentStarts.first)
        again.engine.flush()
        try look(again, whole)
        #expect(again.engine.journal?.segmentStarts.first == oldest)
        #expect(try FileTree.bytes("\(journal)/heads", files) == spoiled)
        await again.close()
      }

      let report = try repair(directory)
      let range = try #require(report.ranges.first)
      #expect(report.ranges.count == 1 && range.othersPossible)
      #expect(range.losses.map(\.tenant) == [lost])
      #expect(range.losses.first?.needsRestore == true)
      #expect(try FileTree.bytes("\(journal)/\(range.sideFile)", files) == spoiled)
      #expect(throws: JournalError.self) { try repair(directory) }
      let repaired = try await engine(directory)
      #expect(repaired.engine.problems.isEmpty)
      #expect(repaired.report.stopped.isEmpty)
      // Given up, and named when it was.
      #expect(await pays(repaired, 9, lost) == .notFound)
      let oldest = try #require(repaired.engine.journal?.segmentStarts.first)
      try await repaired.pay(2, whole)
      repaired.engine.flush()
      #expect(try #require(repaired.engine.journal?.segmentStarts.first) > oldest)
      _ = try await repaired.engine.digest(whole, recompute: true)
      await repaired.close()
    }
  }

  @Test func `unreadable heads cost nothing where the journal has every record`() async throws {
    try await withTemporaryDirectory { directory in
      let first = try await engine(directory)
      for tenant in [lost, whole] {
        try await create(first, tenant)
        try await first.pay(1, tenant)
      }
      first.engine.flush()
      await first.close()
      try files.flip("\(directory)/journal/heads", at: 40)
      let again = try await engine(directory)
      #expect(again.report.stopped.isEmpty)
      #expect(again.engine.problems.map(\.code) == ["journal_damaged"])
      await again.close()
      let range = try #require(try repair(directory).ranges.first)
      #expect(range.losses.isEmpty && !range.othersPossible)
      let repaired = try await engine(directory)
      #expect(repaired.engine.problems.isEmpty)
      for tenant in [lost, whole] { try await repaired.pay(2, tenant) }
      #expect(try await repaired.counts(lost) == [2, 2])
      await repaired.close()
    }
  }
}
