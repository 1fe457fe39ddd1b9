import AsyncHTTPClient
import GraphSimulator

/// One HTTP answer.
struct HTTPAnswer: Sendable {
  let status: Int
  let body: [UInt8]

  var json: JSON { (try? JSON(parsing: body)) ?? .null }
}

/// Speaks HTTP with the processes of a deployment.
///
/// Hosts under `localhost` do not resolve everywhere; they go to 127.0.0.1, with the name in
/// `Host`.
struct HTTPCaller: Sendable {
  /// The longest answer that is read.
  static let maximumAnswerBytes = 256 << 20
  /// How long an answer may take, in seconds.
  static let requestSeconds: Int64 = 30

  let client: HTTPClient

  init(_ client: HTTPClient = .shared) { self.client = client }

  /// Throws `unreachable` where no answer came, `timed_out` where none came in time.
  func call(
    _ method: String, _ url: String, host: String? = nil, headers: [(String, String)] = [],
    body: [UInt8]? = nil, seconds: Int64 = requestSeconds
  ) async throws(CommandFailure) -> HTTPAnswer {
    let (address, name) = Self.resolve(url)
    var request = HTTPClientRequest(url: address)
    request.method = .init(rawValue: method)
    if let host = host ?? name { request.headers.add(name: "host", value: host) }
    for (name, value) in headers { request.headers.add(name: name, value: value) }
    if let body {
      request.body = .bytes(body, length: .known(Int64(body.count)))
      if !headers.contains(where: { $0.0 == "content-type" }) {
        request.headers.add(name: "content-type", value: "application/json")
      }
    }
    do {
      let response = try await client.execute(request, timeout: .seconds(seconds))
      let content = try await response.body.collect(upTo: Self.maximumAnswerBytes)
      return HTTPAnswer(status: Int(response.status.code), body: Array(content.readableBytesView))
    } catch let error as HTTPClientError where error == .deadlineExceeded {
      throw CommandFailure(
        .timedOut, code: "timed_out",
        detail: "\(method) \(address): no answer within \(seconds) s")
    } catch {
      throw CommandFailure(
        .refused, code: "unreachable", detail: "\(method) \(address): \(error)")
    }
  }

  /// The address to dial, and the host to name where it is another one.
  static func resolve(_ url: String) -> (url: String, host: String?) {
    guard let start = url.range(of: "://")?.upperBound else { return (url, nil) }
    let rest = url[start...]
    let authority = rest.prefix { $0 != "/" && $0 != "?" }
    let name = authority.prefix { $0 != ":" }
    guard name.hasSuffix(".localhost") else { return (url, nil) }
    let port = authority.dropFirst(name.count)
    return (url[..<start] + "127.0.0.1" + port + rest.dropFirst(authority.count), String(name))
  }
}
