import Platform
import StorageFixtures
import Testing
import Wire

@testable import Storage

/// Damage that nobody has repaired stops a tenant until it comes back whole, and no longer.
@Suite("Tenants that came behind damage", .timeLimit(.minutes(10)))
struct RestoredBehindDamageTests {
  private let lost = TenantID(trusted: "lost")
  private let second = TenantID(trusted: "second")
  private let whole = TenantID(trusted: "whole")
  private let here = CellID(trusted: "c1")
  private let there = CellID(trusted: "c2")
  private let files = LiveFileSystem()

  private func engine(_ directory: String, _ cell: CellID) async throws -> TestEngine {
    try await TestEngine(directory) {
      $0.cell = cell
      $0.flushInterval = .seconds(3_600)
    }
  }

  private func begin(_ test: TestEngine, _ tenants: [TenantID]) async throws {
    for tenant in tenants {
      try await test.engine.create(tenant, epoch: .first)
      try await test.pay(1, tenant)
    }
  }

  private func last(_ test: TestEngine) throws -> CellSeq {
    try #require(test.engine.journal).lastSeq
  }

  /// Flips a bit in the groups of records that begin at these positions.
  private func damage(_ directory: String, _ places: [CellSeq]) throws {
    let spoiled = try files.spoilGroups(in: "\(directory)/journal") {
      places.contains($0.firstSeq)
    }
    #expect(spoiled == places.count)
  }

  /// Puts the files of an earlier moment in the tenant's place.
  private func restore(
    _ test: TestEngine, _ directory: String, _ backup: String, _ past: TenantHead
  ) async throws {
    let branch = Lineage(8)
    let rebuild = try TenantRebuild(
      tenant: lost, schema: TestSchema.store(), directory: backup,
      start: .init(
        lineage: past.lineage, tenantSeq: past.tenantSeq, hash: past.hash, time: past.time),
      files: files)
    try rebuild.settle(as: lost, branch)
    try files.createDirectory(StorageEngine.restoresDirectory(directory))
    try files.rename(backup, to: test.engine.preparedDirectory(lost, branch))
    let held = try await test.engine.hold(lost)
    try await test.engine.install(
      lost, lineage: branch, epoch: held.epoch,
      origin: RestoreOrigin(
        tenant: lost, lineage: past.lineage, tenantSeq: past.tenantSeq, hash: past.hash,
        isFork: false), expected: held)
  }

  /// Starts twice: `lost` has all that it was answered, `second` is stopped.
  private func expectServed(_ directory: String, _ count: Int, ranges: Int) async throws {
    for round in 0..<2 {
      let again = try await engine(directory, here)
      #expect(again.report.damage.count == ranges)
      #expect(again.report.stopped == [second], "start \(round)")
      #expect(again.engine.problems.contains { $0.code == "journal_damaged" })
      let code = await refusal { () async throws(Failure) in try await again.pay(9, second) }
      #expect(code == .tenantStopped)
      try await again.pay(10 + Int64(round), lost)
      let counts = try await again.counts(lost)
      #expect(counts == [count + round + 1, count + round + 1])
      _ = try await again.engine.digest(lost, recompute: true)
      await again.close()
    }
  }

  /// A repair takes nothing from `lost`.
  private func expectRepaired(_ directory: String, _ count: Int) async throws {
    let report = try JournalRepair.run(
      directory: "\(directory)/journal", files: files,
      applied: try AppliedSeqs.files(dataDirectory: directory, files: files))
    #expect(!report.ranges.contains { $0.losses.contains { $0.tenant == lost } })
    let repaired = try await engine(directory, here)
    #expect(repaired.report.damage.isEmpty && !repaired.report.stopped.contains(lost))
    let counts = try await repaired.counts(lost)
    #expect(counts == [count, count])
    await repaired.close()
  }

  @Test(arguments: [true, false])
  func `who was restored is served by every start, and who was not stays stopped`(
    isNamed: Bool
  ) async throws {
    try await withTemporaryDirectory { directory in
      let first = try await engine(directory, here)
      try await begin(first, [lost, second, whole])
      let backup = "\(directory)/backup"
      let past = try await first.engine.snapshot(lost, into: backup).head
      var places: [CellSeq] = []
      for tenant in [lost, second] {
        try await first.pay(2, tenant)
        places.append(try last(first))
        // Of a single group the next one's list says whose it was.
        if isNamed { try await first.pay(1 + Int64(places.count), whole) }
      }
      // Behind an unnamed one their chains show that it held some of theirs.
      if !isNamed { for tenant in [lost, second] { try await first.pay(3, tenant) } }
      try await first.pay(9, whole)
      await first.close()
      // No file has what is lost.
      removeTree("\(directory)/tenants")
      try damage(directory, places)

      let stopping = try await engine(directory, here)
      #expect(stopping.report.stopped == [lost, second].sorted())
      try await restore(stopping, directory, backup, past)
      let counts = try await stopping.counts(lost)
      #expect(counts == [1, 1])
      await stopping.close()

      try await expectServed(directory, 1, ranges: isNamed ? 2 : 1)
      try await expectRepaired(directory, 3)
    }
  }

  @Test func `who moved in is served by every start`() async throws {
    try await withTemporaryDirectory { directory in
      let target = "\(directory)/target"
      let first = try await engine(target, here)
      try await begin(first, [second, whole])
      var places: [CellSeq] = []
      for id in 2...3 {
        try await first.pay(Int64(id), second)
        places.append(try last(first))
      }
      try await first.pay(2, whole)
      await first.close()
      removeTree("\(target)/tenants")
      try damage(target, places)

      let stopping = try await engine(target, here)
      #expect(stopping.report.stopped == [second])
      let source = try await engine("\(directory)/source", there)
      try await begin(source, [lost])
      let move = TenantMoving(tenant: lost, from: there, to: here, epoch: Epoch(2))
      try await move.begin(source.engine, stopping.engine)
      try await source.pay(2, lost)
      try await move.finish(source.engine, stopping.engine)
      await source.close()
      await stopping.close()

      try await expectServed(target, 2, ranges: 1)
      try await expectRepaired(target, 4)
    }
  }
}
