import Wire

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// An IPv4 or IPv6 address as 16 bytes; IPv4 as `::ffff:a.b.c.d`, so that both forms are one.
struct NetworkAddress: Hashable, Sendable {
  let bytes: [UInt8]
  let isV4: Bool

  private static let mapped: [UInt8] = [UInt8](repeating: 0, count: 10) + [0xFF, 0xFF]

  /// Nil where the text is not an address.
  init?(_ text: String) {
    var four = [UInt8](repeating: 0, count: 4)
    var sixteen = [UInt8](repeating: 0, count: 16)
    if inet_pton(AF_INET, text, &four) == 1 {
      bytes = Self.mapped + four
      isV4 = true
    } else if inet_pton(AF_INET6, text, &sixteen) == 1 {
      bytes = sixteen
      isV4 = sixteen.starts(with: Self.mapped)
    } else {
      return nil
    }
  }
}

/// A range of addresses in CIDR form, such as `192.0.2.0/24`, `2001:db8::/32` or one address.
struct AddressRange: Hashable, Sendable {
  /// As the client wrote it.
  let text: String
  private let network: NetworkAddress
  /// Of the 16-byte form.
  private let prefixBits: Int

  /// Nil where the text is not a range.
  init?(_ text: String) {
    let parts = text.split(separator: "/", omittingEmptySubsequences: false)
    guard parts.count <= 2, let network = NetworkAddress(String(parts[0])) else { return nil }
    let writtenAsV4 = !parts[0].contains(":")
    let width = writtenAsV4 ? 32 : 128
    var bits = width
    if parts.count == 2 {
      guard let number = Int(parts[1]), (0...width).contains(number), parts[1].utf8.first != 43
      else { return nil }
      bits = number
    }
    self.text = text
    self.network = network
    prefixBits = writtenAsV4 ? bits + 96 : bits
  }

  func contains(_ address: NetworkAddress) -> Bool {
    let whole = prefixBits / 8
    guard address.bytes[..<whole] == network.bytes[..<whole] else { return false }
    let rest = prefixBits % 8
    guard rest > 0 else { return true }
    return (address.bytes[whole] ^ network.bytes[whole]) >> UInt8(8 - rest) == 0
  }
}
