import Wire

/// Reads little-endian values from bytes of unknown quality; throws where they end too early.
struct ByteReader {
  private let bytes: ArraySlice<UInt8>
  private(set) var offset: Int

  init(_ bytes: [UInt8]) { self.init(bytes[...]) }

  init(_ bytes: ArraySlice<UInt8>) {
    self.bytes = bytes
    offset = bytes.startIndex
  }

  var remaining: Int { bytes.endIndex - offset }
  var isAtEnd: Bool { offset == bytes.endIndex }

  mutating func byte() throws(JournalError) -> UInt8 {
    guard remaining >= 1 else { throw JournalError.malformed("ends in the middle of a value") }
    offset += 1
    return bytes[offset - 1]
  }

  mutating func integer<T: FixedWidthInteger>(_: T.Type) throws(JournalError) -> T {
    let size = MemoryLayout<T>.size
    guard remaining >= size else { throw JournalError.malformed("ends in the middle of a value") }
    let value = bytes.withUnsafeBytes { buffer in
      buffer.loadUnaligned(fromByteOffset: offset - bytes.startIndex, as: T.self)
    }
    offset += size
    return T(littleEndian: value)
  }

  mutating func uint128() throws(JournalError) -> UInt128 { try integer(UInt128.self) }

  mutating func varint() throws(JournalError) -> UInt64 {
    var value: UInt64 = 0
    var shift: UInt64 = 0
    while true {
      let byte = try byte()
      guard shift < 63 || (shift == 63 && byte <= 1) else {
        throw JournalError.malformed("a variable-length integer over 64 bits")
      }
      value |= UInt64(byte & 0x7F) << shift
      if byte & 0x80 == 0 { return value }
      shift += 7
    }
  }

  mutating func slice(_ count: Int) throws(JournalError) -> ArraySlice<UInt8> {
    guard count >= 0, remaining >= count else {
      throw JournalError.malformed("a block of \(count) bytes where \(remaining) are left")
    }
    offset += count
    return bytes[(offset - count)..<offset]
  }

  /// A varint-prefixed run of bytes.
  mutating func block() throws(JournalError) -> [UInt8] {
    let count = try varint()
    guard count <= UInt64(remaining) else {
      throw JournalError.malformed("a block of \(count) bytes where \(remaining) are left")
    }
    return Array(try slice(Int(count)))
  }

  /// A varint-prefixed run of UTF-8.
  mutating func text() throws(JournalError) -> String {
    guard let text = String(validating: try block(), as: UTF8.self) else {
      throw JournalError.malformed("text that is not UTF-8")
    }
    return text
  }

  mutating func hash() throws(JournalError) -> SHA256Hash {
    let slice = try slice(SHA256Hash.byteCount)
    return slice.withUnsafeBytes { SHA256Hash(bytes: $0) }
  }

  /// `count` bytes that must be a well-formed identifier.
  mutating func identifier<S>(_ count: Int) throws(JournalError) -> Identifier<S> {
    let text = String(decoding: try slice(count), as: UTF8.self)
    guard let identifier = Identifier<S>(text) else {
      throw JournalError.malformed("an identifier of other characters than a-z A-Z 0-9 _ -")
    }
    return identifier
  }
}
