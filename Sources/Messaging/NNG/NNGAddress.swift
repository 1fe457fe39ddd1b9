import CNNG

/// Which addresses NNG is used with.
///
/// `tcp://` on loopback and `tls+tcp://` between hosts. Never `ipc://`: one peer that connects and
/// leaves during negotiation ends such a listener for good.
enum NNGAddress {
  enum Scheme { case tcp, tls }

  static let tcp = "tcp://"
  static let tls = "tls+tcp://"

  static func scheme(of address: Address, operation: String) throws -> Scheme {
    if address.url.hasPrefix(tls) { return .tls }
    guard address.url.hasPrefix(tcp) else {
      throw TransportError(
        operation: operation, address: address, reason: "the scheme must be tcp or tls+tcp")
    }
    guard isLoopback(host(of: address)) else {
      throw TransportError(
        operation: operation, address: address,
        reason: "plain tcp is for one host (127.0.0.1, ::1, localhost); use tls+tcp between hosts")
    }
    return .tcp
  }

  /// The name or number between scheme and port.
  static func host(of address: Address) -> String {
    let rest = address.url.split(separator: "://", maxSplits: 1).last ?? ""
    if rest.hasPrefix("[") { return String(rest.dropFirst().prefix { $0 != "]" }) }
    return String(rest.prefix { $0 != ":" })
  }

  private static func isLoopback(_ host: String) -> Bool {
    host == "localhost" || host == "::1" || host.hasPrefix("127.")
  }
}
