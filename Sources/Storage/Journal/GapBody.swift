import Wire

/// What a repair put in the place of bytes that could not be read.
struct GapBody: Hashable, Sendable {
  /// A tenant whose chain the gap breaks: its records behind it, up to `voidThrough`, are void.
  struct Void: Hashable, Sendable {
    var tenant: TenantID
    /// The last record that still counts.
    var keptSeq: TenantSeq
    var keptHash: SHA256Hash
  }

  /// The number of the last group that the gap stands for.
  var throughGroup: UInt64
  /// The last position that was in the journal when it was repaired.
  var voidThrough: CellSeq
  /// Whether the segment goes on no further: its seal was lost too.
  var endsSegment: Bool
  /// The file that keeps the removed bytes, and their hash.
  var sideFile: String
  var removedHash: SHA256Hash
  var voids: [Void]

  /// The whole group that stands for what is missing up to `lastSeq`.
  static func encodeGroup(_ body: GapBody, after tip: JournalTip, lastSeq: CellSeq) -> [UInt8] {
    var content = ByteWriter()
    body.encode(into: &content)
    var writer = ByteWriter()
    GroupFormat.encodeHeader(
      GroupHeader(
        kind: .gap, totalBytes: GroupFormat.overhead + content.count, recordCount: 0,
        number: tip.groupNumber + 1, firstSeq: tip.lastSeq.next, lastSeq: lastSeq,
        previousHash: tip.hash, listFirstSeq: tip.lastSeq.next, listBytes: 0, listCount: 0),
      into: &writer)
    writer.raw(content.bytes)
    writer.integer(writer.crc(from: 0))
    return writer.bytes
  }

  func encode(into writer: inout ByteWriter) {
    writer.integer(throughGroup)
    writer.integer(voidThrough.rawValue)
    writer.byte(endsSegment ? 1 : 0)
    writer.hash(removedHash)
    writer.text(sideFile)
    writer.varint(UInt64(voids.count))
    for void in voids {
      writer.text(void.tenant.rawValue)
      writer.integer(void.keptSeq.rawValue)
      writer.hash(void.keptHash)
    }
  }

  init(decoding bytes: ArraySlice<UInt8>) throws(JournalError) {
    var reader = ByteReader(bytes)
    throughGroup = try reader.integer(UInt64.self)
    voidThrough = CellSeq(try reader.integer(UInt64.self))
    endsSegment = try reader.byte() != 0
    removedHash = try reader.hash()
    sideFile = try reader.text()
    voids = []
    guard max(throughGroup, voidThrough.rawValue) <= GroupFormat.highestNumber else {
      throw JournalError.malformed("a gap up to where no journal comes")
    }
    for _ in 0..<(try reader.varint()) {
      guard let tenant = TenantID(try reader.text()) else {
        throw JournalError.malformed("a gap names no tenant")
      }
      let void = Void(
        tenant: tenant, keptSeq: TenantSeq(try reader.integer(UInt64.self)),
        keptHash: try reader.hash())
      guard void.keptSeq.rawValue <= GroupFormat.highestNumber else {
        throw JournalError.malformed("a gap keeps more of a tenant than there can be")
      }
      voids.append(void)
    }
  }

  init(
    throughGroup: UInt64, voidThrough: CellSeq, endsSegment: Bool, sideFile: String,
    removedHash: SHA256Hash, voids: [Void]
  ) {
    self.throughGroup = throughGroup
    self.voidThrough = voidThrough
    self.endsSegment = endsSegment
    self.sideFile = sideFile
    self.removedHash = removedHash
    self.voids = voids
  }
}
