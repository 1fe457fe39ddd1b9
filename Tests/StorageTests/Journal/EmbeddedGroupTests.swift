import Platform
import Simulation
import Testing
import Wire

@testable import Storage

/// Bytes in a tenant's payload that look like a group, and groups with numbers that cannot be.
@Suite("Groups that nobody wrote") struct EmbeddedGroupTests {
  /// Records at the positions 1 to 4, the second one with a payload of two kilobytes.
  private func journal() throws -> JournalBench {
    let bench = JournalBench(segmentBytes: 16 * 1024)
    let (writer, opened, _) = try bench.openWriter()
    let records = [("t0", 40), ("t1", 2_000), ("t0", 40), ("t2", 40)]
    for (index, (tenant, size)) in records.enumerated() {
      let seq = CellSeq(UInt64(index + 1))
      #expect(
        writer.write([try bench.record(tenant, size: size)]) == .durable(first: seq, last: seq))
    }
    writer.close()
    opened.lock.release()
    return bench
  }

  private func places(_ bench: JournalBench) throws -> [Range<Int>] {
    try JournalInspection.run(
      directory: bench.configuration.directory, files: bench.disk.fileSystem(), detail: .groups
    ).groups.map { Int($0.offset)..<(Int($0.offset) + $0.bytes) }
  }

  private let far = JournalTip(
    groupNumber: 100, lastSeq: CellSeq(1_000), hash: .zero, offset: 0)

  /// A group of one record, as a tenant could guess it.
  private func forged(_ cell: String = "eu-1") throws -> [UInt8] {
    var builder = GroupBuilder(
      cell: CellID(trusted: cell), generation: .first, list: .empty, capacity: 1_024)
    _ = builder.build([try JournalBench().record("forged")], after: far)
    return builder.bytes
  }

  /// The same, and a seal that follows it.
  private func forgedRun() throws -> [UInt8] {
    var builder = GroupBuilder(
      cell: CellID(trusted: "eu-1"), generation: .first, list: .empty, capacity: 1_024)
    let (header, hash) = builder.build([try JournalBench().record("forged")], after: far)
    let records = builder.bytes
    builder.becameDurable(header)
    _ = builder.buildSeal(
      after: JournalTip(
        groupNumber: header.number, lastSeq: header.lastSeq, hash: hash, offset: 0))
    return records + builder.bytes
  }

  private func gap(
    after tip: JournalTip, through group: UInt64, lastSeq: UInt64
  ) -> [UInt8] {
    GapBody.encodeGroup(
      GapBody(
        throughGroup: group, voidThrough: CellSeq(2), endsSegment: false, sideFile: "removed-1",
        removedHash: SHA256Hash.of([1]), voids: []),
      after: tip, lastSeq: CellSeq(lastSeq))
  }

  /// Makes the checksum of a changed group right.
  private func resealed(_ group: [UInt8]) -> [UInt8] {
    let body = Array(group.dropLast(GroupFormat.trailerLength))
    var writer = ByteWriter()
    writer.raw(body)
    writer.integer(CRC32.of(body))
    return writer.bytes
  }

  /// Puts `bytes` into the middle of the second group's payload, which damages that group.
  private func embed(_ bytes: [UInt8], in bench: JournalBench, damagingHeader: Bool) throws {
    let place = try places(bench)[1]
    #expect(400 + bytes.count < place.count)
    put(bytes, at: place.lowerBound + 400, in: bench)
    guard damagingHeader else { return }
    bench.disk.edit(bench.segmentPath(1)) { $0[place.lowerBound + 20] ^= 1 }
  }

  private func put(_ bytes: [UInt8], at offset: Int, in bench: JournalBench) {
    bench.disk.edit(bench.segmentPath(1)) { content in
      for (index, byte) in bytes.enumerated() { content[offset + index] = byte }
    }
  }

  private func expectOnlyTheSecondIsLost(_ bench: JournalBench, _ comment: Comment) throws {
    let (writer, opened, catalog) = try bench.openWriter()
    defer { writer.close() }
    #expect(opened.isWritable, comment)
    #expect(opened.catalog.lastSeq == CellSeq(4), comment)
    #expect(opened.catalog.damage.map(\.firstSeq) == [CellSeq(2)], comment)
    #expect(opened.catalog.damage.map(\.lastSeq) == [CellSeq(2)], comment)
    #expect(
      opened.catalog.damage.map(\.tenants) == [.known([TenantID(trusted: "t1"): TenantSeq(1)])],
      comment)
    let found = try bench.records(catalog.withLock { $0 })
    #expect(found.map(\.position.cellSeq) == [1, 3, 4].map { CellSeq($0) }, comment)
  }

  @Test(arguments: [UInt64(1) << 40, UInt64(Int64.max) - 1])
  func `a group that is further than any journal is passed over`(far: UInt64) throws {
    let tip = JournalTip(groupNumber: far, lastSeq: CellSeq(far), hash: .zero, offset: 0)
    var builder = GroupBuilder(
      cell: CellID(trusted: "eu-1"), generation: .first, list: .empty, capacity: 1_024)
    _ = builder.buildSeal(after: tip)
    for bytes in [builder.bytes, gap(after: tip, through: far + 1, lastSeq: far)] {
      let bench = try journal()
      try embed(bytes, in: bench, damagingHeader: true)
      try expectOnlyTheSecondIsLost(bench, "\(bytes.count) bytes")
    }
  }

  @Test func `inside a damaged group whose header is right nothing is looked for`() throws {
    let bench = try journal()
    try embed(try forged(), in: bench, damagingHeader: false)
    try expectOnlyTheSecondIsLost(bench, "a group of this cell")
  }

  @Test func `what a search finds and no journal can have is passed over`() throws {
    var malformed = try forged()
    malformed[GroupFormat.headerLength + 8] ^= 1
    let forgeries: [(Comment, [UInt8])] = [
      ("more records than there was room for", try forged()),
      ("more, and a seal behind them", try forgedRun()),
      ("another cell's", try forged("us-2")),
      ("a record that is none", resealed(malformed)),
      ("a gap without an end", gap(after: far, through: 101, lastSeq: .max)),
      ("a gap through all groups", gap(after: far, through: .max, lastSeq: 1_001)),
      ("a gap that goes back", gap(after: far, through: 3, lastSeq: 1_001)),
    ]
    for (comment, bytes) in forgeries {
      let bench = try journal()
      try embed(bytes, in: bench, damagingHeader: true)
      try expectOnlyTheSecondIsLost(bench, comment)
    }
  }

  /// A short record and a long one, each a group.
  private func journalOfTwo() throws -> JournalBench {
    let bench = JournalBench(segmentBytes: 16 * 1024)
    let (writer, opened, _) = try bench.openWriter()
    for (index, size) in [40, 3_000].enumerated() {
      let seq = CellSeq(UInt64(index + 1))
      #expect(
        writer.write([try bench.record("t1", size: size)]) == .durable(first: seq, last: seq))
    }
    writer.close()
    opened.lock.release()
    return bench
  }

  @Test func `in a damaged last group no end of the journal is found`() throws {
    let bench = try journalOfTwo()
    try embed(try forgedRun(), in: bench, damagingHeader: true)
    let again = try bench.openWriter()
    defer { again.writer.close() }
    #expect(!again.opened.isWritable)
    #expect(again.opened.catalog.lastSeq == CellSeq(1))
    #expect(again.opened.catalog.damage.map(\.firstSeq) == [CellSeq(2)])
    #expect(again.opened.heads[TenantID(trusted: "forged")] == nil)
  }

  @Test func `behind a damaged gap the journal goes on, however much the gap stood for`() throws {
    let bench = JournalBench(segmentBytes: 16 * 1024)
    let (writer, opened, _) = try bench.openWriter()
    for seq in (1...16).map({ CellSeq($0) }) {
      #expect(writer.write([try bench.record("t0")]) == .durable(first: seq, last: seq))
    }
    writer.close()
    opened.lock.release()
    let lost = try places(bench)[2..<12]
    bench.disk.edit(bench.segmentPath(1)) { bytes in
      for index in lost[2].lowerBound..<lost[11].upperBound { bytes[index] = 0 }
    }
    _ = try bench.repair([TenantID(trusted: "t0"): TenantSeq(16)])
    let gap = try places(bench)[2]
    bench.disk.edit(bench.segmentPath(1)) { $0[gap.lowerBound + 20] ^= 1 }
    let again = try bench.openWriter()
    #expect(again.opened.isWritable)
    #expect(again.opened.catalog.damage.map(\.lastSeq) == [CellSeq(12)])
    let catalog = again.catalog.withLock { $0 }
    let found = try bench.records(catalog).map(\.position.cellSeq.rawValue)
    #expect(found == [1, 2, 13, 14, 15, 16])
    again.writer.close()
    again.opened.lock.release()
  }

  @Test func `a torn last group is cut, whatever is inside of it`() throws {
    let bench = try journalOfTwo()
    let place = try #require(try places(bench).last)
    try embed(try forged(), in: bench, damagingHeader: false)
    bench.disk.edit(bench.segmentPath(1)) { content in
      for index in ((place.lowerBound + 1_500) / 512 * 512)..<content.count { content[index] = 0 }
    }
    let again = try bench.openWriter()
    defer { again.writer.close() }
    #expect(again.opened.isWritable)
    #expect(again.opened.catalog.damage.isEmpty)
    #expect(again.opened.cut?.firstSeq == CellSeq(2))
    #expect(again.opened.catalog.lastSeq == CellSeq(1))
  }

  /// The end of the journal as a group behind it has to name it.
  private func tip(_ bench: JournalBench) throws -> (tip: JournalTip, end: Int) {
    let groups = try JournalInspection.run(
      directory: bench.configuration.directory, files: bench.disk.fileSystem(), detail: .groups
    ).groups
    let last = try #require(groups.last)
    let end = last.offset + UInt64(last.bytes)
    let hash = try #require(SHA256Hash(hexadecimal: last.hash))
    let tip = JournalTip(
      groupNumber: last.number, lastSeq: last.lastSeq, hash: hash, offset: end)
    return (tip, Int(end))
  }

  @Test func `a gap at the journal's end that counts past all numbers ends nothing`() throws {
    let bench = try journal()
    let (tip, end) = try tip(bench)
    let bytes = gap(after: tip, through: 5, lastSeq: .max)
    put(bytes, at: end, in: bench)
    let (writer, opened, _) = try bench.openWriter()
    defer { writer.close() }
    #expect(!opened.isWritable)
    #expect(opened.catalog.lastSeq == CellSeq(4))
  }

  @Test(arguments: [UInt64.max, 3])
  func `a gap in its place whose groups cannot be is malformed`(_ group: UInt64) throws {
    let bench = try journal()
    let (tip, end) = try tip(bench)
    let bytes = gap(after: tip, through: group, lastSeq: 6)
    put(bytes, at: end, in: bench)
    #expect(throws: JournalError.self) { try bench.openWriter() }
  }

  @Test func `numbers at the end of their type are no header's`() throws {
    func header(
      _ kind: GroupHeader.Kind, count: Int = 0, number: UInt64 = 2, _ first: UInt64,
      _ last: UInt64
    ) -> GroupHeader? {
      var writer = ByteWriter()
      GroupFormat.encodeHeader(
        GroupHeader(
          kind: kind, totalBytes: 4_096, recordCount: count, number: number,
          firstSeq: CellSeq(first), lastSeq: CellSeq(last), previousHash: .zero,
          listFirstSeq: CellSeq(1), listBytes: 0, listCount: 0),
        into: &writer)
      return GroupFormat.decodeHeader(writer.bytes[...])
    }
    #expect(header(.gap, 4, 9) != nil)
    #expect(header(.gap, 4, 3) != nil, "nothing is missing but the chain")
    #expect(header(.gap, 4, 2) == nil)
    #expect(header(.gap, 4, .max) == nil)
    #expect(header(.gap, number: .max, 4, 9) == nil)
    #expect(header(.records, count: 1, 4, 4) != nil)
    #expect(header(.records, count: 1, .max, .max) == nil)
    #expect(header(.records, count: 2, .max, 0) == nil)
    #expect(header(.seal, .max, .max - 1) == nil)
  }
}
