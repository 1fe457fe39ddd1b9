import AsyncHTTPClient
import Foundation

/// A tenant with prices, money, a connected number and a template.
struct BenchTenant: Sendable {
  static let template = "order_ok"
  /// Tenants that are being made at one time.
  static let inFlight = 16
  /// How long messages may take to reach a state.
  static let settleSeconds = 600

  let id: String
  let key: String
  let numberID: String
  let number: BenchClient.Number

  static func create(_ index: Int, _ client: BenchClient) async throws -> BenchTenant {
    guard index < client.numbers.count else { throw BenchFailure("too few simulated numbers") }
    let number = client.numbers[index]
    let tenant = try await client.admin(
      "POST", "/v1/tenants",
      [
        "name": "Bench \(index)", "slug": "bench-\(index)", "region": "local", "currency": "USD",
        "time_zone": "Etc/UTC",
      ])
    let id = tenant["id"] as? String ?? ""
    try await client.admin(
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
    try await client.admin(
      "POST", "/v1/tenants/\(id)/wallet/top-ups",
      ["amount_micros": 1_000_000_000_000_000, "currency": "USD", "reference": "bench"])
    let key = try await client.admin(
      "POST", "/v1/tenants/\(id)/api-keys", ["name": "bench", "mode": "live", "scopes": ["*"]])
    let secret = key["key"] as? String ?? ""
    let connected = try await client.api(
      "POST", "/v1/numbers", secret,
      [
        "phone_number_id": number.phoneNumberID, "waba_id": number.wabaID,
        "access_token": client.graphToken, "meta_app": client.metaApp,
      ])
    try await client.api(
      "PUT", "/v1/templates/\(template)/en_US", secret,
      [
        "category": "marketing", "parameter_format": "positional",
        "components": [["type": "BODY", "text": "Your order {{1}} is on its way."]],
      ])
    return BenchTenant(
      id: id, key: secret, numberID: connected["id"] as? String ?? "", number: number)
  }

  /// The first `count` tenants, each with what `prepare` adds.
  static func create(
    count: Int, _ client: BenchClient,
    prepare: @escaping @Sendable (BenchTenant) async throws -> Void = { _ in }
  ) async throws -> [BenchTenant] {
    try await withThrowingTaskGroup(of: (Int, BenchTenant).self) { group in
      var made: [Int: BenchTenant] = [:]
      for index in 0..<count {
        if index >= inFlight, let (index, tenant) = try await group.next() {
          made[index] = tenant
          if made.count % 1_000 == 0 { progress("\(made.count) of \(count) tenants") }
        }
        group.addTask {
          let tenant = try await create(index, client)
          try await prepare(tenant)
          return (index, tenant)
        }
      }
      for try await (index, tenant) in group { made[index] = tenant }
      return (0..<count).compactMap { made[$0] }
    }
  }

  /// One template message with 100 bytes of parameters.
  func message(to index: Int, _ client: BenchClient, key: String = UUID().uuidString) throws
    -> HTTPClientRequest
  {
    try client.request(
      "POST", "/v1/messages", client.apiHost, self.key,
      [
        "number_id": numberID, "to": "+49151\(10_000_000 + index)", "type": "template",
        "template": [
          "name": Self.template, "language": ["code": "en_US"],
          "components": [
            [
              "type": "body",
              "parameters": [["type": "text", "text": String(repeating: "x", count: 100)]],
            ]
          ],
        ],
      ], idempotencyKey: key)
  }

  func send(to index: Int, _ client: BenchClient) async throws {
    try await BenchClient.execute(try message(to: index, client))
  }

  /// `count` of them, `inFlight` at a time.
  func send(count: Int, inFlight: Int, _ client: BenchClient) async throws {
    let requests = try (0..<count).map { try message(to: $0, client) }
    try await withThrowingTaskGroup(of: Void.self) { group in
      for (index, request) in requests.enumerated() {
        if index >= inFlight { try await group.next() }
        group.addTask { try await BenchClient.execute(request) }
      }
      try await group.waitForAll()
    }
  }

  /// A broadcast of the template to `recipients` users; at once, or at `scheduledAt`.
  func broadcast(
    recipients: Int, scheduledAt: String? = nil, _ client: BenchClient
  ) async throws {
    let campaign = try await client.api(
      "POST", "/v1/campaigns", key,
      [
        "name": "bench", "number_id": numberID,
        "template": ["name": Self.template, "language": "en_US"],
      ])
    let id = campaign["id"] as? String ?? ""
    let pageSize = 1_000
    for (page, first) in stride(from: 0, to: recipients, by: pageSize).enumerated() {
      let people: [[String: Any]] = (first..<min(recipients, first + pageSize)).map {
        ["to": "+49152\(10_000_000 + $0)", "parameters": ["\($0)"]]
      }
      try await client.api(
        "POST", "/v1/campaigns/\(id)/recipients", key,
        ["page": page + 1, "recipients": people])
    }
    try await client.api(
      "POST", "/v1/campaigns/\(id)/start", key, scheduledAt.map { ["scheduled_at": $0] } ?? [:])
  }

  /// Waits until no message of the tenant stands before `status`.
  func wait(until status: String, _ client: BenchClient) async throws {
    let earlier =
      status == "accepted"
      ? ["queued", "sending"] : ["queued", "sending", "accepted", "sent", "delivered"]
    for _ in 0..<Self.settleSeconds * 2 {
      var left = 0
      for state in earlier {
        let page = try await client.api("GET", "/v1/messages?status=\(state)&limit=1", key)
        left += (page["data"] as? [Any])?.count ?? 0
      }
      if left == 0 { return }
      try await Task.sleep(for: .milliseconds(500))
    }
    throw BenchFailure("messages did not become \(status) within \(Self.settleSeconds) s")
  }
}
