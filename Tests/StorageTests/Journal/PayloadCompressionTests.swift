import Testing
import Wire

@testable import Storage

@Suite("Payload compression") struct PayloadCompressionTests {
  private func read(_ bytes: [UInt8]) throws(JournalError) -> JournalRecord {
    var reader = ByteReader(bytes)
    return try RecordFormat.decode(&reader)
  }

  /// A record of `text`, as it lies in a journal.
  private func record(_ text: String, compressed: Bool = true) throws -> [UInt8] {
    var encoder = RecordEncoder()
    encoder.begin()
    encoder.command(requestID: "req", traceID: "", changes: Array(text.utf8))
    let sealed = try encoder.seal(
      RecordIdentity(
        tenant: TenantID(trusted: "acme"), lineage: Lineage(1), epoch: Epoch(1),
        tenantSeq: TenantSeq(2), previousHash: .zero, time: Timestamp(milliseconds: 1),
        schemaVersion: 1, kind: .commands, nextDue: nil),
      files: [])
    #expect((sealed.header.decompressedLength != nil) == compressed)
    var writer = ByteWriter()
    RecordFormat.encode(
      sealed,
      RecordPosition(
        cell: CellID(trusted: "eu-1"), generation: Generation(1), cellSeq: CellSeq(2)),
      into: &writer)
    return writer.bytes
  }

  /// The body of a message as a client sends it.
  private static let message = """
    {"number_id":"num_38gmqj4pm4r5s","type":"template","template":{"components":[{"type":"body",\
    "parameters":[{"type":"text","text":"Tuesday between ten and noon, at the back door"}]}],\
    "name":"order_ok","language":{"code":"en_US"}},"to":"+4915110002000"}
    """

  @Test func `a message's payload loses two fifths and more`() throws {
    let bytes = try record(Self.message)
    let header = try read(bytes).header
    #expect(5 * header.payloadLength < 3 * (header.decompressedLength ?? 0))
    let changes = try read(bytes).decodedPayload().commands[0].changes
    #expect(changes == Array(Self.message.utf8))
  }

  @Test func `what is short, or finds nothing in common, is stored as it is`() throws {
    _ = try record(String(Self.message.prefix(100)), compressed: false)
    var random = TestRandom(seed: 7)
    var encoder = RecordEncoder()
    encoder.begin()
    encoder.command(
      requestID: "", traceID: "",
      changes: (0..<4_000).map { _ in UInt8(truncatingIfNeeded: random.next()) })
    let sealed = try encoder.seal(
      RecordIdentity(
        tenant: TenantID(trusted: "acme"), lineage: Lineage(1), epoch: Epoch(1),
        tenantSeq: TenantSeq(2), previousHash: .zero, time: Timestamp(milliseconds: 1),
        schemaVersion: 1, kind: .commands, nextDue: nil),
      files: [])
    #expect(sealed.header.decompressedLength == nil)
  }

  @Test func `any payload comes back, from several threads at once`() async throws {
    await withTaskGroup(of: Void.self) { group in
      for seed in 0..<8 {
        group.addTask {
          var random = TestRandom(seed: UInt64(seed))
          for _ in 0..<200 {
            let alphabet = 1 + random.next() % 255
            let payload = (0..<Int(random.next() % 20_000)).map { _ in
              UInt8(truncatingIfNeeded: random.next() % alphabet)
            }
            guard
              let compressed = payload.withUnsafeBytes({
                PayloadCompression.shared.compress($0)
              })
            else { continue }
            #expect(compressed.count <= payload.count - payload.count / 8)
            let back = try? PayloadCompression.shared.decompress(
              compressed, length: payload.count)
            #expect(back == payload)
          }
        }
      }
    }
  }

  @Test(arguments: [-1, 1]) func `a length that is not the payload's is refused`(
    _ difference: Int
  ) throws {
    let payload = Array((Self.message + Self.message).utf8)
    let compressed = try #require(
      payload.withUnsafeBytes { PayloadCompression.shared.compress($0) })
    #expect(throws: JournalError.self) {
      try PayloadCompression.shared.decompress(compressed, length: payload.count + difference)
    }
  }

  @Test func `bytes that are no compressed payload are refused, however long they claim to be`() {
    var random = TestRandom(seed: 3)
    for length in [1, 300, JournalLimits.recordBytes] {
      let bytes = (0..<300).map { _ in UInt8(truncatingIfNeeded: random.next()) }
      #expect(throws: JournalError.self) {
        try PayloadCompression.shared.decompress(bytes, length: length)
      }
    }
  }

  @Test func `a header that claims more than a record may hold is refused`() throws {
    var bytes = try record(Self.message)
    // Where the uncompressed length stands; the header's CRC is made right again.
    let tooMuch = UInt32(JournalLimits.recordBytes + 1)
    withUnsafeBytes(of: tooMuch.littleEndian) { bytes.replaceSubrange(20..<24, with: $0) }
    let crcAt = RecordFormat.identityFixedLength + 4 + RecordFormat.positionFixedLength + 4
    let crc = CRC32.of(Array(bytes[..<crcAt]))
    withUnsafeBytes(of: crc.littleEndian) { bytes.replaceSubrange(crcAt..<crcAt + 4, with: $0) }
    #expect(throws: JournalError.malformed("a payload that stands for \(tooMuch) bytes")) {
      try read(bytes)
    }
  }

  /// Written by this version on the day it was made; every later version must read it.
  @Test func `a record of version 2 stays readable`() throws {
    let read = try read(JournalFixtures.bytes(JournalFixtures.recordVersion2))
    let changes = try read.decodedPayload().commands[0].changes
    #expect(changes == Array(Self.message.utf8))
    #expect(
      SHA256Hash.of(PayloadDictionary.version2).description
        == "af70d7e4349572501f99aba765cb0d6e0add300188306f240a10cf73c337358f")
  }
}
