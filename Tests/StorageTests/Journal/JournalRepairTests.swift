import Platform
import Simulation
import Testing
import Wire

@testable import Storage

@Suite("Journal repair") struct JournalRepairTests {
  private let directory = "/data/journal"

  /// Groups of one record, tenants a and b in turn: seqs 1, 3, 5… are a's.
  private func filled() throws -> JournalBench {
    let bench = JournalBench(segmentBytes: 8192)
    let (writer, opened, _) = try bench.openWriter()
    for seq in 1...30 {
      let expected = CellSeq(UInt64(seq))
      #expect(
        writer.write([try bench.record(seq % 2 == 1 ? "a" : "b", size: 300)])
          == .durable(
            first: expected, last: expected))
    }
    writer.close()
    opened.lock.release()
    return bench
  }

  private func damage(_ bench: JournalBench, seq: Int) throws -> [UInt8] {
    let groups = try JournalInspection.run(
      directory: directory, files: bench.disk.fileSystem(), detail: .groups
    ).groups
    let group = try #require(
      groups.first { $0.firstSeq == CellSeq(UInt64(seq)) && $0.kind == "records" })
    let path = directory + "/" + group.segment
    bench.disk.edit(path) { $0[Int(group.offset) + 300] ^= 1 }
    let bytes = try #require(bench.disk.bytes(path))
    return Array(bytes[Int(group.offset)..<(Int(group.offset) + group.bytes)])
  }

  private func verify(_ bench: JournalBench) throws -> JournalVerification {
    try JournalVerification.run(directory: directory, files: bench.disk.fileSystem())
  }

  @Test func `a whole journal has nothing to repair`() throws {
    let bench = try filled()
    #expect(throws: JournalError.self) {
      try bench.repair()
    }
  }

  @Test func `a damaged group is cut out, named and kept aside`() throws {
    let bench = try filled()
    let removed = try damage(bench, seq: 7)
    #expect(try !verify(bench).ok)
    // Tenant a's files stand at its record 3; its fourth (position 7) is lost.
    let report = try bench.repair([
      TenantID(trusted: "a"): TenantSeq(3), TenantID(trusted: "b"): TenantSeq(15),
    ])
    let range = try #require(report.ranges.first)
    #expect(range.losses.map(\.tenant) == [TenantID(trusted: "a")])
    #expect(range.losses.first?.lostFrom == TenantSeq(4))
    #expect(range.losses.first?.lostThrough == TenantSeq(15))
    #expect(range.losses.first?.voidRecords == 11)
    #expect(range.losses.first?.needsRestore == false)
    #expect(!range.othersPossible)
    #expect(bench.disk.bytes(directory + "/" + range.sideFile) == removed)

    bench.disk.losePower(.lost)
    let after = try verify(bench)
    #expect(after.ok)
    #expect(after.voidRecords == 11)
    #expect(after.records == 18)
    let (writer, opened, catalog) = try bench.openWriter()
    #expect(opened.catalog.damage.isEmpty)
    #expect(opened.heads[TenantID(trusted: "a")]?.tenantSeq == TenantSeq(3))
    #expect(opened.heads[TenantID(trusted: "b")]?.tenantSeq == TenantSeq(15))
    let read = try bench.records(catalog.withLock { $0 })
    #expect(read.filter { $0.identity.tenant == TenantID(trusted: "b") }.count == 15)
    #expect(read.filter { $0.identity.tenant == TenantID(trusted: "a") }.count == 3)

    // The tenant goes on from what it kept.
    let head = try #require(opened.heads[TenantID(trusted: "a")])
    bench.rewind("a", to: head.tenantSeq, head.hash)
    #expect(
      writer.write([try bench.record("a")]) == .durable(first: CellSeq(31), last: CellSeq(31)))
    #expect(try verify(bench).ok)
    #expect(try bench.records(catalog.withLock { $0 }).last?.identity.tenantSeq == TenantSeq(4))
  }

  @Test func `a tenant whose files have it all loses nothing`() throws {
    let bench = try filled()
    _ = try damage(bench, seq: 7)
    let report = try bench.repair([
      TenantID(trusted: "a"): TenantSeq(15), TenantID(trusted: "b"): TenantSeq(15),
    ])
    #expect(report.ranges.first?.losses.isEmpty == true)
    let after = try verify(bench)
    #expect(after.ok, "\(after.chainBreaks)")
    #expect(after.repairedGaps == 1 && after.missingRecords == 1)
    let (_, opened, _) = try bench.openWriter()
    #expect(opened.catalog.damage.isEmpty)
    #expect(opened.heads[TenantID(trusted: "a")]?.tenantSeq == TenantSeq(15))
  }

  @Test func `files ahead of a journal whose last record of them is gone are left to a restore`()
    throws
  {
    let bench = try filled()
    // Position 29 holds a's fifteenth and last record; behind it stands only one of b.
    _ = try damage(bench, seq: 29)
    let report = try bench.repair([
      TenantID(trusted: "a"): TenantSeq(15), TenantID(trusted: "b"): TenantSeq(15),
    ])
    let loss = try #require(report.ranges.first?.losses.first)
    #expect(report.ranges.first?.losses.count == 1)
    #expect(loss.tenant == TenantID(trusted: "a") && loss.needsRestore)
    #expect(loss.lostFrom == TenantSeq(15) && loss.lostThrough == TenantSeq(15))
    #expect(loss.voidRecords == 0)
  }

  @Test func `a torn end of which files have records is damage to a repair, too`() throws {
    let bench = try filled()
    let groups = try JournalInspection.run(
      directory: directory, files: bench.disk.fileSystem(), detail: .groups
    ).groups
    let last = try #require(groups.last { $0.kind == "records" })
    bench.disk.edit(directory + "/" + last.segment) { bytes in
      for index in 0..<(last.bytes - 10) { bytes[Int(last.offset) + index] = 0 }
    }
    let b = TenantID(trusted: "b")
    // Without a proof it was never durable, and the next start cuts it.
    #expect(throws: JournalError.self) {
      try bench.repair([b: TenantSeq(14)])
    }
    let report = try bench.repair([b: TenantSeq(15)])
    #expect(report.ranges.first?.losses.map(\.tenant) == [b])
    #expect(report.ranges.first?.losses.first?.needsRestore == true)
    let (_, opened, _) = try bench.openWriter()
    #expect(opened.isWritable && opened.catalog.damage.isEmpty)
  }

  @Test func `a tenant whose very first record is gone is named`() throws {
    let bench = try filled()
    _ = try damage(bench, seq: 1)
    let report = try bench.repair()
    let loss = try #require(report.ranges.first?.losses.first { $0.tenant.rawValue == "a" })
    #expect(loss.lostFrom == TenantSeq(1) && loss.needsRestore)
  }

  @Test func `a gap explains what stood in it, and nothing behind it`() throws {
    let bench = try filled()
    _ = try damage(bench, seq: 7)
    _ = try bench.repair([
      TenantID(trusted: "a"): TenantSeq(15), TenantID(trusted: "b"): TenantSeq(15),
    ])
    let (writer, opened, _) = try bench.openWriter()
    let head = try #require(opened.heads[TenantID(trusted: "a")])
    bench.rewind("a", to: head.tenantSeq.next, head.hash)
    #expect(
      writer.write([try bench.record("a")]) == .durable(first: CellSeq(31), last: CellSeq(31)))
    let after = try verify(bench)
    #expect(!after.ok && after.missingRecords == 1)
    #expect(after.chainBreaks.map(\.foundSeq) == [TenantSeq(17)])
  }

  @Test func `damage at the end is repaired so that the journal is writable again`() throws {
    let bench = try filled()
    _ = try damage(bench, seq: 30)
    let stopped = try bench.openWriter()
    #expect(!stopped.opened.isWritable)
    stopped.opened.lock.release()
    let report = try bench.repair([
      TenantID(trusted: "a"): TenantSeq(15), TenantID(trusted: "b"): TenantSeq(14),
    ])
    #expect(report.ranges.first?.losses.map(\.tenant) == [TenantID(trusted: "b")])
    bench.disk.losePower(.lost)
    let (writer, opened, _) = try bench.openWriter()
    #expect(opened.isWritable)
    #expect(opened.catalog.damage.isEmpty)
    let head = try #require(opened.heads[TenantID(trusted: "b")])
    #expect(head.tenantSeq == TenantSeq(14))
    bench.rewind("b", to: head.tenantSeq, head.hash)
    #expect(
      writer.write([try bench.record("b")]) == .durable(first: CellSeq(31), last: CellSeq(31)))
    #expect(try verify(bench).ok)
  }

  @Test func `any damaged group can be repaired and the journal goes on`() throws {
    for seq in 1...30 {
      let bench = try filled()
      _ = try damage(bench, seq: seq)
      _ = try bench.repair()
      let after = try verify(bench)
      #expect(after.damage.isEmpty, "group \(seq)")
      #expect(after.tail == "clean", "group \(seq)")
      let (writer, opened, _) = try bench.openWriter()
      #expect(opened.isWritable)
      bench.rewind("c", to: .zero, .zero)
      let expected = opened.catalog.lastSeq.next
      #expect(writer.write([try bench.record("c")]) == .durable(first: expected, last: expected))
    }
  }
}
