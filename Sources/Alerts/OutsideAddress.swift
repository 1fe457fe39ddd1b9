import Edge
import Platform

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Whether an address lies in the internet at large: what people have called for them must not
/// reach into the network that the platform runs in.
public enum OutsideAddress {
  private static let inside: [NetworkRange] = [
    "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16",
    "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16",
    "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
    "::/127", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32",
    "2002::/16", "fc00::/7", "fe80::/10", "fec0::/10", "ff00::/8",
  ].compactMap { NetworkRange($0) }

  public static func isOutside(_ address: NetworkAddress) -> Bool {
    !inside.contains { $0.contains(address) }
  }

  /// The addresses of a host, as texts; blocks, so on a thread of its own.
  static func resolve(_ host: String) async -> [String] {
    await withCheckedContinuation { continuation in
      _ = OwnThread(name: "resolve") { continuation.resume(returning: lookUp(host)) }
    }
  }

  private static func lookUp(_ host: String) -> [String] {
    var hints = addrinfo()
    hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
    var found: UnsafeMutablePointer<addrinfo>?
    guard getaddrinfo(host, nil, &hints, &found) == 0 else { return [] }
    defer { freeaddrinfo(found) }
    var texts: [String] = []
    var next = found
    while let entry = next {
      var text = [CChar](repeating: 0, count: Int(NI_MAXHOST))
      if getnameinfo(
        entry.pointee.ai_addr, entry.pointee.ai_addrlen, &text, socklen_t(text.count), nil, 0,
        NI_NUMERICHOST) == 0
      {
        let bytes = text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
        texts.append(String(decoding: bytes, as: UTF8.self))
      }
      next = entry.pointee.ai_next
    }
    return texts
  }
}
