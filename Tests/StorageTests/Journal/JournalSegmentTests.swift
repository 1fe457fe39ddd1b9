import Platform
import Simulation
import Testing
import Wire

@testable import Storage

@Suite("Journal segments") struct JournalSegmentTests {
  private func filled(_ count: Int) throws -> (JournalBench, JournalWriter, Monitor<JournalCatalog>)
  {
    let bench = JournalBench(segmentBytes: 4096)
    let (writer, _, catalog) = try bench.openWriter()
    for seq in 1...count {
      let expected = CellSeq(UInt64(seq))
      #expect(
        writer.write([try bench.record("t\(seq % 5)", size: 300)])
          == .durable(
            first: expected, last: expected))
    }
    return (bench, writer, catalog)
  }

  @Test func `a full segment is sealed and the next one goes on`() throws {
    let (bench, writer, catalog) = try filled(40)
    #expect(bench.segmentPaths.count > 4)
    let inspection = try JournalInspection.run(
      directory: bench.configuration.directory, files: bench.disk.fileSystem(), detail: .records)
    #expect(inspection.segments.dropLast().allSatisfy { $0.isSealed })
    #expect(inspection.segments.last?.isSealed == false)
    #expect(inspection.groups.flatMap(\.records).count == 40)
    #expect(inspection.tail == "clean")
    #expect(try bench.records(catalog.withLock { $0 }, from: CellSeq(17)).count == 24)
    writer.close()
    bench.disk.losePower(.lost)
    let again = try bench.openWriter()
    #expect(again.opened.catalog.lastSeq == CellSeq(40))
    #expect(
      again.writer.write([try bench.record("t1")])
        == .durable(
          first: CellSeq(41), last: CellSeq(41)))
    let verification = try JournalVerification.run(
      directory: bench.configuration.directory, files: bench.disk.fileSystem())
    #expect(verification.ok)
    #expect(verification.records == 41)
    #expect(verification.commands == 41)
    #expect(verification.tenants == 5)
  }

  @Test func `a lost segment is reported and names the positions`() throws {
    let (bench, writer, _) = try filled(40)
    writer.close()
    bench.disk.kill()
    let names = bench.segmentPaths
    bench.disk.remove(names[2])
    let (_, opened, catalog) = try bench.openWriter()
    let range = try #require(opened.catalog.damage.first)
    let found = try bench.records(catalog.withLock { $0 }).map(\.position.cellSeq)
    let missing = (1...40).map { CellSeq($0) }.filter { !found.contains($0) }
    #expect(range.firstSeq == missing.first)
    #expect(range.lastSeq == missing.last)
    #expect(opened.isWritable)
  }

  @Test func `trimming keeps what the checkpoint does not hold`() throws {
    let bench = JournalBench(segmentBytes: 4096)
    let opened = try Journal.open(
      bench.configuration, files: bench.disk.fileSystem(), fatal: { _ in })
    let answers = Answers()
    for count in 1...40 {
      opened.journal.append(try bench.record("acme", size: 300)) { answers.add($0) }
      _ = answers.wait(for: count)
    }
    let before = bench.segmentPaths.count
    #expect(before > 1)
    try opened.journal.trim(pastAll: CellSeq(40))
    #expect(bench.segmentPaths.count == before, "there is no checkpoint yet")
    let head = TenantHead(
      lineage: Lineage(7), tenantSeq: TenantSeq(40),
      hash: try #require(bench.chains[TenantID(trusted: "acme")]).hash, epoch: .first,
      ownership: .owned, time: .zero, schemaVersion: 3, nextDue: nil, cellSeq: CellSeq(40))
    try opened.journal.writeHeads(
      HeadsCheckpoint(through: CellSeq(40), heads: [TenantID(trusted: "acme"): head]))
    let needed = opened.journal.metrics.untrimmedBytes
    try opened.journal.trim(pastAll: CellSeq(40))
    #expect(bench.segmentPaths.count == 1)
    #expect(opened.journal.metrics.untrimmedBytes < needed)
    opened.journal.close()
    bench.disk.losePower(.lost)

    let again = try Journal.open(
      bench.configuration, files: bench.disk.fileSystem(), fatal: { _ in })
    #expect(again.damage.isEmpty)
    #expect(again.checkpointThrough == CellSeq(40))
    #expect(again.heads == [TenantID(trusted: "acme"): head])
    again.journal.close()
  }

  @Test func `a journal that ends before its checkpoint is damaged`() throws {
    let (bench, writer, _) = try filled(10)
    writer.close()
    bench.disk.kill()
    let bytes = HeadsFile.encode(
      HeadsCheckpoint(through: CellSeq(12), heads: [:]), cell: bench.configuration.cell,
      generation: .first)
    bench.disk.replace("/data/journal/heads", bytes)
    let (_, opened, _) = try bench.openWriter()
    #expect(!opened.isWritable)
    #expect(opened.catalog.damage.last?.firstSeq == CellSeq(11))
  }

  @Test func `a flip of any byte of the heads is noticed`() throws {
    let cell = CellID(trusted: "eu-1")
    let head = TenantHead(
      lineage: Lineage(1), tenantSeq: TenantSeq(2), hash: .of([1]), epoch: Epoch(3),
      ownership: .moving, time: Timestamp(milliseconds: 4), schemaVersion: 5,
      nextDue: Timestamp(milliseconds: 6), cellSeq: CellSeq(7))
    let checkpoint = HeadsCheckpoint(
      through: CellSeq(9), heads: [TenantID(trusted: "a"): head, TenantID(trusted: "b"): head])
    let bytes = HeadsFile.encode(checkpoint, cell: cell, generation: .first)
    #expect(try HeadsFile.decode(bytes, cell: cell, generation: .first) == checkpoint)
    for index in bytes.indices {
      var flipped = bytes
      flipped[index] ^= 2
      #expect(throws: JournalError.self) {
        try HeadsFile.decode(flipped, cell: cell, generation: .first)
      }
    }
  }
}
