#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// An IP address as 128 bits; IPv4 in its mapped form, so that `::ffff:1.2.3.4` is `1.2.3.4`.
public struct NetworkAddress: Hashable, Sendable {
  public let high: UInt64
  public let low: UInt64

  public init(high: UInt64, low: UInt64) {
    self.high = high
    self.low = low
  }

  /// Reads an address without port; brackets around IPv6 are allowed.
  ///
  /// Nil for anything else.
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

  public var isIPv4: Bool { high == 0 && low >> 32 == 0xFFFF }

  /// Whom a limit counts together: an IPv4 address, or an IPv6 client's whole /64.
  public var limitKey: NetworkAddress { isIPv4 ? self : NetworkAddress(high: high, low: 0) }
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
