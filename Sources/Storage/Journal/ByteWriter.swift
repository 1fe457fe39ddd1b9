import Wire

/// A buffer that little-endian values are appended to; kept and reused, so it rarely allocates.
struct ByteWriter {
  private(set) var bytes: [UInt8]

  init(capacity: Int = 0) {
    bytes = []
    bytes.reserveCapacity(capacity)
  }

  var count: Int { bytes.count }

  mutating func clear() { bytes.removeAll(keepingCapacity: true) }

  /// Forgets what was written past `count`.
  mutating func cut(to count: Int) { bytes.removeLast(bytes.count - count) }

  mutating func byte(_ value: UInt8) { bytes.append(value) }

  mutating func integer<T: FixedWidthInteger>(_ value: T) {
    withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
  }

  mutating func varint(_ value: UInt64) {
    var rest = value
    while rest >= 0x80 {
      bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    bytes.append(UInt8(truncatingIfNeeded: rest))
  }

  mutating func raw(_ buffer: UnsafeRawBufferPointer) { bytes.append(contentsOf: buffer) }

  mutating func raw(_ array: [UInt8]) { bytes.append(contentsOf: array) }

  mutating func raw(_ slice: ArraySlice<UInt8>) { bytes.append(contentsOf: slice) }

  mutating func zeros(_ count: Int) { bytes.append(contentsOf: repeatElement(0, count: count)) }

  mutating func text(_ text: String) {
    var text = text
    text.withUTF8 { utf8 in
      varint(UInt64(utf8.count))
      bytes.append(contentsOf: utf8)
    }
  }

  mutating func hash(_ hash: SHA256Hash) { hash.withBytes { bytes.append(contentsOf: $0) } }

  /// An identifier's bytes, without their number.
  mutating func identifier<S>(_ identifier: Identifier<S>) {
    var text = identifier.rawValue
    text.withUTF8 { bytes.append(contentsOf: $0) }
  }

  /// Overwrites a value written before.
  mutating func patch<T: FixedWidthInteger>(_ value: T, at offset: Int) {
    precondition(offset + MemoryLayout<T>.size <= bytes.count, "patch past the end")
    bytes.withUnsafeMutableBytes {
      $0.storeBytes(of: value.littleEndian, toByteOffset: offset, as: T.self)
    }
  }

  /// CRC-32 of what was written from `start` on.
  func crc(from start: Int) -> UInt32 {
    bytes.withUnsafeBytes { CRC32.of(UnsafeRawBufferPointer(rebasing: $0[start...])) }
  }
}
