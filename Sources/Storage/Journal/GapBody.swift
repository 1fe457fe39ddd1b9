import Wire

/// What a repair put in the place of bytes that could not be read.
struct GapBody: Hashable, Sendable {
  /// A tenant whose chain is broken by the gap: its records after it, up to `voidThrough`, are void.
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
  /// The file that keeps the removed bytes, and their hash.
  var sideFile: String
  var removedHash: SHA256Hash
  var voids: [Void]

  func encode(into writer: inout ByteWriter) {
    writer.integer(throughGroup)
    writer.integer(voidThrough.rawValue)
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
    removedHash = try reader.hash()
    sideFile = try reader.text()
    voids = []
    for _ in 0..<(try reader.varint()) {
      guard let tenant = TenantID(try reader.text()) else {
        throw JournalError.malformed("a gap names no tenant")
      }
      voids.append(
        Void(
          tenant: tenant, keptSeq: TenantSeq(try reader.integer(UInt64.self)),
          keptHash: try reader.hash()))
    }
  }

  init(
    throughGroup: UInt64, voidThrough: CellSeq, sideFile: String, removedHash: SHA256Hash,
    voids: [Void]
  ) {
    self.throughGroup = throughGroup
    self.voidThrough = voidThrough
    self.sideFile = sideFile
    self.removedHash = removedHash
    self.voids = voids
  }
}
