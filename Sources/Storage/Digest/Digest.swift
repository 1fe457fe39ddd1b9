import CSQLite

/// What a file holds, in 128 bits: the sum modulo 2^128 of one hash per row.
///
/// Adding and taking away rows is exact, so that it is kept incrementally; equal digests at the
/// same tenant_seq mean equal rows.
public struct Digest: Hashable, Sendable, CustomStringConvertible {
  public let value: UInt128

  public static let zero = Digest(0)

  public init(_ value: UInt128) { self.value = value }

  /// From the 16 bytes that stand in files, least significant first; nil otherwise.
  public init?(bytes: some Collection<UInt8>) {
    guard bytes.count == 16 else { return nil }
    value = bytes.reversed().reduce(0) { $0 << 8 | UInt128($1) }
  }

  init(_ digest: aim_digest) { value = UInt128(digest.high) << 64 | UInt128(digest.low) }

  public var bytes: [UInt8] { withUnsafeBytes(of: value.littleEndian) { Array($0) } }

  /// 32 hexadecimal digits, most significant first.
  public var description: String {
    let digits = String(value, radix: 16)
    return String(repeating: "0", count: 32 - digits.count) + digits
  }

  public static func + (a: Digest, b: Digest) -> Digest { Digest(a.value &+ b.value) }
}
