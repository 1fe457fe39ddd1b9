import AsyncHTTPClient
import Cryptography
import Wire

/// Why an alert did not arrive; in words for the tenant.
struct AlertFailure: Error, Hashable, Sendable {
  let reason: String
  init(_ reason: String) { self.reason = reason }
}

/// Brings one alert to a tenant's own server.
protocol AlertWebhookSender: Sendable {
  /// Throws an ``AlertFailure`` where it was not taken.
  func post(_ body: [UInt8], signature: String, to url: String) async throws(AlertFailure)
}

/// The rules of a webhook: which addresses may be named, and how a delivery is signed.
enum AlertWebhook {
  static let signatureHeader = "aimstors-signature"

  /// The host of an address that may be called.
  ///
  /// Throws `invalid_field` for anything but `https://host[:port]/…` without user and password.
  static func host(of url: String, mayStayInside: Bool) throws(Failure) -> String {
    let schemes = mayStayInside ? ["https://", "http://"] : ["https://"]
    guard url.utf8.count <= AlertChannel.maximumURLBytes,
      url.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "\\") }),
      let scheme = schemes.first(where: { url.hasPrefix($0) })
    else { throw Failure(.invalidField, "url must be an https address") }
    let rest = url.dropFirst(scheme.count)
    let authority = rest.prefix { $0 != "/" && $0 != "?" && $0 != "#" }
    guard !authority.isEmpty, !authority.contains("@") else {
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
  static func signature(_ body: [UInt8], secret: String, at now: Timestamp) -> String {
    let seconds = now.milliseconds / 1_000
    let mac = KeyedHash.sha256(
      key: Array(secret.utf8), Array("\(seconds).".utf8) + body)
    return "t=\(seconds),v1=\(mac.hexText)"
  }
}

/// Speaks HTTP, to addresses outside only: the name is resolved, all that comes back is looked at,
/// and the connection goes to what was looked at.
///
/// Redirects are not followed.
struct HTTPAlertWebhook: AlertWebhookSender {
  static let timeoutSeconds: Int64 = 10
  static let answerBytes = 64 << 10

  /// Also to addresses inside, for a machine to try things on.
  let mayStayInside: Bool

  func post(
    _ body: [UInt8], signature: String, to url: String
  ) async throws(AlertFailure) {
    let host: String
    do throws(Failure) {
      host = try AlertWebhook.host(of: url, mayStayInside: mayStayInside)
    } catch {
      throw AlertFailure(error.detail)
    }
    let address = try await admitted(host)
    var configuration = HTTPClient.Configuration()
    configuration.redirectConfiguration = .disallow
    if address != host { configuration.dnsOverride = [host: address] }
    let client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    let result: Result<Int, AlertFailure>
    do {
      var request = HTTPClientRequest(url: url)
      request.method = .POST
      request.headers.add(name: "content-type", value: "application/json")
      request.headers.add(name: "user-agent", value: "aimstors-alerts/1")
      request.headers.add(name: AlertWebhook.signatureHeader, value: signature)
      request.body = .bytes(body)
      let response = try await client.execute(request, timeout: .seconds(Self.timeoutSeconds))
      _ = try? await response.body.collect(upTo: Self.answerBytes)
      result = .success(Int(response.status.code))
    } catch {
      result = .failure(AlertFailure("the server did not answer"))
    }
    try? await client.shutdown()
    let status = try result.get()
    guard (200..<300).contains(status) else {
      throw AlertFailure("the server answered \(status)")
    }
  }

  /// The address to connect to.
  private func admitted(_ host: String) async throws(AlertFailure) -> String {
    let addresses = await OutsideAddress.resolve(host)
    guard let first = addresses.first else { throw AlertFailure("the host has no address") }
    guard
      mayStayInside
        || addresses.allSatisfy({ NetworkAddress($0).map(OutsideAddress.isOutside) ?? false })
    else { throw AlertFailure("the host lies inside a private network") }
    return first
  }
}
