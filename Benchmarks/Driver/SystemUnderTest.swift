import AsyncHTTPClient
import Foundation
import NIOCore

/// A running system of its own data directory, started by `aimstors up` and stopped at the end.
final class SystemUnderTest {
  struct Tenant {
    let id: String
    let key: String
    let numberID: String
  }

  let directory: String
  private let process: Process
  private let description: [String: Any]

  var url: String { description["url"] as? String ?? "" }

  static func start(_ repository: Repository, topology: String) async throws -> SystemUnderTest {
    let directory = try Repository.temporaryDirectory("system")
    let process = Process()
    process.executableURL = repository.binaries.appendingPathComponent("aimstors")
    process.arguments = ["up", repository.script(topology)]
    process.environment = ProcessInfo.processInfo.environment.merging([
      "AIMSTORS_DATA": directory, "AIMSTORS_PORT": "0",
    ]) { $1 }
    process.standardOutput = FileHandle.standardError
    try process.run()
    let path = "\(directory)/local.json"
    for _ in 0..<600 {
      if let data = FileManager.default.contents(atPath: path),
        let object = try JSONSerialization.jsonObject(with: data) as? [String: Any]
      {
        return SystemUnderTest(directory: directory, process: process, description: object)
      }
      guard process.isRunning else { break }
      try await Task.sleep(for: .milliseconds(100))
    }
    process.terminate()
    throw BenchFailure("the system did not become ready within 60 s")
  }

  private init(directory: String, process: Process, description: [String: Any]) {
    self.directory = directory
    self.process = process
    self.description = description
  }

  func stop() {
    process.terminate()
    process.waitUntilExit()
    try? FileManager.default.removeItem(atPath: directory)
  }

  func pid(of role: String) throws -> Int {
    let processes = description["processes"] as? [[String: Any]] ?? []
    guard let pid = processes.first(where: { $0["role"] as? String == role })?["pid"] as? Int else {
      throw BenchFailure("no process is a \(role)")
    }
    return pid
  }

  func healthURL(of role: String) -> String {
    let processes = description["processes"] as? [[String: Any]] ?? []
    return processes.first { $0["role"] as? String == role }?["health_url"] as? String ?? ""
  }

  /// A tenant with prices, money and a connected number.
  func tenant(_ index: Int) async throws -> Tenant {
    let numbers = description["phone_numbers"] as? [[String: Any]] ?? []
    guard index < numbers.count else { throw BenchFailure("too few simulated numbers") }
    let tenant = try await admin(
      "POST", "/v1/tenants",
      [
        "name": "Bench \(index)", "slug": "bench-\(index)", "region": "local", "currency": "USD",
        "time_zone": "Etc/UTC",
      ])
    let id = tenant["id"] as? String ?? ""
    _ = try await admin(
      "PUT", "/v1/tenants/\(id)/prices",
      [
        "currency": "USD",
        "rates": [
          [
            "market": "*", "category": "marketing", "valid_from": "2026-01-01T00:00:00Z",
            "amount_micros": 50_000,
          ]
        ],
      ])
    _ = try await admin(
      "POST", "/v1/tenants/\(id)/wallet/top-ups",
      ["amount_micros": 1_000_000_000_000_000, "currency": "USD", "reference": "bench"])
    let key = try await admin(
      "POST", "/v1/tenants/\(id)/api-keys", ["name": "bench", "mode": "live", "scopes": ["*"]])
    let secret = key["key"] as? String ?? ""
    let app = (description["meta_app"] as? [String: Any])?["name"] as? String ?? "default"
    let number = try await api(
      "POST", "/v1/numbers", secret,
      [
        "phone_number_id": numbers[index]["phone_number_id"] ?? "",
        "waba_id": numbers[index]["waba_id"] ?? "",
        "access_token": description["graph_token"] ?? "", "meta_app": app,
      ])
    _ = try await api(
      "PUT", "/v1/templates/order_ok/en_US", secret,
      [
        "category": "marketing", "parameter_format": "positional",
        "components": [["type": "BODY", "text": "Your order {{1}} is on its way."]],
      ])
    return Tenant(id: id, key: secret, numberID: number["id"] as? String ?? "")
  }

  /// One template message with 100 bytes of parameters.
  func send(_ tenant: Tenant, to index: Int) async throws {
    try await Self.execute(try message(tenant, to: index))
  }

  /// `count` of them, `inFlight` at a time.
  func send(_ tenant: Tenant, count: Int, inFlight: Int) async throws {
    let requests = try (0..<count).map { try message(tenant, to: $0) }
    try await withThrowingTaskGroup(of: Void.self) { group in
      for (index, request) in requests.enumerated() {
        if index >= inFlight { try await group.next() }
        group.addTask { try await Self.execute(request) }
      }
      try await group.waitForAll()
    }
  }

  private func message(_ tenant: Tenant, to index: Int) throws -> HTTPClientRequest {
    try request(
      "POST", "/v1/messages", "api", tenant.key,
      [
        "number_id": tenant.numberID, "to": "+49151\(10_000_000 + index)", "type": "template",
        "template": [
          "name": "order_ok", "language": ["code": "en_US"],
          "components": [
            [
              "type": "body",
              "parameters": [["type": "text", "text": String(repeating: "x", count: 100)]],
            ]
          ],
        ],
      ])
  }

  /// Waits until no message of the tenant stands before `status`.
  func wait(_ tenant: Tenant, until status: String, count: Int) async throws {
    let earlier =
      status == "accepted"
      ? ["queued", "sending"] : ["queued", "sending", "accepted", "sent", "delivered"]
    for _ in 0..<600 {
      var left = 0
      for state in earlier {
        let page = try await api("GET", "/v1/messages?status=\(state)&limit=1", tenant.key, [:])
        left += (page["data"] as? [Any])?.count ?? 0
      }
      if left == 0 { return }
      try await Task.sleep(for: .milliseconds(500))
    }
    throw BenchFailure("\(count) messages did not become \(status) within 300 s")
  }

  func setFaults(_ faults: [String: Any]) async throws {
    var request = HTTPClientRequest(
      url: (description["graph_url"] as? String ?? "") + "/_sim/faults")
    request.method = .PUT
    request.body = .bytes(ByteBuffer(bytes: try JSONSerialization.data(withJSONObject: faults)))
    let response = try await HTTPClient.shared.execute(request, timeout: .seconds(5))
    guard response.status == .ok else { throw BenchFailure("faults: \(response.status)") }
  }

  func admin(_ method: String, _ path: String, _ body: [String: Any]) async throws
    -> [String: Any]
  {
    try await call(method, path, "admin", description["admin_token"] as? String ?? "", body)
  }

  func api(_ method: String, _ path: String, _ key: String, _ body: [String: Any]) async throws
    -> [String: Any]
  {
    try await call(method, path, "api", key, body)
  }

  private func call(
    _ method: String, _ path: String, _ host: String, _ token: String, _ body: [String: Any]
  ) async throws -> [String: Any] {
    let data = try await Self.execute(try request(method, path, host, token, body))
    return (try? JSONSerialization.jsonObject(with: data)) as? [String: Any] ?? [:]
  }

  private func request(
    _ method: String, _ path: String, _ host: String, _ token: String, _ body: [String: Any]
  ) throws -> HTTPClientRequest {
    let hosts = description["hosts"] as? [String: String] ?? [:]
    var request = HTTPClientRequest(url: url + path)
    request.method = .init(rawValue: method)
    request.headers.add(name: "Host", value: hosts[host] ?? "\(host).localhost")
    request.headers.add(name: "Authorization", value: "Bearer \(token)")
    request.headers.add(name: "Content-Type", value: "application/json")
    request.headers.add(name: "Idempotency-Key", value: UUID().uuidString)
    if method != "GET" {
      request.body = .bytes(ByteBuffer(bytes: try JSONSerialization.data(withJSONObject: body)))
    }
    return request
  }

  @discardableResult
  private static func execute(_ request: HTTPClientRequest) async throws -> Data {
    let response = try await HTTPClient.shared.execute(request, timeout: .seconds(10))
    let answer = try await response.body.collect(upTo: 1 << 20)
    guard (200..<300).contains(response.status.code) else {
      throw BenchFailure(
        "\(request.method.rawValue) \(request.url): \(response.status.code) \(String(buffer: answer))"
      )
    }
    return Data(answer.readableBytesView)
  }
}
