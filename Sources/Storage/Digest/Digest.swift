import CSQLite

/// What a file holds, in 128 bits: the sum modulo 2^128 of one hash per row.
///
/// Adding and taking away rows is exact, so that it is kept incrementally; equal digests at the same
/// tenant_seq mean equal rows.
public struct Digest: Hashable, Sendable, CustomStringConvertible {
  public let low: UInt64
  public let high: UInt64

  public static let zero = Digest(low: 0, high: 0)

  public init(low: UInt64, high: UInt64) {
    self.low = low
    self.high = high
  }

  /// From the 16 bytes that stand in records and files, least significant first; nil otherwise.
  public init?(bytes: some Collection<UInt8>) {
    guard bytes.count == 16 else { return nil }
    var words: (UInt64, UInt64) = (0, 0)
    for (index, byte) in bytes.enumerated() {
      if index < 8 {
        words.0 |= UInt64(byte) << UInt64(8 * index)
      } else {
        words.1 |= UInt64(byte) << UInt64(8 * (index - 8))
      }
    }
    self.init(low: words.0, high: words.1)
  }

  init(_ digest: aim_digest) { self.init(low: digest.low, high: digest.high) }

  public var bytes: [UInt8] {
    (0..<16).map { index in
      let word = index < 8 ? low : high
      return UInt8(truncatingIfNeeded: word >> UInt64(8 * (index & 7)))
    }
  }

  /// 32 hexadecimal digits, most significant first.
  public var description: String {
    func hex(_ word: UInt64) -> String {
      let digits = String(word, radix: 16)
      return String(repeating: "0", count: 16 - digits.count) + digits
    }
    return hex(high) + hex(low)
  }

  public static func + (a: Digest, b: Digest) -> Digest {
    let (low, carry) = a.low.addingReportingOverflow(b.low)
    return Digest(low: low, high: a.high &+ b.high &+ (carry ? 1 : 0))
  }
}
