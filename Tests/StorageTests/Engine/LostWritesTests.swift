import Platform
import StorageFixtures
import Testing
import Wire

@testable import Storage

/// After the power was gone one file of a tenant may have a later record and another lack an
/// earlier one: where that one cannot be read, nothing shows that it is not missing.
@Suite("Writes that went with the power", .timeLimit(.minutes(1))) struct LostWritesTests {
  private let poor = TenantID(trusted: "poor")
  private let neighbour = TenantID(trusted: "neighbour")
  private let files = LiveFileSystem()

  private func engine(_ directory: String) async throws -> TestEngine {
    try await TestEngine(directory) { $0.flushInterval = .seconds(3_600) }
  }

  /// The tenant's second payment is in the journal at the position answered, and in its files; a
  /// later record of it is of its messages alone.
  private func fill(_ directory: String, _ backup: String) async throws -> CellSeq {
    let first = try await engine(directory)
    for tenant in [poor, neighbour] {
      try await first.engine.create(tenant, epoch: .first)
      try await first.pay(1, tenant)
    }
    await first.close()
    try copyLedger("\(directory)/tenants/poor", to: backup)
    let second = try await engine(directory)
    try await second.pay(2, poor)
    let place = try #require(second.engine.journal).lastSeq
    // The next group's list says whose the last one was.
    try await second.pay(2, neighbour)
    try await second.write(poor) { transaction in
      try transaction.file(.messages).run(
        "INSERT INTO messages (id, body, raw) VALUES (9, '', NULL)")
    }
    await second.close()
    return place
  }

  private func copyLedger(_ source: String, to target: String) throws {
    try files.createDirectory(target)
    for name in try files.list(target) where name.hasPrefix("ledger.sqlite") {
      try files.remove("\(target)/\(name)")
    }
    for name in try files.list(source) where name.hasPrefix("ledger.sqlite") {
      try FileTree.write(
        try FileTree.bytes("\(source)/\(name)", files), to: "\(target)/\(name)", files)
    }
  }

  private func damage(_ directory: String, _ place: CellSeq) throws {
    let journal = "\(directory)/journal"
    let group = try #require(
      try JournalInspection.run(directory: journal, files: files, detail: .groups).groups.first {
        $0.kind == "records" && $0.firstSeq == place
      })
    let file = try files.open("\(journal)/\(group.segment)", .update)
    defer { file.close() }
    let offset = group.offset + UInt64(group.bytes / 2)
    try file.write([try file.bytes(at: offset, count: 1)[0] ^ 0x10], at: offset)
  }

  private func repair(_ directory: String) throws -> [JournalRepairReport.Loss] {
    try JournalRepair.run(
      directory: "\(directory)/journal", files: files,
      applied: try AppliedSeqs.files(dataDirectory: directory, files: files)
    ).ranges.flatMap(\.losses)
  }

  @Test func `a file that is ahead proves nothing of one that lost its writes`() async throws {
    try await withTemporaryDirectory { directory in
      let place = try await fill(directory, "\(directory)/backup")
      try copyLedger("\(directory)/backup", to: "\(directory)/tenants/poor")
      try FileTree.write(Array("an earlier run".utf8), to: "\(directory)/boot", files)
      try damage(directory, place)
      // By the second start the machine has run on, and proves no more.
      for _ in 0..<2 {
        let test = try await engine(directory)
        #expect(test.report.stopped == [poor])
        try await test.pay(Int64.random(in: 10...1_000_000), neighbour)
        await test.close()
      }
      let losses = try repair(directory)
      #expect(losses.map(\.tenant) == [poor])
      #expect(losses.first?.needsRestore == true)
    }
  }

  @Test func `while the machine runs on, a later record proves the earlier ones`() async throws {
    try await withTemporaryDirectory { directory in
      let place = try await fill(directory, "\(directory)/backup")
      try damage(directory, place)
      let test = try await engine(directory)
      #expect(test.report.damage.count == 1 && test.report.stopped.isEmpty)
      let counts = try await test.counts(poor)
      #expect(counts == [2, 3])
      await test.close()
      #expect(try repair(directory).isEmpty)
    }
  }

  @Test func `what files prove`() {
    let seqs = [TenantSeq(3), TenantSeq(9), TenantSeq(7)]
    #expect(AppliedFiles(seqs, isUnbroken: true).highest == TenantSeq(9))
    // Of the last record itself a process that was killed may have committed a part.
    #expect(AppliedFiles(seqs, isUnbroken: true).whole == TenantSeq(8))
    #expect(AppliedFiles(seqs, isUnbroken: false).whole == TenantSeq(3))
    let all = [TenantSeq(9), TenantSeq(9)]
    #expect(AppliedFiles(all, isUnbroken: true).whole == TenantSeq(9))
    #expect(AppliedFiles(all, isUnbroken: false).whole == TenantSeq(9))
    #expect(AppliedFiles([], isUnbroken: true).whole == .zero)
  }
}
