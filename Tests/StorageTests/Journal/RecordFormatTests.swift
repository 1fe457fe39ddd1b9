import Testing
import Wire

@testable import Storage

@Suite("Record format") struct RecordFormatTests {
  private func sealed(_ changes: [[UInt8]], tenant: String = "acme") throws -> SealedRecord {
    var encoder = RecordEncoder()
    encoder.begin()
    for (index, bytes) in changes.enumerated() {
      encoder.command(requestID: "req-\(index)", traceID: "trace-ä", changes: bytes)
    }
    return try encoder.seal(
      RecordIdentity(
        tenant: TenantID(trusted: tenant), lineage: Lineage(0x0102_0304_0506_0708),
        epoch: Epoch(3), tenantSeq: TenantSeq(41), previousHash: SHA256Hash.of([1, 2, 3]),
        time: Timestamp(milliseconds: 1_795_435_200_123), schemaVersion: 9, kind: .commands,
        nextDue: Timestamp(milliseconds: 1_795_435_260_000)),
      files: [
        FileMark(kind: .ledger, previousSeq: TenantSeq(40), digest: UInt128.max - 5),
        FileMark(kind: .messages, previousSeq: TenantSeq(300), digest: 7),
      ], detail: [9, 8])
  }

  private let position = RecordPosition(
    cell: CellID(trusted: "eu-1"), generation: Generation(2), cellSeq: CellSeq(1000))

  private func encoded(_ record: SealedRecord) -> [UInt8] {
    var writer = ByteWriter()
    RecordFormat.encode(record, position, into: &writer)
    return writer.bytes
  }

  @Test(arguments: [[], [[]], [[1, 2, 3]], [[UInt8](repeating: 0, count: 5000), [4], []]])
  func `a record is read back as it was sealed`(_ changes: [[UInt8]]) throws {
    let record = try sealed(changes)
    let bytes = encoded(record)
    #expect(bytes.count == RecordFormat.recordLength(record, cell: position.cell))
    var reader = ByteReader(bytes)
    let read = try RecordFormat.decode(&reader)
    #expect(reader.isAtEnd)
    #expect(read.header == record.header)
    #expect(read.position == position)
    #expect(read.hash == record.hash)
    let payload = try read.decodedPayload()
    #expect(payload.commands.map(\.changes) == changes)
    #expect(payload.commands.allSatisfy { $0.traceID == "trace-ä" })
    #expect(payload.files.map(\.digest) == [UInt128.max - 5, 7])
    #expect(payload.files.map(\.previousSeq) == [TenantSeq(40), TenantSeq(300)])
    #expect(payload.detail == [9, 8])
  }

  @Test func `the bytes of version 1 do not change`() throws {
    let hex = encoded(try sealed([[0xAA, 0xBB]])).map { byte in
      let digits = String(byte, radix: 16)
      return digits.count == 1 ? "0" + digits : digits
    }.joined()
    #expect(hex == JournalFixtures.recordVersion1)
  }

  @Test func `the hash does not depend on the position`() throws {
    let record = try sealed([[1]])
    var writer = ByteWriter()
    let elsewhere = RecordPosition(
      cell: CellID(trusted: "us-7"), generation: Generation(5), cellSeq: CellSeq(1))
    RecordFormat.encode(record, elsewhere, into: &writer)
    var reader = ByteReader(writer.bytes)
    #expect(try RecordFormat.decode(&reader).hash == record.hash)
  }

  @Test func `no flipped byte and no cut is taken for a record`() throws {
    let record = try sealed([[1, 2, 3], [4]])
    let bytes = encoded(record)
    for index in bytes.indices {
      var flipped = bytes
      flipped[index] ^= 0x40
      var reader = ByteReader(flipped)
      #expect(throws: JournalError.self) { try RecordFormat.decode(&reader) }
      var short = ByteReader(Array(bytes[..<index]))
      #expect(throws: JournalError.self) { try RecordFormat.decode(&short) }
    }
  }

  @Test func `a record over two mebibytes is refused`() throws {
    #expect(throws: JournalError.self) {
      try sealed([[UInt8](repeating: 1, count: JournalLimits.recordBytes)])
    }
  }

  @Test func `a payload of random bytes never crashes the decoder`() {
    var random = TestRandom(seed: 5)
    for _ in 0..<5000 {
      let bytes = (0..<Int(random.below(60))).map { _ in UInt8(truncatingIfNeeded: random.next()) }
      _ = try? RecordPayload(decoding: bytes, commandCount: UInt32(random.below(5)))
    }
  }
}

/// SplitMix64: the same seed gives the same numbers.
struct TestRandom {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var word = state
    word = (word ^ (word >> 30)) &* 0xBF58_476D_1CE4_E5B9
    word = (word ^ (word >> 27)) &* 0x94D0_49BB_1331_11EB
    return word ^ (word >> 31)
  }

  mutating func below(_ limit: UInt64) -> UInt64 { next() % limit }
}
