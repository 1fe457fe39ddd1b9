/// Addresses with a common beginning: `10.0.0.0/8`, `fd00::/8`, or a single one.
public struct NetworkRange: Hashable, Sendable {
  private let base: NetworkAddress
  /// How many leading bits of 128 are common.
  private let bits: Int

  public static let loopback4 = NetworkRange(
    base: NetworkAddress(high: 0, low: 0xFFFF_7F00_0000), bits: 104)
  public static let loopback6 = NetworkRange(base: NetworkAddress(high: 0, low: 1), bits: 128)

  private init(base: NetworkAddress, bits: Int) {
    self.base = base
    self.bits = bits
  }

  public init?(_ text: String) {
    let parts = text.split(separator: "/", maxSplits: 1)
    guard let first = parts.first, let base = NetworkAddress(first) else { return nil }
    let offset = base.isIPv4 ? 96 : 0
    guard parts.count == 2 else {
      self.init(base: base, bits: 128)
      return
    }
    guard let length = Int(parts[1]), length >= 0, offset + length <= 128 else { return nil }
    self.init(base: base, bits: offset + length)
  }

  public func contains(_ address: NetworkAddress) -> Bool {
    let highMask: UInt64 = bits >= 64 ? .max : bits == 0 ? 0 : .max << UInt64(64 - bits)
    let lowMask: UInt64 = bits <= 64 ? 0 : .max << UInt64(128 - bits)
    return (address.high ^ base.high) & highMask == 0 && (address.low ^ base.low) & lowMask == 0
  }
}
