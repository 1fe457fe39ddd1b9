/// The 16 bytes of a trace id, which travels as bytes and is shown as 32 hexadecimal digits.
public struct TraceID: Hashable, Sendable {
  public let high: UInt64
  public let low: UInt64

  public static let none = TraceID(high: 0, low: 0)

  public init(high: UInt64, low: UInt64) {
    self.high = high
    self.low = low
  }

  /// From 32 hexadecimal digits; ``none`` for any other text: tracing never fails a request.
  public init(_ text: String) {
    var text = text
    self = text.withUTF8 { digits in
      guard digits.count == 32 else { return .none }
      var words: (UInt64, UInt64) = (0, 0)
      for index in 0..<32 {
        guard let digit = Self.value(of: digits[index]) else { return .none }
        if index < 16 { words.0 = words.0 << 4 | digit } else { words.1 = words.1 << 4 | digit }
      }
      return TraceID(high: words.0, low: words.1)
    }
  }

  public var text: String {
    String(unsafeUninitializedCapacity: 32) { buffer in
      for index in 0..<32 {
        let word = index < 16 ? high : low
        let digit = UInt8(truncatingIfNeeded: word >> UInt64(60 - 4 * (index % 16))) & 15
        buffer[index] = digit < 10 ? 48 + digit : 87 + digit
      }
      return 32
    }
  }

  /// Its 16 bytes, as files keep it.
  public var bytes: [UInt8] {
    withUnsafeBytes(of: (high.bigEndian, low.bigEndian)) { Array($0) }
  }

  /// From 16 bytes; ``none`` for any other number of them.
  public init(bytes: [UInt8]) {
    guard bytes.count == 16 else {
      self = .none
      return
    }
    func word(_ part: ArraySlice<UInt8>) -> UInt64 { part.reduce(0) { $0 << 8 | UInt64($1) } }
    self.init(high: word(bytes[..<8]), low: word(bytes[8...]))
  }

  private static func value(of digit: UInt8) -> UInt64? {
    switch digit {
    case 48...57: UInt64(digit - 48)
    case 97...102: UInt64(digit - 87)
    case 65...70: UInt64(digit - 55)
    default: nil
    }
  }
}
