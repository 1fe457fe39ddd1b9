#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// An IP address as 128 bits; IPv4 in its mapped form, so that `::ffff:1.2.3.4` is `1.2.3.4`.
public struct NetworkAddress: Hashable, Sendable {
  public let high: UInt64
  public let low: UInt64

  init(high: UInt64, low: UInt64) {
    self.high = high
    self.low = low
  }

  /// Reads an address without port; brackets around IPv6 are allowed. Nil for anything else.
  public init?(_ text: some StringProtocol) {
    var text = text.trimmingPrefix("[")[...]
    if text.last == "]" { text = text.dropLast() }
    // A zone names an interface of this machine and is no part of the address.
    let plain = String(text.prefix { $0 != "%" })
    var four = in_addr()
    if inet_pton(AF_INET, plain, &four) == 1 {
      self.init(high: 0, low: 0xFFFF_0000_0000 | UInt64(UInt32(bigEndian: four.s_addr)))
      return
    }
    var six = in6_addr()
    guard inet_pton(AF_INET6, plain, &six) == 1 else { return nil }
    let words = withUnsafeBytes(of: &six) { bytes in
      (0..<16).reduce(into: (UInt64(0), UInt64(0))) { words, index in
        if index < 8 {
          words.0 = words.0 << 8 | UInt64(bytes[index])
        } else {
          words.1 = words.1 << 8 | UInt64(bytes[index])
        }
      }
    }
    self.init(high: words.0, low: words.1)
  }

  var isIPv4: Bool { high == 0 && low >> 32 == 0xFFFF }

  /// Whom a limit counts together: an IPv4 address, or an IPv6 client's whole /64.
  var limitKey: NetworkAddress { isIPv4 ? self : NetworkAddress(high: high, low: 0) }
}

/// Addresses with a common beginning: `10.0.0.0/8`, `fd00::/8`, or a single one.
public struct AddressRange: Hashable, Sendable {
  private let base: NetworkAddress
  /// How many leading bits of 128 are common.
  private let bits: Int

  public static let loopback4 = AddressRange(
    base: NetworkAddress(high: 0, low: 0xFFFF_7F00_0000), bits: 104)
  public static let loopback6 = AddressRange(base: NetworkAddress(high: 0, low: 1), bits: 128)

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

/// Finds the client behind the proxies.
struct ClientAddress: Sendable {
  let trustedProxies: [AddressRange]

  /// The client: the connection's other end, or, where that is one of our proxies, the last
  /// address in `X-Forwarded-For` that is not.
  func client(peer: NetworkAddress, forwardedFor: String?) -> NetworkAddress {
    guard let forwardedFor, isTrusted(peer) else { return peer }
    var client = peer
    for hop in forwardedFor.split(separator: ",").reversed() {
      guard let address = NetworkAddress(hop.trimmingPrefix(" ").prefix { $0 != " " }) else {
        break
      }
      client = address
      if !isTrusted(address) { break }
    }
    return client
  }

  private func isTrusted(_ address: NetworkAddress) -> Bool {
    trustedProxies.contains { $0.contains(address) }
  }
}

extension NetworkAddress: CustomStringConvertible {
  /// `192.0.2.1`, or IPv6 in eight groups without leading zeros.
  public var description: String {
    if isIPv4 {
      return stride(from: 24, through: 0, by: -8).map { String(low >> UInt64($0) & 0xFF) }
        .joined(separator: ".")
    }
    return [high, low].flatMap { word in
      stride(from: 48, through: 0, by: -16).map { String(word >> UInt64($0) & 0xFFFF, radix: 16) }
    }.joined(separator: ":")
  }
}
