/// Reads what ``ByteWriter`` wrote.
///
/// Every read is bounds-checked: nil, never a trap, where bytes are missing.
struct ByteReader {
  private let bytes: [UInt8]
  private var offset = 0

  init(_ bytes: [UInt8]) { self.bytes = bytes }

  var isAtEnd: Bool { offset == bytes.count }

  mutating func integer<Value: FixedWidthInteger>(_ type: Value.Type = Value.self) -> Value? {
    guard let raw = take(MemoryLayout<Value>.size) else { return nil }
    return raw.reduce(0) { $0 << 8 | Value(truncatingIfNeeded: $1) }
  }

  mutating func take(_ count: Int) -> [UInt8]? {
    guard count >= 0, count <= bytes.count - offset else { return nil }
    defer { offset += count }
    return Array(bytes[offset..<offset + count])
  }

  /// A string field of at most `limit` bytes of valid UTF-8.
  mutating func string(limit: Int) -> String? {
    guard let count = integer(UInt16.self), Int(count) <= limit, let raw = take(Int(count)) else {
      return nil
    }
    return String(validating: raw, as: UTF8.self)
  }
}
