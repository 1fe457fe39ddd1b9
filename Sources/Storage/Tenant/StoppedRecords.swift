import Platform
import Wire

/// The records that a stopped tenant's files lack, copied out of the journal into the tenant's own
/// directory, so that they pin the journal no longer.
///
/// Magic, version, then per record its length and its journal form; at the end the number of
/// records and the CRC of all before. Written under another name, fsynced and renamed before the
/// journal forgets any of them. Read at a start before the journal; removed once the tenant's files
/// are on disk with everything in it.
enum StoppedRecords {
  static let name = "stopped.records"
  /// "AIMSSTP1" as little-endian bytes.
  static let magic: UInt64 = 0x3150_5453_534D_4941
  static let version: UInt32 = 1
  static let headerLength: UInt64 = 12
  static let trailerLength: UInt64 = 8

  /// Leaves in one tenant's file, where there is one, what is not behind `last`.
  ///
  /// May be repeated after a crash at any point.
  static func cut(behind last: CellSeq, directory: String, files: any FileSystem) throws {
    guard var reader = try Reader(directory: directory, files: files) else { return }
    defer { reader.close() }
    var writer = try Writer(directory: directory, files: files)
    defer { writer.abandon() }
    while let record = try reader.next() {
      if record.position.cellSeq <= last { try writer.add(record) }
    }
    try writer.finish()
  }

  /// Writes one tenant's file; nothing of it counts before ``finish()``.
  struct Writer {
    private static let bufferBytes = 256 * 1_024

    private let directory: String
    private let files: any FileSystem
    private let file: any File
    private var buffer = ByteWriter(capacity: bufferBytes)
    private var offset: UInt64 = 0
    private var crc: UInt32 = 0
    private var count: UInt32 = 0
    /// The last record added.
    private(set) var last: RecordPosition?

    init(directory: String, files: any FileSystem) throws(FileError) {
      self.directory = directory
      self.files = files
      file = try files.open("\(directory)/\(StoppedRecords.name).tmp", .create)
      buffer.integer(StoppedRecords.magic)
      buffer.integer(StoppedRecords.version)
    }

    mutating func add(_ record: JournalRecord) throws(FileError) {
      var encoded = ByteWriter(capacity: record.payload.count + 256)
      RecordFormat.encode(record, into: &encoded)
      buffer.integer(UInt32(encoded.count))
      buffer.raw(encoded.bytes)
      count += 1
      last = record.position
      if buffer.count >= Self.bufferBytes { try flush() }
    }

    private mutating func flush() throws(FileError) {
      crc = buffer.bytes.withUnsafeBytes { CRC32.of($0, from: crc) }
      try file.write(buffer.bytes, at: offset)
      offset += UInt64(buffer.count)
      buffer.clear()
    }

    /// Makes the file durable under its name.
    mutating func finish() throws(FileError) {
      buffer.integer(count)
      try flush()
      buffer.integer(crc)
      try file.write(buffer.bytes, at: offset)
      try file.synchronize()
      file.close()
      let path = "\(directory)/\(StoppedRecords.name)"
      try files.rename(path + ".tmp", to: path)
      try files.synchronizeDirectory(directory)
    }

    func abandon() { file.close() }
  }

  /// Reads one tenant's file, whose every byte was checked at the opening.
  struct Reader {
    private var window: SegmentReader
    private let end: UInt64
    private var offset = StoppedRecords.headerLength
    private var left: UInt32

    /// Nil where there is no file; throws ``JournalError/malformed(_:)`` where it is damaged.
    init?(directory: String, files: any FileSystem) throws(JournalError) {
      let path = "\(directory)/\(StoppedRecords.name)"
      do throws(FileError) {
        guard try files.exists(path) else { return nil }
        let file = try files.open(path, .read)
        let length = try file.length()
        end = length - min(length, StoppedRecords.trailerLength)
        window = SegmentReader(file, limit: length)
      } catch { throw JournalError.file(error) }
      left = 0
      do throws(JournalError) {
        left = try check()
      } catch {
        close()
        throw error
      }
    }

    /// The number of records, once magic, version and CRC are found right.
    private mutating func check() throws(JournalError) -> UInt32 {
      guard end >= StoppedRecords.headerLength else {
        throw JournalError.malformed("a file of stopped records without content")
      }
      var crc: UInt32 = 0
      var place: UInt64 = 0
      while place < end + 4 {
        let part = try window.bytes(at: place, Int(min(1 << 20, end + 4 - place)))
        guard !part.isEmpty else { throw JournalError.malformed("stopped records were cut") }
        crc = part.withUnsafeBytes { CRC32.of($0, from: crc) }
        place += UInt64(part.count)
      }
      var tail = ByteReader(try window.bytes(at: end, 8))
      let count = try tail.integer(UInt32.self)
      guard try tail.integer(UInt32.self) == crc else {
        throw JournalError.malformed("a file of stopped records whose CRC is wrong")
      }
      var head = ByteReader(try window.bytes(at: 0, Int(StoppedRecords.headerLength)))
      guard try head.integer(UInt64.self) == StoppedRecords.magic else {
        throw JournalError.malformed("not a file of stopped records")
      }
      let version = try head.integer(UInt32.self)
      guard version == StoppedRecords.version else { throw JournalError.unknownFormat(version) }
      return count
    }

    /// The next record; nil at the end.
    mutating func next() throws(JournalError) -> JournalRecord? {
      guard left > 0 else { return nil }
      var prefix = ByteReader(try window.bytes(at: offset, 4))
      let length = try prefix.integer(UInt32.self)
      guard UInt64(length) <= end - offset else {
        throw JournalError.malformed("a stopped record longer than its file")
      }
      var reader = ByteReader(try window.bytes(at: offset + 4, Int(length)))
      let record = try RecordFormat.decode(&reader)
      offset += 4 + UInt64(length)
      left -= 1
      return record
    }

    func close() { window.file.close() }
  }
}
