import AsyncHTTPClient
import Foundation
import NIOCore

/// Speaks with a system under test as operator, as tenant, as Meta and as the simulator's user.
struct BenchClient: Sendable {
  /// A number that the simulator has.
  struct Number: Sendable {
    let phoneNumberID: String
    let wabaID: String
  }

  static let requestSeconds: Int64 = 30
  static let answerBytes = 16 << 20

  let url: String
  let graphURL: String
  let apiHost: String
  let adminHost: String
  let adminToken: String
  let graphToken: String
  let metaApp: String
  let appSecret: String
  let webhookURL: String
  let numbers: [Number]

  init(_ local: LocalJSON) {
    url = local.text("url")
    graphURL = local.text("graph_url")
    apiHost = local.text("hosts", "api")
    adminHost = local.text("hosts", "admin")
    adminToken = local.text("admin_token")
    graphToken = local.text("graph_token")
    metaApp = local.text("meta_app", "name")
    appSecret = local.text("meta_app", "app_secret")
    webhookURL = local.text("meta_app", "webhook_url")
    let entries = local.members["phone_numbers"] as? [[String: Any]] ?? []
    numbers = entries.map { entry in
      Number(
        phoneNumberID: entry["phone_number_id"] as? String ?? "",
        wabaID: entry["waba_id"] as? String ?? "")
    }
  }

  @discardableResult
  func admin(_ method: String, _ path: String, _ body: [String: Any]) async throws
    -> [String: Any]
  {
    try await call(method, path, adminHost, adminToken, body)
  }

  @discardableResult
  func api(_ method: String, _ path: String, _ key: String, _ body: [String: Any] = [:])
    async throws -> [String: Any]
  {
    try await call(method, path, apiHost, key, body)
  }

  /// Every entry of a tenant's list.
  func list(_ path: String, _ key: String) async throws -> [[String: Any]] {
    var entries: [[String: Any]] = []
    var cursor: String?
    repeat {
      let next = cursor.map { "&cursor=\($0)" } ?? ""
      let page = try await api(
        "GET", path + (path.contains("?") ? "&" : "?") + "limit=100" + next, key)
      entries += page["data"] as? [[String: Any]] ?? []
      cursor = page["next_cursor"] as? String
    } while cursor != nil
    return entries
  }

  func setFaults(_ faults: [String: Any]) async throws {
    var request = HTTPClientRequest(url: graphURL + "/_sim/faults")
    request.method = .PUT
    request.body = .bytes(ByteBuffer(bytes: try JSONSerialization.data(withJSONObject: faults)))
    let response = try await HTTPClient.shared.execute(request, timeout: .seconds(5))
    guard response.status == .ok else { throw BenchFailure("faults: \(response.status)") }
  }

  /// The text of a metrics page.
  static func metrics(_ healthURL: String) async throws -> String {
    let response = try await HTTPClient.shared.execute(
      HTTPClientRequest(url: healthURL + "/metrics"), timeout: .seconds(5))
    return String(buffer: try await response.body.collect(upTo: answerBytes))
  }

  private func call(
    _ method: String, _ path: String, _ host: String, _ token: String, _ body: [String: Any]
  ) async throws -> [String: Any] {
    let data = try await Self.execute(try request(method, path, host, token, body))
    return (try? JSONSerialization.jsonObject(with: data)) as? [String: Any] ?? [:]
  }

  func request(
    _ method: String, _ path: String, _ host: String, _ token: String, _ body: [String: Any],
    idempotencyKey: String = UUID().uuidString
  ) throws -> HTTPClientRequest {
    var request = HTTPClientRequest(url: url + path)
    request.method = .init(rawValue: method)
    request.headers.add(name: "Host", value: host)
    request.headers.add(name: "Authorization", value: "Bearer \(token)")
    request.headers.add(name: "Content-Type", value: "application/json")
    request.headers.add(name: "Idempotency-Key", value: idempotencyKey)
    if method != "GET" {
      request.body = .bytes(ByteBuffer(bytes: try JSONSerialization.data(withJSONObject: body)))
    }
    return request
  }

  /// Throws where the answer is not 2xx.
  @discardableResult
  static func execute(_ request: HTTPClientRequest) async throws -> Data {
    let response = try await HTTPClient.shared.execute(request, timeout: .seconds(requestSeconds))
    let answer = try await response.body.collect(upTo: answerBytes)
    guard (200..<300).contains(response.status.code) else {
      throw BenchFailure(
        "\(request.method.rawValue) \(request.url): \(response.status.code) \(String(buffer: answer))"
      )
    }
    return Data(answer.readableBytesView)
  }
}
