import Edge

/// Reads the `Host` header.
struct HostRule: Sendable {
  enum Match: Hashable, Sendable {
    case base(HostKind)
    /// Lower case, without port; the map says whose it is, if anybody's.
    case other(String)
    case missing
  }

  private let hosts: [String: HostKind]

  init(baseDomain: String) {
    hosts = Dictionary(
      uniqueKeysWithValues: HostKind.allCases.map { ("\($0.rawValue).\(baseDomain)", $0) })
  }

  func match(_ authority: String?) -> Match {
    guard let authority, !authority.isEmpty else { return .missing }
    if let kind = hosts[authority] { return .base(kind) }
    var host = authority.lowercased()
    if !host.hasPrefix("["), let colon = host.lastIndex(of: ":") { host = String(host[..<colon]) }
    if host.hasSuffix(".") { host.removeLast() }
    if let kind = hosts[host] { return .base(kind) }
    return .other(host)
  }
}
