import Wire

/// The binary form of a record's header; the byte offsets are in DESIGN.md.
enum RecordFormat {
  /// The newest version that is written; a payload stored as it is makes a record of version 1.
  static let version: UInt16 = 2
  private static let plainVersion: UInt16 = 1
  /// Bytes of the identity part before the tenant's name.
  static let identityFixedLength = 96
  /// Bytes of the position part before the cell's name, and the header's CRC after it.
  static let positionFixedLength = 17
  static let crcLength = 4
  /// No record is shorter, whatever its names and payload.
  static let shortestLength = identityFixedLength + positionFixedLength + crcLength

  static func identityLength(_ tenant: TenantID) -> Int {
    identityFixedLength + tenant.rawValue.utf8.count
  }

  static func positionLength(_ cell: CellID) -> Int {
    positionFixedLength + cell.rawValue.utf8.count + crcLength
  }

  /// Bytes of the whole record in `cell`'s journal.
  static func recordLength(_ record: SealedRecord, cell: CellID) -> Int {
    record.bytes.count + positionLength(cell)
  }

  /// The part that the record's hash covers together with the payload.
  static func encodeIdentity(_ header: RecordHeader, into writer: inout ByteWriter) {
    let identity = header.identity
    writer.integer(header.decompressedLength == nil ? plainVersion : version)
    writer.byte(identity.kind.rawValue)
    writer.byte(UInt8(identity.tenant.rawValue.utf8.count))
    writer.integer(header.payloadLength)
    writer.integer(header.payloadCRC)
    writer.integer(header.commandCount)
    writer.integer(identity.schemaVersion)
    writer.integer(header.decompressedLength ?? 0)
    writer.integer(identity.lineage.rawValue)
    writer.integer(identity.epoch.rawValue)
    writer.integer(identity.tenantSeq.rawValue)
    writer.integer(identity.time.milliseconds)
    writer.integer(identity.nextDue?.milliseconds ?? 0)
    writer.hash(identity.previousHash)
    writer.identifier(identity.tenant)
  }

  /// Appends the whole record at its position: identity, position, header CRC, payload.
  static func encode(
    _ record: SealedRecord, _ position: RecordPosition, into writer: inout ByteWriter
  ) {
    let start = writer.count
    writer.raw(record.bytes[..<record.identityLength])
    encode(position, from: start, into: &writer)
    writer.raw(record.bytes[record.identityLength...])
  }

  /// Appends a record that was read, at the position it had.
  static func encode(_ record: JournalRecord, into writer: inout ByteWriter) {
    let start = writer.count
    encodeIdentity(record.header, into: &writer)
    encode(record.position, from: start, into: &writer)
    writer.raw(record.payload)
  }

  /// Appends the position, and the CRC of the header that began at `start`.
  private static func encode(
    _ position: RecordPosition, from start: Int, into writer: inout ByteWriter
  ) {
    writer.integer(position.generation.rawValue)
    writer.integer(position.cellSeq.rawValue)
    writer.byte(UInt8(position.cell.rawValue.utf8.count))
    writer.identifier(position.cell)
    writer.integer(writer.crc(from: start))
  }

  /// Reads the record at the reader's place and moves past it.
  ///
  /// Throws ``JournalError/malformed(_:)`` where a checksum is wrong or the form is not this one.
  static func decode(_ reader: inout ByteReader) throws(JournalError) -> JournalRecord {
    let head = try decodeHeader(&reader)
    let payload = Array(try reader.slice(Int(head.header.payloadLength)))
    guard CRC32.of(payload) == head.header.payloadCRC else {
      throw JournalError.malformed("a payload whose CRC is wrong")
    }
    return JournalRecord(
      header: head.header, position: head.position,
      hash: SHA256Hash.of(Array(head.identityBytes) + payload), payload: payload)
  }

  /// Reads and checks a header; the reader stands at the payload after it.
  static func decodeHeader(
    _ reader: inout ByteReader
  ) throws(JournalError) -> (
    header: RecordHeader, position: RecordPosition, identityBytes: ArraySlice<UInt8>
  ) {
    var check = reader
    let fields = try IdentityFields(&reader)
    let identityBytes = try check.slice(identityFixedLength + fields.tenant.count)
    let generation = Generation(try reader.integer(UInt64.self))
    let cellSeq = CellSeq(try reader.integer(UInt64.self))
    let cellBytes = try reader.slice(Int(try reader.byte()))
    let covered = try check.slice(positionFixedLength + cellBytes.count)
    let crc = identityBytes.withUnsafeBytes { CRC32.of($0) }
    guard try reader.integer(UInt32.self) == covered.withUnsafeBytes({ CRC32.of($0, from: crc) })
    else { throw JournalError.malformed("a record header whose CRC is wrong") }
    guard let cell = CellID(String(decoding: cellBytes, as: UTF8.self)) else {
      throw JournalError.malformed("an identifier of other characters than it may have")
    }
    return (
      try fields.header(), RecordPosition(cell: cell, generation: generation, cellSeq: cellSeq),
      identityBytes
    )
  }

  /// Reads the identity part of a record that has no position, and says how long it is.
  static func decodeIdentity(
    _ bytes: [UInt8]
  ) throws(JournalError) -> (header: RecordHeader, length: Int) {
    var reader = ByteReader(bytes[...])
    let fields = try IdentityFields(&reader)
    return (try fields.header(), identityFixedLength + fields.tenant.count)
  }

  /// An identity part as it stands there: nothing but its version is checked before ``header()``.
  private struct IdentityFields {
    let version: UInt16
    let kind: UInt8
    let payloadLength: UInt32
    let payloadCRC: UInt32
    let commandCount: UInt32
    let schemaVersion: UInt32
    let decompressedLength: UInt32
    let lineage: Lineage
    let epoch: Epoch
    let tenantSeq: TenantSeq
    let time: Timestamp
    let nextDue: Int64
    let previousHash: SHA256Hash
    let tenant: ArraySlice<UInt8>

    init(_ reader: inout ByteReader) throws(JournalError) {
      version = try reader.integer(UInt16.self)
      guard (plainVersion...RecordFormat.version).contains(version) else {
        throw JournalError.unknownFormat(UInt32(version))
      }
      kind = try reader.byte()
      let tenantLength = Int(try reader.byte())
      payloadLength = try reader.integer(UInt32.self)
      payloadCRC = try reader.integer(UInt32.self)
      commandCount = try reader.integer(UInt32.self)
      schemaVersion = try reader.integer(UInt32.self)
      decompressedLength = try reader.integer(UInt32.self)
      lineage = Lineage(try reader.integer(UInt64.self))
      epoch = Epoch(try reader.integer(UInt64.self))
      tenantSeq = TenantSeq(try reader.integer(UInt64.self))
      time = Timestamp(milliseconds: try reader.integer(Int64.self))
      nextDue = try reader.integer(Int64.self)
      previousHash = try reader.hash()
      tenant = try reader.slice(tenantLength)
    }

    func header() throws(JournalError) -> RecordHeader {
      guard let kind = RecordKind(rawValue: kind) else {
        throw JournalError.unknownFormat(UInt32(kind))
      }
      guard let tenant = TenantID(String(decoding: tenant, as: UTF8.self)) else {
        throw JournalError.malformed("an identifier of other characters than it may have")
      }
      // Before anybody allocates for it.
      let lengths = version == plainVersion ? 0...0 : 1...UInt32(JournalLimits.recordBytes)
      guard lengths.contains(decompressedLength) else {
        throw JournalError.malformed("a payload that stands for \(decompressedLength) bytes")
      }
      let identity = RecordIdentity(
        tenant: tenant, lineage: lineage, epoch: epoch, tenantSeq: tenantSeq,
        previousHash: previousHash, time: time, schemaVersion: schemaVersion, kind: kind,
        nextDue: nextDue == 0 ? nil : Timestamp(milliseconds: nextDue))
      return RecordHeader(
        identity: identity, commandCount: commandCount, payloadLength: payloadLength,
        payloadCRC: payloadCRC,
        decompressedLength: version == plainVersion ? nil : decompressedLength)
    }
  }
}

extension Journal {
  /// The newest record format that this version writes.
  public static var formatVersion: UInt16 { RecordFormat.version }
}
