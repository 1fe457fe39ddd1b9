import Wire

/// What a group's header says; the byte offsets are in DESIGN.md.
struct GroupHeader: Hashable, Sendable {
  /// What the group is.
  ///
  /// The numbers stand in the journal and are never reused.
  enum Kind: UInt16, Hashable, Sendable {
    /// Records that one fsync made durable.
    case records = 1
    /// The end of a sealed segment.
    case seal = 2
    /// Put by a repair in the place of what could not be read.
    case gap = 3
  }

  var kind: Kind
  /// Bytes of the whole group, header and CRC included.
  var totalBytes: Int
  var recordCount: Int
  /// Rises by one per group, seals included.
  var number: UInt64
  var firstSeq: CellSeq
  /// `firstSeq - 1` in a group without records.
  var lastSeq: CellSeq
  var previousHash: SHA256Hash
  /// The first position in the group of records before, which `previousList` describes.
  var listFirstSeq: CellSeq
  var listBytes: Int
  var listCount: Int

  /// Whether its positions rise, and none is so high that counting on from it would overflow.
  var isCountable: Bool {
    let highest = max(number, firstSeq.rawValue, lastSeq.rawValue, listFirstSeq.rawValue)
    guard firstSeq.rawValue > 0, highest <= GroupFormat.highestNumber else { return false }
    let count = lastSeq.rawValue &- firstSeq.rawValue &+ 1
    // A gap stands for any number of positions; less than none would be a step back.
    return kind == .gap ? count <= GroupFormat.highestNumber : count == UInt64(recordCount)
  }
}

/// One record of the group before, as named in the next group.
struct GroupListEntry: Hashable, Sendable {
  var tenant: TenantID
  var tenantSeq: TenantSeq
}

/// The binary form of a group: header with CRC, list of the group before, body, CRC of the whole.
enum GroupFormat {
  /// "AJG1" as little-endian bytes.
  static let magic: UInt32 = 0x3147_4A41
  static let version: UInt16 = 1
  static let headerLength = 92
  static let trailerLength = 4
  static let overhead = headerLength + trailerLength
  /// The highest number of a group, and the highest position, that is read; none comes near it.
  static let highestNumber = UInt64(Int64.max)

  static func encodeHeader(_ header: GroupHeader, into writer: inout ByteWriter) {
    let start = writer.count
    writer.integer(magic)
    writer.integer(version)
    writer.integer(header.kind.rawValue)
    writer.integer(UInt32(header.totalBytes))
    writer.integer(UInt32(header.recordCount))
    writer.integer(header.number)
    writer.integer(header.firstSeq.rawValue)
    writer.integer(header.lastSeq.rawValue)
    writer.integer(UInt32(header.listBytes))
    writer.integer(UInt32(header.listCount))
    writer.hash(header.previousHash)
    writer.integer(header.listFirstSeq.rawValue)
    writer.integer(writer.crc(from: start))
  }

  /// Reads a header and checks its CRC and bounds; nil where it is not one.
  static func decodeHeader(_ bytes: ArraySlice<UInt8>) -> GroupHeader? {
    var reader = ByteReader(bytes)
    return try? decodeHeader(&reader, covering: bytes)
  }

  private static func decodeHeader(
    _ reader: inout ByteReader, covering bytes: ArraySlice<UInt8>
  ) throws(JournalError) -> GroupHeader? {
    guard try reader.integer(UInt32.self) == magic,
      try reader.integer(UInt16.self) == version,
      let kind = GroupHeader.Kind(rawValue: try reader.integer(UInt16.self))
    else { return nil }
    let totalBytes = Int(try reader.integer(UInt32.self))
    let recordCount = Int(try reader.integer(UInt32.self))
    let number = try reader.integer(UInt64.self)
    let firstSeq = CellSeq(try reader.integer(UInt64.self))
    let lastSeq = CellSeq(try reader.integer(UInt64.self))
    let listBytes = Int(try reader.integer(UInt32.self))
    let listCount = Int(try reader.integer(UInt32.self))
    let previousHash = try reader.hash()
    let listFirstSeq = CellSeq(try reader.integer(UInt64.self))
    let crc = bytes.prefix(headerLength - 4).withUnsafeBytes { CRC32.of($0) }
    guard try reader.integer(UInt32.self) == crc, totalBytes <= JournalLimits.groupBytes,
      totalBytes >= overhead + listBytes,
      // A reader makes room for what is promised here: no more than the bytes can hold.
      recordCount <= (totalBytes - overhead - listBytes) / RecordFormat.shortestLength,
      listCount <= listBytes / 2
    else { return nil }
    let header = GroupHeader(
      kind: kind, totalBytes: totalBytes, recordCount: recordCount, number: number,
      firstSeq: firstSeq, lastSeq: lastSeq, previousHash: previousHash,
      listFirstSeq: listFirstSeq, listBytes: listBytes, listCount: listCount)
    return header.isCountable ? header : nil
  }

  static func encode(_ entry: GroupListEntry, into writer: inout ByteWriter) {
    writer.byte(UInt8(entry.tenant.rawValue.utf8.count))
    writer.identifier(entry.tenant)
    writer.varint(entry.tenantSeq.rawValue)
  }

  /// The list of the group before; throws where it does not keep the format.
  static func decodeList(
    _ bytes: ArraySlice<UInt8>, count: Int
  ) throws(JournalError) -> [GroupListEntry] {
    var reader = ByteReader(bytes)
    var entries: [GroupListEntry] = []
    for _ in 0..<count {
      let tenant: TenantID = try reader.identifier(Int(try reader.byte()))
      entries.append(GroupListEntry(tenant: tenant, tenantSeq: TenantSeq(try reader.varint())))
    }
    guard reader.isAtEnd else { throw JournalError.malformed("a group list of another length") }
    return entries
  }

  /// Whether the CRC at the end of a whole group is right.
  static func hasRightCRC(_ group: ArraySlice<UInt8>) -> Bool {
    guard group.count >= overhead else { return false }
    return group.withUnsafeBytes { bytes in
      let body = UnsafeRawBufferPointer(rebasing: bytes[..<(bytes.count - trailerLength)])
      let stored = bytes.loadUnaligned(fromByteOffset: body.count, as: UInt32.self)
      return UInt32(littleEndian: stored) == CRC32.of(body)
    }
  }
}
