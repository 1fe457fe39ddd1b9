import Platform
import Simulation
import Testing
import Wire

@testable import Storage

/// A tenant's bytes that look like a group do not stand in the journal as such.
@Suite("Groups in payloads") struct PayloadEscapeTests {
  private let magic: [UInt8] = Array("AJG1".utf8)

  private func sealed(_ changes: [UInt8]) throws -> SealedRecord {
    var encoder = RecordEncoder()
    encoder.begin()
    encoder.command(requestID: "req", traceID: "", changes: changes)
    return try encoder.seal(
      RecordIdentity(
        tenant: TenantID(trusted: "t1"), lineage: Lineage(7), epoch: .first,
        tenantSeq: TenantSeq(1), previousHash: .zero, time: Timestamp(milliseconds: 1),
        schemaVersion: 3, kind: .create, nextDue: nil),
      files: [])
  }

  private func noise(_ count: Int) -> [UInt8] {
    var random = TestRandom(seed: 3)
    return (0..<count).map { _ in UInt8(1 + random.below(255)) }
  }

  private func expectHidden(_ changes: [UInt8], _ comment: Comment) throws {
    let record = try sealed(changes)
    #expect(!PayloadEscape.isNeeded(record.bytes), comment)
    #expect(try record.decodedPayload().commands.first?.changes == changes, comment)
  }

  @Test func `no payload has what a group begins with, and each is read as it was`() throws {
    try expectHidden(magic, "short")
    try expectHidden(noise(1_000) + magic, "at the end of what does not compress")
    try expectHidden(magic + [UInt8](repeating: 7, count: 4_000), "of what compresses")
    let between = magic + noise(90)
    for count in [2, 3, 100, 20_000] {
      try expectHidden((0..<count).flatMap { _ in magic }, "\(count) of them")
      try expectHidden((0..<count).flatMap { _ in between }, "\(count) between noise")
    }
  }

  @Test func `one of them in a text costs it nothing of its compression`() throws {
    var random = TestRandom(seed: 5)
    let text = (0..<4_000).map { _ in UInt8(97 + random.below(16)) }
    let changes = Array(text[..<2_000]) + magic + Array(text[2_000...])
    try expectHidden(changes, "in a text")
    #expect(try sealed(changes).bytes.count < changes.count * 3 / 4)
  }

  @Test func `the longest record as it is stored is within what messages are planned for`() throws {
    let count = JournalLimits.recordBytes - 200
    let changes = (0..<(count / magic.count)).flatMap { _ in magic }
    let record = try sealed(changes)
    // Of nothing but magics: seven bytes for each four.
    #expect(record.bytes.count > count / 4 * 7)
    let longest = RecordFormat.recordLength(
      record, cell: CellID(trusted: String(repeating: "c", count: CellID.maximumLength)))
    #expect(longest + 200 * 7 / 4 <= JournalLimits.storedRecordBytes)
    let configuration = JournalConfiguration(directory: "/", cell: CellID(trusted: "c"))
    #expect(configuration.groupRecords == 1_024)
    #expect(configuration.groupBytes < JournalLimits.storedRecordBytes)
  }

  @Test func `nor do the headers that cut it apart make one`() throws {
    // Around the end of the first block, with last blocks of many sizes.
    for place in 65_528...65_540 {
      for rest in 0..<64 {
        var payload = [UInt8](repeating: 7, count: place) + magic
        payload += [UInt8](repeating: 7, count: 100 + rest)
        let frame = PayloadEscape.frame(payload)
        #expect(!PayloadEscape.isNeeded(frame), "\(place), \(rest)")
        let read = try PayloadCompression.shared.decompress(frame, length: payload.count)
        #expect(read == payload, "\(place), \(rest)")
      }
    }
  }

  @Test func `a torn last group is cut, though its payload has a whole group that could follow`()
    throws
  {
    let bench = JournalBench(segmentBytes: 16 * 1_024)
    let (writer, opened, _) = try bench.openWriter()
    #expect(
      writer.write([try bench.record("t0")]) == .durable(first: CellSeq(1), last: CellSeq(1)))
    var forger = GroupBuilder(
      cell: bench.configuration.cell, generation: .first, list: .empty, capacity: 1_024)
    _ = forger.build(
      [try JournalBench().record("forged")],
      after: JournalTip(groupNumber: 2, lastSeq: CellSeq(2), hash: .zero, offset: 0))
    let payload = noise(1_500) + forger.bytes + noise(1_500)
    #expect(
      writer.write([try sealed(payload)]) == .durable(first: CellSeq(2), last: CellSeq(2)))
    writer.close()
    opened.lock.release()

    let last = try #require(
      try JournalInspection.run(
        directory: bench.configuration.directory, files: bench.disk.fileSystem(), detail: .groups
      ).groups.last)
    // The power went before the sectors with its header were written.
    let start = Int(last.offset)
    bench.disk.edit(bench.segmentPath(1)) { content in
      for index in start..<((start / 512 + 2) * 512) { content[index] = 0 }
    }
    let again = try bench.openWriter()
    defer { again.writer.close() }
    #expect(again.opened.isWritable && again.opened.catalog.damage.isEmpty)
    #expect(again.opened.cut?.firstSeq == CellSeq(2))
    #expect(again.opened.catalog.lastSeq == CellSeq(1))
    #expect(again.opened.heads[TenantID(trusted: "forged")] == nil)
  }
}
