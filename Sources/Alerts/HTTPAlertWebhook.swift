import AsyncHTTPClient
import Edge
import Wire

/// Speaks HTTP, to addresses outside only: the name is resolved, all that comes back is looked at,
/// and the connection goes to what was looked at.
///
/// Redirects are not followed.
public struct HTTPAlertWebhook: AlertWebhookSender {
  public static let timeoutSeconds: Int64 = 10

  /// Also to addresses inside, for a machine to try things on.
  private let mayStayInside: Bool

  public init(mayStayInside: Bool) { self.mayStayInside = mayStayInside }

  public func post(
    _ body: [UInt8], signature: String, to url: String
  ) async throws(AlertFailure) {
    let host: String
    do throws(Failure) {
      host = try AlertWebhook.host(of: url, mayStayInside: mayStayInside)
    } catch {
      throw AlertFailure(error.detail)
    }
    let address = try await admitted(host)
    var configuration = HTTPClient.Configuration(
      redirectConfiguration: .disallow,
      timeout: .init(
        connect: .seconds(Self.timeoutSeconds), read: .seconds(Self.timeoutSeconds)))
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
      // The status says all. A body is not waited for: it may never end.
      let response = try await client.execute(request, timeout: .seconds(Self.timeoutSeconds))
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
