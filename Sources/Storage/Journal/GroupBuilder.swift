import Wire

/// Encodes one group at a time into buffers that are kept.
///
/// Holds the list of the last durable group, which the next one carries.
struct GroupBuilder {
  private var buffer: ByteWriter
  /// The entries of the group being built, to become the next one's list.
  private var entries = ByteWriter(capacity: 16 * 1024)
  private var entryCount = 0
  private(set) var list: GroupList
  private let cell: CellID
  private let generation: Generation

  init(cell: CellID, generation: Generation, list: GroupList, capacity: Int = 256 * 1024) {
    self.cell = cell
    self.generation = generation
    self.list = list
    buffer = ByteWriter(capacity: capacity)
  }

  /// The encoded group.
  var bytes: [UInt8] { buffer.bytes }

  /// Bytes that a group of records of `bodyBytes` would take now.
  func groupBytes(bodyBytes: Int) -> Int {
    GroupFormat.overhead + list.bytes.count + bodyBytes
  }

  /// Bytes that a seal after the group just built would take.
  var sealBytesAfter: Int { GroupFormat.overhead + entries.count }

  /// Encodes `records` as the group after `tip`; returns its header and hash.
  mutating func build(
    _ records: some Collection<SealedRecord>, after tip: JournalTip
  ) -> (header: GroupHeader, hash: SHA256Hash) {
    let bodyBytes = records.reduce(0) { $0 + RecordFormat.recordLength($1, cell: cell) }
    entries.clear()
    entryCount = records.count
    let header = begin(.records, count: records.count, bodyBytes: bodyBytes, after: tip)
    var seq = tip.lastSeq
    for record in records {
      seq = seq.next
      RecordFormat.encode(
        record, RecordPosition(cell: cell, generation: generation, cellSeq: seq), into: &buffer)
      let identity = record.identity
      GroupFormat.encode(
        GroupListEntry(tenant: identity.tenant, tenantSeq: identity.tenantSeq), into: &entries)
    }
    return (header, finish(header))
  }

  /// Encodes the group that ends a segment; it has no records.
  mutating func buildSeal(after tip: JournalTip) -> (header: GroupHeader, hash: SHA256Hash) {
    let header = begin(.seal, count: 0, bodyBytes: 0, after: tip)
    return (header, finish(header))
  }

  /// Says that the last group of records built is durable: the next group carries its list.
  mutating func becameDurable(_ header: GroupHeader) {
    guard header.kind == .records else { return }
    list = GroupList(firstSeq: header.firstSeq, count: entryCount, bytes: entries.bytes)
  }

  /// Says that another journal's group of records is durable here.
  mutating func becameDurable(_ list: GroupList) { self.list = list }

  /// Starts the buffer: header and the list of the group before.
  private mutating func begin(
    _ kind: GroupHeader.Kind, count: Int, bodyBytes: Int, after tip: JournalTip
  ) -> GroupHeader {
    let header = GroupHeader(
      kind: kind, totalBytes: groupBytes(bodyBytes: bodyBytes), recordCount: count,
      number: tip.groupNumber + 1, firstSeq: tip.lastSeq.next,
      lastSeq: CellSeq(tip.lastSeq.rawValue + UInt64(count)), previousHash: tip.hash,
      listFirstSeq: list.firstSeq, listBytes: list.bytes.count, listCount: list.count)
    buffer.clear()
    GroupFormat.encodeHeader(header, into: &buffer)
    buffer.raw(list.bytes)
    return header
  }

  /// Ends the buffer with its CRC; returns the group's hash.
  private mutating func finish(_ header: GroupHeader) -> SHA256Hash {
    buffer.integer(buffer.crc(from: 0))
    precondition(buffer.count == header.totalBytes, "a group's length is what its header says")
    return SHA256Hash.of(buffer.bytes)
  }
}

/// The encoded (tenant, tenant seq) list of one group of records.
struct GroupList: Hashable, Sendable {
  /// The first position in the group that the list describes; 1 before any.
  var firstSeq: CellSeq
  var count: Int
  var bytes: [UInt8]

  static let empty = GroupList(firstSeq: CellSeq(1), count: 0, bytes: [])
}

/// The end of the durable journal.
struct JournalTip: Hashable, Sendable {
  /// Number of the last group; 0 before the first.
  var groupNumber: UInt64
  /// The last position; 0 before the first.
  var lastSeq: CellSeq
  /// Hash of the last group.
  var hash: SHA256Hash
  /// Where the next group goes in the open segment.
  var offset: UInt64

  static let start = JournalTip(
    groupNumber: 0, lastSeq: CellSeq(0), hash: .zero, offset: UInt64(SegmentHeader.length))

  /// Whether a group may stand behind it, right there or past a hole.
  func isBefore(_ header: GroupHeader) -> Bool {
    header.number > groupNumber && header.firstSeq > lastSeq
  }
}
