import Wire

/// One valid group as a scan finds it.
struct ScannedGroup {
  var header: GroupHeader
  var hash: SHA256Hash
  var segment: String
  var offset: UInt64
  /// The list of the group before.
  var list: [GroupListEntry]
  /// Whether the group directly follows the one before; false behind damage.
  var chains: Bool
  /// The bytes between list and CRC.
  var body: ArraySlice<UInt8>

  /// The group's records; throws where one does not keep the format.
  func records() throws(JournalError) -> [JournalRecord] {
    guard header.kind == .records else { return [] }
    var reader = ByteReader(body)
    var records: [JournalRecord] = []
    records.reserveCapacity(header.recordCount)
    for _ in 0..<header.recordCount { records.append(try RecordFormat.decode(&reader)) }
    guard reader.isAtEnd else { throw JournalError.malformed("bytes behind a group's records") }
    return records
  }
}

/// A group whose content keeps the format.
struct ScannedContent {
  var group: ScannedGroup
  var records: [JournalRecord]
  /// Nil: the group is no gap.
  var gap: GapBody?

  /// Decodes a group that is whole; throws where its content does not keep the format.
  init(
    _ header: GroupHeader, _ bytes: ArraySlice<UInt8>, _ segment: String, _ offset: UInt64
  ) throws(JournalError) {
    let bodyStart = bytes.startIndex + GroupFormat.headerLength + header.listBytes
    let listBytes = bytes[(bodyStart - header.listBytes)..<bodyStart]
    group = ScannedGroup(
      header: header, hash: bytes.withUnsafeBytes { SHA256Hash.of($0) }, segment: segment,
      offset: offset, list: try GroupFormat.decodeList(listBytes, count: header.listCount),
      chains: true, body: bytes[bodyStart..<(bytes.endIndex - GroupFormat.trailerLength)])
    gap = header.kind == .gap ? try GapBody(decoding: group.body) : nil
    records = try group.records()
    // One below its own number: nothing but the chain was broken there.
    if let gap, gap.throughGroup + 1 < header.number {
      throw JournalError.malformed("a gap that ends before it begins")
    }
  }

  /// The first byte behind the group.
  var end: UInt64 { group.offset + UInt64(group.header.totalBytes) }
}

/// What a scan of a whole journal found.
struct JournalScan: Sendable {
  /// How the journal ends.
  enum Tail: Hashable, Sendable {
    /// Zeros, or a seal.
    case clean
    /// A last group that was not written whole. It may be cut where nothing proves it durable.
    case torn(ScannedTail)
    /// Something that was durable cannot be read.
    case damaged(ScannedTail)
  }

  struct Segment: Sendable {
    var name: String
    /// Nil where it cannot be read.
    var header: SegmentHeader?
    var firstGroup: UInt64
    var firstSeq: CellSeq
    var lastSeq: CellSeq
    /// Hash of the group before its first.
    var previousHash: SHA256Hash
    /// Where its groups end.
    var endOffset: UInt64
    /// Bytes of the file.
    var length: UInt64
    var isSealed: Bool
    var groups: Int
  }

  var segments: [Segment] = []
  var damage: [DamagedRange] = []
  var gaps: [(segment: String, header: GroupHeader, body: GapBody)] = []
  var tail: Tail = .clean
  var tip: JournalTip = .start
  /// The list that the next group of records carries.
  var list: GroupList = .empty
  /// Under which the last records were written; nil: there are none.
  var generation: Generation?
  var records: UInt64 = 0
  var commands: UInt64 = 0
}

/// What lies behind the last valid group.
struct ScannedTail: Hashable, Sendable {
  var segment: String
  var startOffset: UInt64
  var endOffset: UInt64
  var firstSeq: CellSeq
  /// The last position that is known to have been there.
  var lastSeq: CellSeq?
  /// The tenants that it names, where all its record headers can be read.
  var tenants: [TenantID: TenantSeq]?
  var reason: String

  /// As damage: nobody knows whether more was behind it, so its end is open.
  var range: DamagedRange {
    DamagedRange(
      segment: segment, startOffset: startOffset, endOffset: endOffset, firstSeq: firstSeq,
      lastSeq: nil, tenants: tenants.map { .known($0) } ?? .unknown(intact: []), reason: reason)
  }
}
