import Cryptography
import Wire

/// Why an alert did not arrive; in words for people.
public struct AlertFailure: Error, Hashable, Sendable {
  public let reason: String

  public init(_ reason: String) { self.reason = reason }
}

/// Brings one alert to somebody's own server.
public protocol AlertWebhookSender: Sendable {
  /// Throws an ``AlertFailure`` where it was not taken.
  func post(_ body: [UInt8], signature: String, to url: String) async throws(AlertFailure)
}

/// The rules of a webhook: which addresses may be named, and how a delivery is signed.
public enum AlertWebhook {
  public static let signatureHeader = "aimstors-signature"

  /// The host of an address that may be called.
  ///
  /// Throws `invalid_field` for anything but `https://host[:port]/…` without user and password.
  public static func host(of url: String, mayStayInside: Bool) throws(Failure) -> String {
    let schemes = mayStayInside ? ["https://", "http://"] : ["https://"]
    guard url.utf8.count <= AlertChannel.maximumURLBytes,
      url.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "\\") }),
      let scheme = schemes.first(where: { url.hasPrefix($0) })
    else { throw Failure(.invalidField, "url must be an https address") }
    let rest = url.dropFirst(scheme.count)
    let authority = rest.prefix { $0 != "/" && $0 != "?" && $0 != "#" }
    guard !authority.isEmpty, !authority.contains("@"), !authority.contains("%") else {
      throw Failure(.invalidField, "url must name a host, without user and password")
    }
    if authority.hasPrefix("[") {
      guard let end = authority.firstIndex(of: "]") else {
        throw Failure(.invalidField, "url must name a host")
      }
      return String(authority[authority.index(after: authority.startIndex)..<end])
    }
    return String(authority.prefix { $0 != ":" })
  }

  /// `t=<seconds>,v1=<hex HMAC-SHA256(secret, "<seconds>.<body>")>`.
  public static func signature(_ body: [UInt8], secret: String, at now: Timestamp) -> String {
    let seconds = now.milliseconds / 1_000
    let mac = KeyedHash.sha256(
      key: Array(secret.utf8), Array("\(seconds).".utf8) + body)
    return "t=\(seconds),v1=\(mac.hexText)"
  }
}
