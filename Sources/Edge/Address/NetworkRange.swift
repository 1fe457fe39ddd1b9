/// Addresses with a common beginning, in CIDR form: `10.0.0.0/8`, `fd00::/8`, or a single one.
public struct NetworkRange: Hashable, Sendable {
  /// As it was written.
  public let text: String
  private let base: NetworkAddress
  /// How many leading bits of 128 are common.
  private let bits: Int

  public static let loopback4 = NetworkRange(
    "127.0.0.0/8", base: NetworkAddress(high: 0, low: 0xFFFF_7F00_0000), bits: 104)
  public static let loopback6 = NetworkRange(
    "::1", base: NetworkAddress(high: 0, low: 1), bits: 128)

  private init(_ text: String, base: NetworkAddress, bits: Int) {
    self.text = text
    self.base = base
    self.bits = bits
  }

  /// Nil where the text is not a range; a zone or brackets are no part of one.
  public init?(_ text: String) {
    let parts = text.split(separator: "/", omittingEmptySubsequences: false)
    guard parts.count <= 2, !text.contains(where: { "[]%".contains($0) }),
      let base = NetworkAddress(parts[0])
    else { return nil }
    let offset = parts[0].contains(":") ? 0 : 96
    guard parts.count == 2 else {
      self.init(text, base: base, bits: 128)
      return
    }
    guard parts[1].utf8.allSatisfy({ (0x30...0x39).contains($0) }), let length = Int(parts[1]),
      (0...128 - offset).contains(length)
    else { return nil }
    self.init(text, base: base, bits: offset + length)
  }

  public func contains(_ address: NetworkAddress) -> Bool {
    let highMask: UInt64 = bits >= 64 ? .max : bits == 0 ? 0 : .max << UInt64(64 - bits)
    let lowMask: UInt64 = bits <= 64 ? 0 : .max << UInt64(128 - bits)
    return (address.high ^ base.high) & highMask == 0 && (address.low ^ base.low) & lowMask == 0
  }
}
