import Simulation
import Testing
import Wire

@testable import Storage

/// Whose files came whole behind damage needs nothing of it, at a start and in a repair.
@Suite("Files that came behind damage") struct RenewedFilesTests {
  private let a = TenantID(trusted: "a")
  private let b = TenantID(trusted: "b")
  private let c = TenantID(trusted: "c")

  /// A journal of such records, a group each, of which those at the places `lost` are flipped.
  private func bench(
    _ records: [(name: String, kind: RecordKind)], lost: ClosedRange<Int>
  ) throws -> JournalBench {
    let bench = JournalBench()
    let (writer, opened, _) = try bench.openWriter()
    for (name, kind) in records { _ = writer.write([try bench.record(name, kind: kind)]) }
    writer.close()
    opened.lock.release()
    let directory = bench.configuration.directory
    let groups = try JournalInspection.run(
      directory: directory, files: bench.disk.fileSystem(), detail: .groups
    ).groups.filter { $0.kind == "records" }
    #expect(groups.count == records.count)
    for group in groups[lost] {
      bench.disk.edit("\(directory)/\(group.segment)") {
        $0[Int(group.offset) + group.bytes / 2] ^= 1
      }
    }
    return bench
  }

  private func open(_ bench: JournalBench) throws -> JournalOpening.Result {
    let (writer, opened, _) = try bench.openWriter()
    writer.close()
    opened.lock.release()
    return opened
  }

  @Test(arguments: [RecordKind.restore, .import, .refuse, .commands])
  func `a record that brings files proves its tenant past a range of unknown tenants`(
    kind: RecordKind
  ) throws {
    let bench = try bench(
      [
        ("a", .create), ("b", .create), ("c", .create), ("a", .commands), ("b", .commands),
        ("a", .commands), ("b", .commands), ("b", kind), ("c", .commands),
      ], lost: 3...4)
    let damage = try open(bench).catalog.damage
    #expect(damage.map(\.tenants) == [.unknown(intact: kind == .commands ? [c] : [b, c])])
  }

  @Test(arguments: [RecordKind.restore, .import, .commands])
  func `and past a range that names it`(kind: RecordKind) throws {
    let bench = try bench(
      [("a", .create), ("b", .create), ("b", .commands), ("a", .commands), ("b", kind)],
      lost: 2...2)
    let damage = try open(bench).catalog.damage
    #expect(damage.map(\.tenants) == [.known(kind == .commands ? [b: TenantSeq(2)] : [:])])
  }

  @Test func `what brought files before the range proves nothing of it`() throws {
    let bench = try bench(
      [
        ("a", .create), ("b", .create), ("b", .restore), ("a", .commands), ("b", .commands),
        ("a", .commands), ("b", .commands),
      ], lost: 3...4)
    #expect(try open(bench).catalog.damage.map(\.tenants) == [.unknown(intact: [])])
  }

  @Test func `an adoption proves nothing where records that were streamed may be lost`() throws {
    for streamed in [true, false] {
      let records: [(name: String, kind: RecordKind)] = [
        ("a", .create), ("b", .create), ("b", .import), ("a", .commands),
        (streamed ? "b" : "a", .commands), ("a", .commands),
      ]
      let bench = JournalBench()
      let (writer, opened, _) = try bench.openWriter()
      for (name, kind) in records { _ = writer.write([try bench.record(name, kind: kind)]) }
      // The release lies in the source's journal.
      _ = try bench.record("b", kind: .release)
      _ = writer.write([try bench.record("b", kind: .adopt)])
      writer.close()
      opened.lock.release()
      let groups = try JournalInspection.run(
        directory: bench.configuration.directory, files: bench.disk.fileSystem(), detail: .groups
      ).groups
      for group in groups[3...4] {
        bench.disk.edit(bench.segmentPath(1)) { $0[Int(group.offset) + group.bytes / 2] ^= 1 }
      }
      let damage = try open(bench).catalog.damage
      #expect(damage.map(\.tenants) == [.unknown(intact: streamed ? [] : [b])])
    }
  }

  @Test func `a repair voids nothing of who was restored behind the range`() throws {
    let bench = try bench(
      [
        ("a", .create), ("b", .create), ("b", .commands), ("a", .commands), ("b", .restore),
        ("b", .commands),
      ], lost: 2...2)
    // The restored files stand where the journal was before the range.
    let range = try #require(try bench.repair([a: TenantSeq(2), b: TenantSeq(1)]).ranges.first)
    #expect(range.losses.isEmpty)
    let opened = try open(bench)
    #expect(opened.catalog.damage.isEmpty)
    #expect(opened.heads[b]?.tenantSeq == TenantSeq(4))
    let verified = try JournalVerification.run(
      directory: bench.configuration.directory, files: bench.disk.fileSystem())
    #expect(verified.voidRecords == 0)
  }

  @Test func `segments that are missing stop nobody who was restored behind them`() throws {
    let bench = JournalBench(segmentBytes: 4_096)
    let (writer, first, _) = try bench.openWriter()
    for seq in 1...30 {
      let kind: RecordKind = seq == 30 ? .restore : .commands
      _ = writer.write([try bench.record(seq % 2 == 1 ? "a" : "b", size: 300, kind: kind)])
    }
    writer.close()
    first.lock.release()
    try bench.disk.fileSystem().remove(bench.segmentPath(1))
    #expect(try open(bench).catalog.damage.map(\.tenants) == [.unknown(intact: [b])])
    let range = try #require(try bench.repair().ranges.first)
    #expect(range.losses.map(\.tenant) == [a])
  }

  @Test func `a chain goes on with the next record, and beside it with what names the last`() {
    let damage = DamagedRange(
      segment: "s", startOffset: 0, endOffset: 1, firstSeq: CellSeq(10), lastSeq: CellSeq(20),
      tenants: .unknown(intact: []), reason: "flipped")
    func isIntact(after before: UInt64?, _ kind: RecordKind, _ seq: UInt64) -> Bool {
      var seen = SeenTenants()
      var found = [damage]
      if let before { seen.add(record(.commands, before)) }
      seen.beginUnknown(0, found)
      seen.add(record(kind, seq))
      seen.finish(&found)
      return found[0].tenants == .unknown(intact: [a])
    }
    #expect(isIntact(after: 4, .commands, 5) && !isIntact(after: 4, .commands, 6))
    #expect(isIntact(after: 4, .ready, 4) && !isIntact(after: 4, .ready, 5))
    #expect(isIntact(after: 4, .adopt, 6))
    #expect(!isIntact(after: 4, .adopt, 5) && !isIntact(after: 4, .adopt, 7))
    #expect(isIntact(after: nil, .create, 1))
    #expect(!isIntact(after: nil, .ready, 1) && !isIntact(after: nil, .commands, 2))
  }

  private func record(_ kind: RecordKind, _ seq: UInt64) -> JournalRecord {
    let identity = RecordIdentity(
      tenant: a, lineage: Lineage(7), epoch: .first, tenantSeq: TenantSeq(seq),
      previousHash: .zero, time: .zero, schemaVersion: 1, kind: kind, nextDue: nil)
    return JournalRecord(
      header: RecordHeader(
        identity: identity, commandCount: 0, payloadLength: 0, payloadCRC: 0),
      position: RecordPosition(
        cell: CellID(trusted: "eu-1"), generation: .first, cellSeq: CellSeq(1)),
      hash: .zero, payload: [])
  }
}
