/// Finds the client behind the proxies.
public struct ClientAddress: Sendable {
  private let trustedProxies: [NetworkRange]

  public init(trustedProxies: [NetworkRange]) { self.trustedProxies = trustedProxies }

  /// The client: the connection's other end, or, where that is one of our proxies, the last
  /// address in `X-Forwarded-For` that is not.
  ///
  /// Where a proxy does not say whom it speaks for, or in no words of ours, it is the proxy.
  public func client(peer: NetworkAddress, forwardedFor: String?) -> NetworkAddress {
    guard let forwardedFor, isProxy(peer) else { return peer }
    var client = peer
    for hop in forwardedFor.split(separator: ",").reversed() {
      guard let address = Self.address(hop: hop) else { break }
      client = address
      if !isProxy(address) { break }
    }
    return client
  }

  /// Whether this is one of our proxies, which stands for clients that are not known.
  public func isProxy(_ address: NetworkAddress) -> Bool {
    trustedProxies.contains { $0.contains(address) }
  }

  /// Reads what proxies write: `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]:80`.
  private static func address(hop: Substring) -> NetworkAddress? {
    let words = hop.split(whereSeparator: \.isWhitespace)
    guard words.count == 1, let word = words.first else { return nil }
    guard let colon = word.lastIndex(of: ":") else { return NetworkAddress(word) }
    let host = word[..<colon]
    // Without brackets an address of several colons is IPv6 and has no port.
    guard host.last == "]" || !host.contains(":") else { return NetworkAddress(word) }
    return UInt16(word[word.index(after: colon)...]) == nil ? nil : NetworkAddress(host)
  }
}
