/// What a certificate of a process is to say.
public struct CertificateRequest: Sendable, Equatable {
  /// The process, such as `cell-1`.
  public let name: String
  /// Names and addresses under which others dial it; `name` is always one of them.
  public let hosts: [String]
  public let days: Int

  public static let longestDays = 825
  public static let mostHosts = 32

  public init(name: String, hosts: [String], days: Int) throws(CertificateError) {
    guard (1...Self.longestDays).contains(days) else {
      throw .unreadable("\(days) days: 1 to \(Self.longestDays)")
    }
    guard hosts.count <= Self.mostHosts else {
      throw .unreadable("\(hosts.count) hosts: at most \(Self.mostHosts)")
    }
    var all: [String] = []
    for host in [name] + hosts {
      guard Self.isName(host) else { throw .invalidName(host) }
      if !all.contains(host) { all.append(host) }
    }
    self.name = name
    self.hosts = all
    self.days = days
  }

  /// The extension's text.
  ///
  /// An address stands as address and as name: the TLS library under NNG compares the dialed host
  /// with names only.
  var alternativeNames: String {
    hosts.map { Self.isAddress($0) ? "IP:\($0),DNS:\($0)" : "DNS:\($0)" }.joined(separator: ",")
  }

  // The names go into a text that libcrypto parses; nothing in them may end an entry.
  static func isName(_ text: String) -> Bool {
    !text.isEmpty && text.utf8.count <= 64
      && text.utf8.allSatisfy { byte in
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
          UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "-"),
          UInt8(ascii: "_"), UInt8(ascii: ":"):
          true
        default: false
        }
      }
  }

  private static func isAddress(_ host: String) -> Bool {
    if host.contains(":") { return true }
    let parts = host.split(separator: ".", omittingEmptySubsequences: false)
    return parts.count == 4 && parts.allSatisfy { UInt8($0) != nil }
  }
}
