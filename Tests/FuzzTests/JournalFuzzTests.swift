import Platform
import Testing
import Wire

@testable import Storage

/// What a journal's files may hold after a bad disk: records and groups with any byte changed, and
/// with checksums that are right all the same.
@Suite("Journal formats, fuzzed", .serialized) struct JournalFuzzTests {
  private static func sealed(_ tenant: String, _ changes: [[UInt8]]) throws -> SealedRecord {
    var encoder = RecordEncoder()
    encoder.begin()
    for (index, bytes) in changes.enumerated() {
      encoder.command(requestID: "req-\(index)", traceID: "trace-ä", changes: bytes)
    }
    return try encoder.seal(
      RecordIdentity(
        tenant: TenantID(trusted: tenant), lineage: Lineage(77), epoch: Epoch(3),
        tenantSeq: TenantSeq(41), previousHash: SHA256Hash.of([1, 2, 3]),
        time: Timestamp(milliseconds: 1_795_435_200_123), schemaVersion: 9, kind: .commands,
        nextDue: changes.isEmpty ? nil : Timestamp(milliseconds: 1_795_435_260_000)),
      files: [FileMark(kind: .ledger, previousSeq: TenantSeq(40), digest: UInt128.max - 5)],
      detail: [9, 8])
  }

  private static let records: [SealedRecord] = {
    let made = [
      try? sealed("acme", [[1, 2, 3], []]), try? sealed("t-2", []),
      try? sealed(
        "a-tenant-with-a-rather-long-name",
        [[UInt8](repeating: 7, count: 200), [0xFF, 0x80, 0x80, 0x01]]),
    ]
    return made.compactMap { $0 }
  }()

  private static func encoded(_ record: SealedRecord) -> [UInt8] {
    var writer = ByteWriter()
    RecordFormat.encode(
      record,
      RecordPosition(
        cell: CellID(trusted: "eu-1"), generation: Generation(2), cellSeq: CellSeq(1_000)),
      into: &writer)
    return writer.bytes
  }

  /// Makes both checksums of a damaged record right, wherever its lengths now put them.
  private static func reseal(record bytes: inout [UInt8]) {
    guard bytes.count > 4 else { return }
    let position = RecordFormat.identityFixedLength + Int(bytes[3])
    let cellAt = position + RecordFormat.positionFixedLength - 1
    guard cellAt < bytes.count else { return }
    let end = cellAt + 1 + Int(bytes[cellAt])
    guard end + 4 <= bytes.count else { return }
    let payload = Array(bytes[(end + 4)...])
    bytes.put(UInt64(payload.count), width: 4, at: 4)
    bytes.put(UInt64(CRC32.of(payload)), width: 4, at: 8)
    bytes.put(UInt64(CRC32.of(Array(bytes[..<end]))), width: 4, at: end)
  }

  /// Decodes one record, and what it says again; false where it is refused.
  private static func accepts(record bytes: [UInt8]) throws -> Bool {
    var reader = ByteReader(bytes)
    guard let record = try? RecordFormat.decode(&reader), let payload = try? record.decodedPayload()
    else { return false }
    let said = payload.commands.reduce(payload.detail.count) { $0 + $1.changes.count }
    // A compressed payload stands for more than it is, and the header bounds it before there is room
    // made for it.
    let length = Int(record.header.decompressedLength ?? UInt32(bytes.count))
    #expect(said <= length && payload.files.count * 18 <= length)
    #expect(length <= max(bytes.count, JournalLimits.recordBytes))
    // What is read is what would be written: the same record, and its payload the same.
    var encoder = RecordEncoder()
    encoder.begin()
    for command in payload.commands {
      encoder.command(
        requestID: command.requestID, traceID: command.traceID, changes: command.changes)
    }
    let again = try encoder.seal(record.identity, files: payload.files, detail: payload.detail)
    var second = ByteReader(encoded(again))
    let reread = try RecordFormat.decode(&second)
    #expect(reread.identity == record.identity)
    #expect(try reread.decodedPayload() == payload)
    return true
  }

  @Test func `a record of any bytes is read or refused`() throws {
    let mutator = Mutator(Self.records.map(Self.encoded), seed: 1)
    try Fuzzing.run(mutator) { input, mutator in
      var bytes = input
      if !mutator.chance(4) { Self.reseal(record: &bytes) }
      return try Self.accepts(record: bytes)
    }
  }

  // Groups.

  private static let groups: [[UInt8]] = {
    var builder = GroupBuilder(
      cell: CellID(trusted: "eu-1"), generation: Generation(2), list: .empty, capacity: 1_024)
    let first = builder.build(records, after: .start)
    var groups = [builder.bytes]
    builder.becameDurable(first.header)
    let tip = JournalTip(
      groupNumber: 1, lastSeq: CellSeq(3), hash: first.hash, offset: 4_096)
    _ = builder.build(records.prefix(1), after: tip)
    groups.append(builder.bytes)
    _ = builder.buildSeal(after: tip)
    groups.append(builder.bytes)
    let gap = GapBody(
      throughGroup: 2, voidThrough: CellSeq(9), endsSegment: false, sideFile: "removed-1",
      removedHash: first.hash,
      voids: [
        .init(tenant: TenantID(trusted: "acme"), keptSeq: TenantSeq(4), keptHash: first.hash)
      ])
    groups.append(GapBody.encodeGroup(gap, after: tip, lastSeq: CellSeq(5)))
    return groups
  }()

  private static func reseal(group bytes: inout [UInt8]) {
    guard bytes.count >= GroupFormat.overhead else { return }
    bytes.put(UInt64(bytes.count), width: 4, at: 8)
    let head = GroupFormat.headerLength - 4
    bytes.put(UInt64(CRC32.of(Array(bytes[..<head]))), width: 4, at: head)
    let end = bytes.count - GroupFormat.trailerLength
    bytes.put(UInt64(CRC32.of(Array(bytes[..<end]))), width: 4, at: end)
  }

  private static func accepts(group bytes: [UInt8]) throws -> Bool {
    var reader = SegmentReader(MemoryFile(content: bytes), limit: UInt64(bytes.count))
    guard let group = try reader.group(at: 0) else {
      _ = try reader.nextGroup(behind: 0, over: 0)
      return false
    }
    let header = group.header
    #expect(header.totalBytes <= bytes.count)
    // Whoever makes room for what the header promises must not be promised more than there is.
    #expect(header.recordCount <= bytes.count && header.listCount <= bytes.count)
    // Whoever counts on from its numbers does not overflow.
    #expect(max(header.number, header.firstSeq.rawValue, header.lastSeq.rawValue) < .max)
    #expect(header.lastSeq.next >= header.firstSeq)
    var body = ByteReader(group.bytes)
    _ = try body.slice(GroupFormat.headerLength)
    guard
      let list = try? GroupFormat.decodeList(
        try body.slice(header.listBytes), count: header.listCount)
    else { return false }
    #expect(list.count == header.listCount)
    guard header.kind != .gap else {
      guard let gap = try? GapBody(decoding: try body.slice(body.remaining - 4)) else {
        return false
      }
      #expect(max(gap.throughGroup, gap.voidThrough.rawValue) < .max)
      return true
    }
    for _ in 0..<header.recordCount {
      guard (try? RecordFormat.decode(&body)) != nil else { return false }
    }
    return true
  }

  @Test func `a group of any bytes is read or refused`() throws {
    let mutator = Mutator(Self.groups, seed: 2)
    try Fuzzing.run(mutator) { input, mutator in
      var bytes = input
      if !mutator.chance(4) { Self.reseal(group: &bytes) }
      return try Self.accepts(group: bytes)
    }
  }

  @Test func `a table of heads never asks for more room than its bytes could fill`() {
    let head = TenantHead(
      lineage: Lineage(1), tenantSeq: TenantSeq(2), hash: .zero, epoch: .first, ownership: .owned,
      time: Timestamp(milliseconds: 3), schemaVersion: 4, nextDue: nil, cellSeq: CellSeq(5))
    let cell = CellID(trusted: "eu-1")
    let valid = HeadsFile.encode(
      HeadsCheckpoint(
        through: CellSeq(5),
        heads: [TenantID(trusted: "acme"): head, TenantID(trusted: "t-2"): head]),
      cell: cell, generation: .first)
    Fuzzing.run(Mutator([valid], seed: 3)) { input, mutator in
      var bytes = input
      if !mutator.chance(4), bytes.count > 4 {
        let end = bytes.count - 4
        bytes.put(UInt64(CRC32.of(Array(bytes[..<end]))), width: 4, at: end)
      }
      guard let read = try? HeadsFile.decode(bytes, cell: cell, generation: nil) else {
        return false
      }
      #expect(read.heads.count * 64 <= bytes.count)
      return true
    }
  }
}

/// A file that is read and never written.
private struct MemoryFile: File {
  let content: [UInt8]
  var path: String { "memory" }

  func read(into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64) throws(FileError) -> Int
  {
    guard offset < UInt64(content.count) else { return 0 }
    let start = Int(offset)
    let count = min(buffer.count, content.count - start)
    content.withUnsafeBytes { buffer.copyMemory(from: .init(rebasing: $0[start..<start + count])) }
    return count
  }

  func write(_ bytes: UnsafeRawBufferPointer, at offset: UInt64) throws(FileError) { readOnly() }
  func synchronize() throws(FileError) { readOnly() }
  func truncate(to length: UInt64) throws(FileError) { readOnly() }
  func punch(_ range: Range<UInt64>) throws(FileError) { readOnly() }
  func length() throws(FileError) -> UInt64 { UInt64(content.count) }
  func close() {}

  private func readOnly() -> Never { preconditionFailure("a reader does not write") }
}
