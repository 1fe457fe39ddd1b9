/// Walks the fields of an encoded protobuf message without copying what they hold.
///
/// For the few places where a generated message would copy a body once too often, or lose the exact
/// bytes of a nested message. Every access is checked; a malformed message ends the walk with an
/// error.
public struct ProtoScanner: Sendable {
  public enum Malformed: Error, Hashable, Sendable { case truncated, unknownWireType }

  public enum Field: Sendable {
    case varint(UInt64)
    /// Positions in the message's own bytes.
    case bytes(Range<Int>)
    case fixed
  }

  private let bytes: [UInt8]
  private var at: Int
  private let end: Int

  public init(_ bytes: [UInt8], in range: Range<Int>? = nil) {
    self.bytes = bytes
    at = range?.lowerBound ?? 0
    end = range?.upperBound ?? bytes.count
  }

  /// The next field with its number; nil at the end.
  public mutating func next() throws(Malformed) -> (number: Int, field: Field)? {
    guard at < end else { return nil }
    let tag = try varint()
    let number = Int(truncatingIfNeeded: tag >> 3)
    switch tag & 7 {
    case 0: return (number, .varint(try varint()))
    case 2:
      let length = try varint()
      guard length <= UInt64(end - at) else { throw .truncated }
      let range = at..<at + Int(length)
      at = range.upperBound
      return (number, .bytes(range))
    case 1, 5:
      at += tag & 7 == 1 ? 8 : 4
      guard at <= end else { throw .truncated }
      return (number, .fixed)
    default: throw .unknownWireType
    }
  }

  private mutating func varint() throws(Malformed) -> UInt64 {
    var value: UInt64 = 0
    var shift: UInt64 = 0
    while at < end, shift < 64 {
      let byte = bytes[at]
      at += 1
      value |= UInt64(byte & 0x7F) << shift
      if byte < 0x80 { return value }
      shift += 7
    }
    throw .truncated
  }
}

/// Writes protobuf fields into one buffer.
public struct ProtoWriter: Sendable {
  public private(set) var bytes: [UInt8] = []

  public init(capacity: Int) { bytes.reserveCapacity(capacity) }

  /// Leaves zero out, as protobuf does.
  public mutating func varint(_ number: Int, _ value: UInt64) {
    guard value != 0 else { return }
    append(UInt64(number) << 3)
    append(value)
  }

  /// Leaves the empty text out.
  public mutating func string(_ number: Int, _ text: String) {
    let length = text.utf8.count
    guard length > 0 else { return }
    header(number, length: length)
    bytes.append(contentsOf: text.utf8)
  }

  /// Tag and length of a field whose `length` bytes the caller appends next.
  public mutating func header(_ number: Int, length: Int) {
    append(UInt64(number) << 3 | 2)
    append(UInt64(length))
  }

  /// A nested message of two strings, both always written.
  public mutating func pair(_ number: Int, _ first: String, _ second: String) {
    let (one, two) = (first.utf8.count, second.utf8.count)
    header(number, length: 2 + Self.size(one) + Self.size(two) + one + two)
    header(1, length: one)
    bytes.append(contentsOf: first.utf8)
    header(2, length: two)
    bytes.append(contentsOf: second.utf8)
  }

  public mutating func append(contentsOf raw: some Sequence<UInt8>) {
    bytes.append(contentsOf: raw)
  }

  private static func size(_ length: Int) -> Int {
    length < 128 ? 1 : length < 16_384 ? 2 : length < 2_097_152 ? 3 : 4
  }

  private mutating func append(_ value: UInt64) {
    var rest = value
    while rest >= 0x80 {
      bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    bytes.append(UInt8(rest))
  }
}
