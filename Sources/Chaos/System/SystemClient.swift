import AsyncHTTPClient
import GraphSimulator

/// Speaks HTTP with a system under attack, as a careful client: what is answered with 5xx or 429,
/// or not at all, is sent again under the same idempotency key.
struct SystemClient: Sendable {
  static let requestSeconds: Int64 = 15
  static let patienceSeconds = 90
  static let pauseMilliseconds = 50
  static let answerBytes = 256 << 20

  /// The final word of the system on one request.
  struct Refused: Error, CustomStringConvertible {
    let code: String
    let description: String
  }

  let url: String
  let graphURL: String
  let apiHost: String
  let appHost: String
  let adminHost: String
  let adminToken: String
  /// How long a request is sent again.
  private var patience = Self.patienceSeconds

  init(_ local: JSON) {
    url = local["url"]?.string ?? ""
    graphURL = local["graph_url"]?.string ?? ""
    apiHost = local["hosts"]?["api"]?.string ?? ""
    appHost = local["hosts"]?["app"]?.string ?? ""
    adminHost = local["hosts"]?["admin"]?.string ?? ""
    adminToken = local["admin_token"]?.string ?? ""
  }

  /// One that asks once.
  var impatient: SystemClient {
    var client = self
    client.patience = 0
    return client
  }

  func admin(
    _ method: String, _ path: String, _ body: JSON? = nil, key: String? = nil
  ) async throws -> JSON {
    try await send(method, url + path, adminHost, adminToken, body, key)
  }

  func api(
    _ secret: String, _ method: String, _ path: String, _ body: JSON? = nil, key: String? = nil
  ) async throws -> JSON {
    try await send(method, url + path, apiHost, secret, body, key)
  }

  /// All entries of an operator's list, page after page.
  func adminList(_ path: String) async throws -> [JSON] {
    var entries: [JSON] = []
    var cursor: String?
    repeat {
      let page = try await admin(
        "GET", path + "?limit=500" + (cursor.map { "&cursor=\($0)" } ?? ""))
      entries += page["data"]?.array ?? []
      cursor = page["next_cursor"]?.string
    } while cursor != nil
    return entries
  }

  /// What people do before they are signed in.
  func app(_ method: String, _ path: String, _ body: JSON? = nil) async throws -> JSON {
    try await send(method, url + path, appHost, nil, body, nil)
  }

  func simulator(_ method: String, _ path: String, _ body: JSON? = nil) async throws -> JSON {
    try await send(method, graphURL + "/_sim/" + path, nil, nil, body, nil)
  }

  /// All entries of a list, page after page.
  func list(_ secret: String, _ path: String) async throws -> [JSON] {
    var entries: [JSON] = []
    var cursor: String?
    repeat {
      let separator = path.contains("?") ? "&" : "?"
      let page = try await api(
        secret, "GET", path + separator + "limit=100" + (cursor.map { "&cursor=\($0)" } ?? ""))
      entries += page["data"]?.array ?? []
      cursor = page["next_cursor"]?.string
    } while cursor != nil
    return entries
  }

  private func send(
    _ method: String, _ url: String, _ host: String?, _ secret: String?, _ body: JSON?,
    _ key: String?
  ) async throws -> JSON {
    let deadline = ContinuousClock.now + .seconds(patience)
    while true {
      var problem: Refused
      do {
        let (status, answer) = try await Self.once(method, url, host, secret, body, key)
        if (200..<300).contains(status) { return answer }
        problem = Refused(
          code: answer["code"]?.string ?? "http_\(status)",
          description: "\(method) \(url): \(status) \(answer["detail"]?.string ?? "")")
        guard status >= 500 || status == 429 else { throw problem }
      } catch let refusal as Refused {
        throw refusal
      } catch {
        problem = Refused(code: "unreachable", description: "\(method) \(url): \(error)")
      }
      guard ContinuousClock.now < deadline else { throw problem }
      try await Task.sleep(for: .milliseconds(Self.pauseMilliseconds))
    }
  }

  /// One request, one answer.
  static func once(
    _ method: String, _ url: String, _ host: String?, _ secret: String?, _ body: JSON?,
    _ key: String?
  ) async throws -> (status: Int, answer: JSON) {
    var request = HTTPClientRequest(url: url)
    request.method = .init(rawValue: method)
    if let host { request.headers.add(name: "host", value: host) }
    if let secret { request.headers.add(name: "authorization", value: "Bearer \(secret)") }
    if let key { request.headers.add(name: "idempotency-key", value: key) }
    if let body {
      request.headers.add(name: "content-type", value: "application/json")
      request.body = .bytes(body.bytes())
    }
    let response = try await HTTPClient.shared.execute(
      request, timeout: .seconds(requestSeconds))
    let content = try await response.body.collect(upTo: answerBytes)
    let answer = try? JSON(parsing: Array(content.readableBytesView))
    return (Int(response.status.code), answer ?? .null)
  }

  /// Webhook parts that a cell keeps for tenants that could not take them; nil if it cannot say.
  static func spooledParts(_ healthURL: String) async throws -> Int? {
    spooledParts(in: try await metrics(healthURL))
  }

  /// The same, from a page of metrics.
  static func spooledParts(in page: String) -> Int? {
    // A follower has a spool as its primary has it, and empties none.
    if page.contains("aimstors_follower_missing_records") { return 0 }
    return value("aimstors_spool_parts", in: page)
  }

  /// The first value of a metric; nil where the process does not answer or has none.
  static func metric(_ name: String, _ healthURL: String) async -> Int? {
    guard let page = try? await metrics(healthURL) else { return nil }
    return value(name, in: page)
  }

  private static func metrics(_ healthURL: String) async throws -> String {
    let response = try await HTTPClient.shared.execute(
      HTTPClientRequest(url: healthURL + "/metrics"), timeout: .seconds(requestSeconds))
    return String(buffer: try await response.body.collect(upTo: answerBytes))
  }

  private static func value(_ name: String, in page: String) -> Int? {
    let line = page.split(separator: "\n").first { $0.hasPrefix(name) }
    return line.flatMap { $0.split(separator: " ").last }.flatMap { Int($0) }
  }

  static func isReady(_ healthURL: String) async -> Bool {
    let answer = try? await once("GET", healthURL + "/readyz", nil, nil, nil, nil)
    return answer?.status == 200
  }

  /// Waits until a replica of a cell has all that was acknowledged and may take over.
  func waitUntilPromotable(_ replica: String, of cell: String) async throws {
    try await wait("\(replica) may be promoted", seconds: 60) {
      let plan = try? await admin(
        "POST", "/v1/cells/\(cell)/promote", ["dry_run": true, "replica": JSON(replica)])
      return plan?["result"]?["to"]?.string == replica
    }
  }
}
