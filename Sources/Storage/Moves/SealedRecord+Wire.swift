import Wire

extension SealedRecord {
  /// The record without its position: the same in every journal that it stands in.
  public var encoded: [UInt8] { bytes }

  /// Reads what ``encoded`` gave; throws ``JournalError/malformed(_:)`` where a checksum is wrong
  /// or bytes are left over.
  public init(decoding bytes: [UInt8]) throws(JournalError) {
    let identityReader = try RecordFormat.decodeIdentity(bytes)
    header = identityReader.header
    identityLength = identityReader.length
    self.bytes = bytes
    guard bytes.count == identityLength + Int(header.payloadLength) else {
      throw JournalError.malformed("a record of another length than it says")
    }
    guard CRC32.of(Array(bytes[identityLength...])) == header.payloadCRC else {
      throw JournalError.malformed("a payload whose CRC is wrong")
    }
    hash = SHA256Hash.of(bytes)
  }

  /// The record as it stands at a position.
  func placed(at position: RecordPosition) -> JournalRecord {
    JournalRecord(
      header: header, position: position, hash: hash, payload: Array(bytes[identityLength...]))
  }
}
