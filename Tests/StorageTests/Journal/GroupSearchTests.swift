import Platform
import Simulation
import Testing
import Wire

@testable import Storage

/// Groups behind damage that stands for more than it has bytes for, and a torn one behind them.
@Suite("Groups between damage and a torn end") struct GroupSearchTests {
  private func write(_ bench: JournalBench, sizes: [Int]) throws {
    let (writer, opened, _) = try bench.openWriter()
    for (index, size) in sizes.enumerated() {
      let seq = CellSeq(UInt64(index + 1))
      #expect(
        writer.write([try bench.record("t0", size: size)]) == .durable(first: seq, last: seq))
    }
    writer.close()
    opened.lock.release()
  }

  private func groups(_ bench: JournalBench) throws -> [JournalInspection.Group] {
    try JournalInspection.run(
      directory: bench.configuration.directory, files: bench.disk.fileSystem(), detail: .groups
    ).groups
  }

  private func path(_ bench: JournalBench, _ group: JournalInspection.Group) -> String {
    "\(bench.configuration.directory)/\(group.segment)"
  }

  private func spoilHeader(_ bench: JournalBench, _ group: JournalInspection.Group) {
    bench.disk.edit(path(bench, group)) { $0[Int(group.offset) + 20] ^= 1 }
  }

  /// Takes sectors from a group as a crash does: those behind its header, or the header's own.
  private func tear(_ bench: JournalBench, _ group: JournalInspection.Group, keepsHeader: Bool) {
    let (start, end) = (Int(group.offset), Int(group.offset) + group.bytes)
    let lost = keepsHeader ? ((start + 1_000) / 512 * 512)..<end : start..<((start / 512 + 2) * 512)
    bench.disk.edit(path(bench, group)) { content in
      for index in lost { content[index] = 0 }
    }
  }

  /// Sixteen short records and a long one; a repair's gap that cannot be read stands for the third
  /// to the twelfth, and the long one is torn.
  private func behindGap(keepsHeader: Bool) throws -> JournalBench {
    let bench = JournalBench(segmentBytes: 16 * 1024)
    try write(bench, sizes: [Int](repeating: 40, count: 16) + [2_500])
    let whole = try groups(bench)
    bench.disk.edit(bench.segmentPath(1)) { content in
      for index in Int(whole[2].offset)..<Int(whole[12].offset) { content[index] = 0 }
    }
    _ = try bench.repair([TenantID(trusted: "t0"): TenantSeq(17)])
    let repaired = try groups(bench)
    try #require(repaired.map(\.kind)[2] == "gap")
    spoilHeader(bench, repaired[2])
    tear(bench, try #require(repaired.last), keepsHeader: keepsHeader)
    return bench
  }

  private func positions(
    _ bench: JournalBench, _ catalog: Monitor<JournalCatalog>
  ) throws -> [UInt64] {
    try bench.records(catalog.withLock { $0 }).map(\.position.cellSeq.rawValue)
  }

  @Test func `a torn end takes nothing from the groups behind a damaged gap`() throws {
    let bench = try behindGap(keepsHeader: true)
    let (writer, opened, catalog) = try bench.openWriter()
    defer { writer.close() }
    #expect(opened.isWritable && opened.cut?.firstSeq == CellSeq(17))
    #expect(opened.catalog.damage.map(\.lastSeq) == [CellSeq(12)])
    #expect(try positions(bench, catalog) == [1, 2, 13, 14, 15, 16])
  }

  @Test func `groups that nothing places are not cut as torn`() throws {
    let bench = try behindGap(keepsHeader: false)
    let before = bench.disk.bytes(bench.segmentPath(1))
    let (writer, opened, _) = try bench.openWriter()
    defer { writer.close() }
    #expect(!opened.isWritable && opened.cut == nil)
    #expect(opened.catalog.damage.map(\.firstSeq) == [CellSeq(3)])
    #expect(bench.disk.bytes(bench.segmentPath(1)) == before)
  }

  @Test func `nor from those behind a missing segment and a damaged group`() throws {
    let bench = JournalBench(segmentBytes: 8_192)
    try write(bench, sizes: [Int](repeating: 300, count: 30) + [1_800])
    let all = try groups(bench)
    let last = try #require(all.last)
    let rest = all.filter { $0.segment == last.segment }
    let missing = try #require(all.last { $0.segment != last.segment }).segment
    try #require(rest.count >= 3 && missing != all[0].segment)
    bench.disk.remove("\(bench.configuration.directory)/\(missing)")
    spoilHeader(bench, rest[0])
    tear(bench, last, keepsHeader: true)
    let (writer, opened, catalog) = try bench.openWriter()
    defer { writer.close() }
    #expect(opened.isWritable && opened.cut?.firstSeq == CellSeq(31))
    let kept = all.filter { group in
      group.kind == "records" && group.segment != missing && group.firstSeq != rest[0].firstSeq
        && group.firstSeq < CellSeq(31)
    }
    #expect(try positions(bench, catalog) == kept.map(\.firstSeq.rawValue))
  }

  @Test func `an invalid group between them takes only itself`() throws {
    let bench = try behindGap(keepsHeader: true)
    let group = try #require(try groups(bench).first { $0.firstSeq == CellSeq(14) })
    // Its header is right, its content is not.
    bench.disk.edit(path(bench, group)) { $0[Int(group.offset) + group.bytes - 10] ^= 1 }
    let (writer, opened, catalog) = try bench.openWriter()
    defer { writer.close() }
    #expect(opened.isWritable)
    #expect(try positions(bench, catalog) == [1, 2, 13, 15, 16])
  }

  @Test func `a forged run whose last header promises more than a payload has is passed over`()
    throws
  {
    let bench = JournalBench(segmentBytes: 16 * 1024)
    try write(bench, sizes: [40, 2_000, 40, 40])
    let forged = try forgedRun(promising: 6_000)
    let place = try groups(bench)[1]
    #expect(400 + forged.count < place.bytes)
    bench.disk.edit(bench.segmentPath(1)) { content in
      for (index, byte) in forged.enumerated() { content[Int(place.offset) + 400 + index] = byte }
    }
    spoilHeader(bench, place)
    let (writer, opened, catalog) = try bench.openWriter()
    defer { writer.close() }
    #expect(opened.isWritable && opened.catalog.lastSeq == CellSeq(4))
    #expect(try positions(bench, catalog) == [1, 3, 4])
  }

  /// A valid group far ahead, and the header of one that would follow it.
  private func forgedRun(promising bytes: Int) throws -> [UInt8] {
    var builder = GroupBuilder(
      cell: CellID(trusted: "eu-1"), generation: .first, list: .empty, capacity: 1_024)
    let (header, hash) = builder.build(
      [try JournalBench().record("forged")],
      after: JournalTip(groupNumber: 100, lastSeq: CellSeq(1_000), hash: .zero, offset: 0))
    var writer = ByteWriter()
    writer.raw(builder.bytes)
    var next = ByteWriter()
    GroupFormat.encodeHeader(
      GroupHeader(
        kind: .records, totalBytes: bytes, recordCount: 1, number: header.number + 1,
        firstSeq: header.lastSeq.next, lastSeq: header.lastSeq.next, previousHash: hash,
        listFirstSeq: header.lastSeq, listBytes: 0, listCount: 0),
      into: &next)
    writer.raw(next.bytes)
    return writer.bytes
  }
}
