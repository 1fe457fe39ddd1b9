import Wire

/// A record ready to be appended: encoded, checksummed and hashed, without a position.
///
/// Made on the caller's thread, so that the journal's only copies it and fills in where it lies.
public struct SealedRecord: Sendable {
  public let header: RecordHeader
  /// The next record of this tenant names this hash.
  public let hash: SHA256Hash
  /// Identity part, then payload.
  let bytes: [UInt8]
  let identityLength: Int

  public var identity: RecordIdentity { header.identity }

  func decodedPayload() throws(JournalError) -> RecordPayload {
    try header.decoded(Array(bytes[identityLength...]))
  }
}

/// Builds records in a buffer that is kept: one allocation per record, for the record itself.
///
/// Per record: ``begin()``, a ``command(requestID:traceID:changes:)`` for each command,
/// ``seal(_:files:detail:)``. One encoder per thread.
public struct RecordEncoder: Sendable {
  private var body: ByteWriter
  private var commandCount: UInt32 = 0

  public init(capacity: Int = 64 * 1024) { body = ByteWriter(capacity: capacity) }

  /// Bytes of the commands added so far.
  public var commandBytes: Int { body.count }

  /// Forgets what was added.
  public mutating func begin() {
    body.clear()
    commandCount = 0
  }

  public mutating func command(
    requestID: String, traceID: String, changes: UnsafeRawBufferPointer
  ) {
    body.text(requestID)
    body.text(traceID)
    body.varint(UInt64(changes.count))
    body.raw(changes)
    commandCount += 1
  }

  public mutating func command(requestID: String, traceID: String, changes: [UInt8]) {
    changes.withUnsafeBytes { command(requestID: requestID, traceID: traceID, changes: $0) }
  }

  /// Ends the record and hashes it; throws ``JournalError/recordTooLarge(bytes:)`` over 2 MiB.
  public mutating func seal(
    _ identity: RecordIdentity, files: [FileMark], detail: [UInt8] = []
  ) throws(JournalError) -> SealedRecord {
    let commandBytes = body.count
    // What follows the commands goes too, so that a second seal begins from the same bytes.
    defer { body.cut(to: commandBytes) }
    precondition(files.count <= UInt8.max, "a record touches at most 255 files")
    body.byte(UInt8(files.count))
    for mark in files {
      body.byte(mark.kind.rawValue)
      body.varint(mark.previousSeq.rawValue)
      body.integer(mark.digest)
    }
    body.varint(UInt64(detail.count))
    body.raw(detail)

    let identityLength = RecordFormat.identityLength(identity.tenant)
    // As it would be uncompressed: what a command may write does not depend on how it compresses.
    let length = identityLength + body.count
    guard length <= JournalLimits.recordBytes else {
      throw JournalError.recordTooLarge(bytes: length)
    }
    var coded = body.bytes.withUnsafeBytes { PayloadCompression.shared.compress($0) }
    if PayloadEscape.isNeeded(coded ?? body.bytes) { coded = PayloadEscape.coded(body.bytes) }
    let payload = coded ?? body.bytes
    let header = RecordHeader(
      identity: identity, commandCount: commandCount, payloadLength: UInt32(payload.count),
      payloadCRC: CRC32.of(payload),
      decompressedLength: coded == nil ? nil : UInt32(body.count))
    var record = ByteWriter(capacity: identityLength + payload.count)
    RecordFormat.encodeIdentity(header, into: &record)
    record.raw(payload)
    return SealedRecord(
      header: header, hash: SHA256Hash.of(record.bytes), bytes: record.bytes,
      identityLength: identityLength)
  }
}
