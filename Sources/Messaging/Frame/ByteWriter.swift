/// Appends fixed-width integers (big-endian) and length-prefixed strings.
struct ByteWriter {
  private(set) var bytes: [UInt8] = []

  mutating func append<Value: FixedWidthInteger>(_ value: Value) {
    withUnsafeBytes(of: value.bigEndian) { bytes.append(contentsOf: $0) }
  }

  mutating func append(_ more: [UInt8]) { bytes.append(contentsOf: more) }

  /// The UTF-8 bytes behind their length in 16 bits; what exceeds 65,535 bytes is a defect.
  mutating func append(_ text: String) {
    let utf8 = Array(text.utf8)
    precondition(utf8.count <= Int(UInt16.max), "a string field is longer than its length field")
    append(UInt16(utf8.count))
    append(utf8)
  }
}
