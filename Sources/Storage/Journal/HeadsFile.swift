import Platform
import Wire

/// The table of tenant heads as stored: one file, replaced as a whole.
public struct HeadsCheckpoint: Hashable, Sendable {
  /// Every record at or before this position is in the table.
  public var through: CellSeq
  public var heads: [TenantID: TenantHead]

  public init(through: CellSeq, heads: [TenantID: TenantHead]) {
    self.through = through
    self.heads = heads
  }
}

/// The file of the ``HeadsCheckpoint``; the byte offsets are in DESIGN.md.
enum HeadsFile {
  /// "AIMSHDS1" as little-endian bytes.
  static let magic: UInt64 = 0x3153_4448_534D_4941
  /// The newest version: with each tenant's last move.
  static let version: UInt32 = 2
  /// Written while no tenant has moved, so that the version before this one reads it.
  private static let plainVersion: UInt32 = 1
  /// Bytes of a head without its tenant's name.
  private static let shortestHead = 86

  static func encode(
    _ checkpoint: HeadsCheckpoint, cell: CellID, generation: Generation
  ) -> [UInt8] {
    var writer = ByteWriter(capacity: 128 + checkpoint.heads.count * 128)
    let hasMoves = checkpoint.heads.values.contains {
      $0.armed != $0.epoch || $0.counterpart != nil
    }
    writer.integer(magic)
    writer.integer(hasMoves ? version : plainVersion)
    writer.integer(UInt32(checkpoint.heads.count))
    writer.integer(generation.rawValue)
    writer.integer(checkpoint.through.rawValue)
    writer.text(cell.rawValue)
    for (tenant, head) in checkpoint.heads.sorted(by: { $0.key < $1.key }) {
      writer.text(tenant.rawValue)
      writer.byte(head.ownership.rawValue)
      writer.integer(head.lineage.rawValue)
      writer.integer(head.tenantSeq.rawValue)
      writer.integer(head.epoch.rawValue)
      writer.integer(head.time.milliseconds)
      writer.integer(head.nextDue?.milliseconds ?? 0)
      writer.integer(head.cellSeq.rawValue)
      writer.integer(head.schemaVersion)
      writer.hash(head.hash)
      guard hasMoves else { continue }
      writer.integer(head.armed.rawValue)
      writer.text(head.counterpart?.rawValue ?? "")
    }
    writer.integer(writer.crc(from: 0))
    return writer.bytes
  }

  static func decode(
    _ bytes: [UInt8], cell: CellID, generation: Generation?, oldest: Generation? = nil
  ) throws(JournalError) -> HeadsCheckpoint {
    guard bytes.count > 4 else { throw JournalError.malformed("a heads file without content") }
    var tail = ByteReader(bytes[(bytes.count - 4)...])
    guard try tail.integer(UInt32.self) == CRC32.of(Array(bytes.dropLast(4))) else {
      throw JournalError.malformed("a heads file whose CRC is wrong")
    }
    var reader = ByteReader(bytes[..<(bytes.count - 4)])
    guard try reader.integer(UInt64.self) == magic else {
      throw JournalError.malformed("not a heads file")
    }
    let version = try reader.integer(UInt32.self)
    guard (plainVersion...Self.version).contains(version) else {
      throw JournalError.unknownFormat(version)
    }
    let count = try reader.integer(UInt32.self)
    let foundGeneration = Generation(try reader.integer(UInt64.self))
    let through = CellSeq(try reader.integer(UInt64.self))
    let found: CellID = try reader.identifier(Int(clamping: try reader.varint()))
    guard found == cell else { throw JournalError.foreignCell(found: found, expected: cell) }
    if let generation, !((oldest ?? generation)...generation).contains(foundGeneration) {
      throw JournalError.foreignGeneration(found: foundGeneration, expected: generation)
    }
    guard Int(count) <= bytes.count / shortestHead else {
      throw JournalError.malformed("a table of \(count) heads in \(bytes.count) bytes")
    }
    var heads: [TenantID: TenantHead] = [:]
    heads.reserveCapacity(Int(count))
    for _ in 0..<count {
      let tenant: TenantID = try reader.identifier(Int(clamping: try reader.varint()))
      heads[tenant] = try decodeHead(&reader, hasMoves: version != plainVersion)
    }
    guard reader.isAtEnd else { throw JournalError.malformed("bytes behind a table of heads") }
    return HeadsCheckpoint(through: through, heads: heads)
  }

  private static func decodeHead(
    _ reader: inout ByteReader, hasMoves: Bool
  ) throws(JournalError) -> TenantHead {
    let number = try reader.byte()
    guard let ownership = TenantHead.Ownership(rawValue: number) else {
      throw JournalError.unknownFormat(UInt32(number))
    }
    let lineage = Lineage(try reader.integer(UInt64.self))
    let tenantSeq = TenantSeq(try reader.integer(UInt64.self))
    let epoch = Epoch(try reader.integer(UInt64.self))
    let time = Timestamp(milliseconds: try reader.integer(Int64.self))
    let nextDue = try reader.integer(Int64.self)
    let cellSeq = CellSeq(try reader.integer(UInt64.self))
    let schemaVersion = try reader.integer(UInt32.self)
    let hash = try reader.hash()
    var armed = epoch
    var counterpart: CellID?
    if hasMoves {
      armed = Epoch(try reader.integer(UInt64.self))
      let length = Int(clamping: try reader.varint())
      if length > 0 { counterpart = try reader.identifier(length) }
    }
    return TenantHead(
      lineage: lineage, tenantSeq: tenantSeq, hash: hash, epoch: epoch,
      ownership: ownership, time: time, schemaVersion: schemaVersion,
      nextDue: nextDue == 0 ? nil : Timestamp(milliseconds: nextDue), cellSeq: cellSeq,
      armed: armed, counterpart: counterpart)
  }

  /// Replaces the file durably: temporary file, fsync, rename, fsync of the directory.
  static func write(
    _ bytes: [UInt8], directory: String, files: any FileSystem
  ) throws(FileError) {
    let path = directory + "/" + JournalNames.heads
    let temporary = path + JournalNames.temporarySuffix
    let file = try files.open(temporary, .create)
    defer { file.close() }
    try file.write(bytes, at: 0)
    try file.synchronize()
    try files.rename(temporary, to: path)
    try files.synchronizeDirectory(directory)
  }

  /// The stored bytes; nil where there is no file.
  static func read(directory: String, files: any FileSystem) throws(FileError) -> [UInt8]? {
    let path = directory + "/" + JournalNames.heads
    guard try files.exists(path) else { return nil }
    let file = try files.open(path, .read)
    defer { file.close() }
    return try file.bytes(at: 0, count: Int(try file.length()))
  }
}
