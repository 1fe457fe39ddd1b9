import Platform
import Wire

/// The first 512 bytes of a segment file; the byte offsets are in DESIGN.md.
struct SegmentHeader: Hashable, Sendable {
  static let length = 512
  /// "AIMSJRN1" as little-endian bytes.
  static let magic: UInt64 = 0x314E_524A_534D_4941
  static let version: UInt16 = 1

  var cell: CellID
  var generation: Generation
  var firstSeq: CellSeq
  /// Number of the first group in this segment.
  var firstGroup: UInt64
  /// Bytes of the file: a file of another size was truncated.
  var capacity: UInt64
  /// Hash of the group before the first.
  var previousHash: SHA256Hash

  func encoded() -> [UInt8] {
    var writer = ByteWriter(capacity: Self.length)
    writer.integer(Self.magic)
    writer.integer(Self.version)
    writer.integer(UInt16(0))
    writer.integer(UInt32(Self.length))
    writer.integer(generation.rawValue)
    writer.integer(firstSeq.rawValue)
    writer.integer(firstGroup)
    writer.integer(capacity)
    writer.hash(previousHash)
    writer.byte(UInt8(cell.rawValue.utf8.count))
    writer.identifier(cell)
    writer.zeros(Self.length - 4 - writer.count)
    writer.integer(writer.crc(from: 0))
    return writer.bytes
  }

  /// Reads a segment's header; throws ``JournalError/malformed(_:)`` where it is none.
  init(decoding bytes: [UInt8]) throws(JournalError) {
    guard bytes.count == Self.length else {
      throw JournalError.malformed("a segment of \(bytes.count) bytes is shorter than its header")
    }
    var reader = ByteReader(bytes)
    guard try reader.integer(UInt64.self) == Self.magic else {
      throw JournalError.malformed("not a journal segment")
    }
    var tail = ByteReader(bytes[(Self.length - 4)...])
    guard try tail.integer(UInt32.self) == CRC32.of(Array(bytes[..<(Self.length - 4)])) else {
      throw JournalError.malformed("a segment header whose CRC is wrong")
    }
    let version = try reader.integer(UInt16.self)
    guard version == Self.version else { throw JournalError.unknownFormat(UInt32(version)) }
    _ = try reader.integer(UInt16.self)
    _ = try reader.integer(UInt32.self)
    generation = Generation(try reader.integer(UInt64.self))
    firstSeq = CellSeq(try reader.integer(UInt64.self))
    firstGroup = try reader.integer(UInt64.self)
    capacity = try reader.integer(UInt64.self)
    previousHash = try reader.hash()
    cell = try reader.identifier(Int(try reader.byte()))
    guard capacity >= UInt64(Self.length), capacity <= UInt64(JournalLimits.segmentBytes) else {
      throw JournalError.malformed("a segment of \(capacity) bytes")
    }
  }

  init(
    cell: CellID, generation: Generation, firstSeq: CellSeq, firstGroup: UInt64,
    capacity: UInt64, previousHash: SHA256Hash
  ) {
    self.cell = cell
    self.generation = generation
    self.firstSeq = firstSeq
    self.firstGroup = firstGroup
    self.capacity = capacity
    self.previousHash = previousHash
  }
}

/// The names in a journal's directory.
enum JournalNames {
  static let lock = "lock"
  static let heads = "heads"
  static let reserve = "reserve"
  static let temporarySuffix = ".tmp"
  private static let segmentSuffix = ".journal"

  /// Sorted by name, segments are sorted by first position.
  static func segment(firstGroup: UInt64) -> String {
    let digits = String(firstGroup, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits + segmentSuffix
  }

  /// The number of the first group, from a segment's name; nil for other files.
  static func firstGroup(_ name: String) -> UInt64? {
    guard name.hasSuffix(segmentSuffix) else { return nil }
    let digits = name.dropLast(segmentSuffix.count)
    guard digits.count == 16 else { return nil }
    return UInt64(digits, radix: 16)
  }

  /// Takes the lock of a journal's directory; throws where another process has it.
  static func takeLock(
    _ directory: String, _ files: any FileSystem
  ) throws(JournalError) -> any FileLock {
    do throws(FileError) {
      return try files.lock(directory + "/" + lock)
    } catch {
      guard error.isOwnedByAnother else { throw JournalError.file(error) }
      throw JournalError.ownedByAnotherProcess(directory: directory)
    }
  }
}
