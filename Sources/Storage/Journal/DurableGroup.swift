import Wire

/// One durable group, byte for byte as it lies in its journal.
public struct DurableGroup: Hashable, Sendable {
  /// Rises by one per group, seals included.
  public let number: UInt64
  public let firstSeq: CellSeq
  /// `firstSeq - 1` in a group without records, such as the seal at a segment's end.
  public let lastSeq: CellSeq
  /// Hash of the group before: what this one chains to.
  public let previousHash: SHA256Hash
  /// SHA-256 of ``bytes``.
  public let hash: SHA256Hash
  public let bytes: [UInt8]
  /// Whether it ends a segment.
  public let isSeal: Bool
  /// The last group number that it stands for: its own, or where a repair's gap ends.
  public let throughNumber: UInt64

  /// Reads and checks a group's bytes: header, CRC, length.
  ///
  /// Throws ``JournalError/malformed(_:)``. The chain is the caller's to check.
  public init(decoding bytes: [UInt8]) throws(JournalError) {
    guard let header = GroupFormat.decodeHeader(bytes.prefix(GroupFormat.headerLength)),
      header.totalBytes == bytes.count, GroupFormat.hasRightCRC(bytes[...])
    else { throw JournalError.malformed("bytes that are no group") }
    try self.init(header, bytes)
  }

  init(_ header: GroupHeader, _ bytes: [UInt8]) throws(JournalError) {
    number = header.number
    firstSeq = header.firstSeq
    lastSeq = header.lastSeq
    previousHash = header.previousHash
    hash = SHA256Hash.of(bytes)
    self.bytes = bytes
    isSeal = header.kind == .seal
    guard header.kind == .gap else {
      throughNumber = header.number
      return
    }
    let start = GroupFormat.headerLength + header.listBytes
    throughNumber =
      try GapBody(decoding: bytes[start..<(bytes.count - GroupFormat.trailerLength)])
      .throughGroup
  }

  /// The group's records, each with its checks made; throws ``JournalError/malformed(_:)``.
  public func records() throws(JournalError) -> [JournalRecord] {
    guard let header = GroupFormat.decodeHeader(bytes.prefix(GroupFormat.headerLength)) else {
      throw JournalError.malformed("bytes that are no group")
    }
    guard header.kind == .records else { return [] }
    var reader = ByteReader(bytes[...])
    _ = try reader.slice(GroupFormat.headerLength + header.listBytes)
    var records: [JournalRecord] = []
    records.reserveCapacity(header.recordCount)
    for _ in 0..<header.recordCount { records.append(try RecordFormat.decode(&reader)) }
    return records
  }
}
