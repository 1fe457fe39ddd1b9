/// Finds the client behind the proxies.
public struct ClientAddress: Sendable {
  private let trustedProxies: [NetworkRange]

  public init(trustedProxies: [NetworkRange]) { self.trustedProxies = trustedProxies }

  /// The client: the connection's other end, or, where that is one of our proxies, the last
  /// address in `X-Forwarded-For` that is not.
  public func client(peer: NetworkAddress, forwardedFor: String?) -> NetworkAddress {
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
