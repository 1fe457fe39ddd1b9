import GraphSimulator

/// Makes the demonstration tenants: one on each of the first two cells, with key, number, prices
/// and money.
///
/// Every step has a fixed idempotency key, so that a run that was cut continues.
struct DemoSeeder {
  static let count = 2
  static let topUpMicros: Int64 = 1_000_000_000
  static let currency = "USD"

  /// The demonstration prices of one message, in micros.
  static let rates: [(market: String, category: String, micros: Int64)] = [
    ("*", "marketing", 60_000), ("*", "utility", 20_000), ("*", "authentication", 25_000),
    ("*", "service", 10_000), ("US", "marketing", 25_000), ("BR", "marketing", 62_500),
    ("IN", "marketing", 9_900),
  ]

  static let templateName = "hello_world"
  static let templateLanguage = "en_US"
  static let templateCategory = "UTILITY"
  static let templateText = "Hello {{1}}, your order is on its way."
  /// The demonstration template: a body with one parameter.
  static let template: JSON = [
    "category": JSON(templateCategory), "parameter_format": "POSITIONAL",
    "components": [
      ["type": "BODY", "text": JSON(templateText), "example": ["body_text": [["Ana"]]]]
    ],
  ]

  /// The same at the simulator, approved for the demonstration numbers: what Graph charges it as
  /// is what its tenant was quoted.
  static func simulatedTemplates(_ numbers: Int) -> JSON {
    .array(
      PhoneNumber.series(numbers).prefix(count).map {
        [
          "waba_id": JSON($0.wabaID), "name": JSON(templateName),
          "language": JSON(templateLanguage), "category": JSON(templateCategory),
          "text": JSON(templateText),
        ]
      })
  }

  /// Where the admin host is reached.
  let adminURL: String
  /// Where the api host is.
  let apiURL: String
  let hosts: Topology.Hosts
  let adminToken: String
  let graphToken: String
  let region: String
  /// Makes the idempotency keys differ between two data directories.
  let seed: String
  let caller = HTTPCaller()

  /// One tenant on `cell` with the given number; the entry of `demo` in `local.json`.
  func tenant(
    _ index: Int, cell: String, number: JSON
  ) async throws(BootstrapFailure) -> JSON {
    let slug = "demo-\(index + 1)"
    let tenant = try await post(
      hosts.admin, "/v1/tenants",
      [
        "name": JSON("Demo \(index + 1)"), "slug": JSON(slug), "region": JSON(region),
        "currency": JSON(Self.currency), "time_zone": "Etc/UTC", "cell": JSON(cell),
      ], adminToken, "\(slug)-tenant")
    let id = tenant["id"]?.string ?? ""
    let key = try await post(
      hosts.admin, "/v1/tenants/\(id)/api-keys",
      ["name": "demo", "mode": "live", "scopes": ["*"]], adminToken, "\(slug)-key")
    let apiKey = key["key"]?.string ?? ""
    _ = try await call(
      "PUT", hosts.admin, "/v1/tenants/\(id)/prices", Self.prices(), adminToken, nil)
    _ = try await post(
      hosts.admin, "/v1/tenants/\(id)/wallet/top-ups",
      [
        "amount_micros": .integer(Self.topUpMicros), "currency": JSON(Self.currency),
        "reference": "demo",
      ], adminToken, "\(slug)-top-up")
    var numberID: JSON = .null
    if !number.isNull {
      let connected = try await post(
        hosts.api, "/v1/numbers",
        [
          "phone_number_id": number["phone_number_id"] ?? .null,
          "waba_id": number["waba_id"] ?? .null, "access_token": JSON(graphToken),
          "meta_app": JSON(LocalSecrets.appName),
        ], apiKey, "\(slug)-number")
      numberID = connected["id"] ?? .null
      _ = try await call(
        "PUT", hosts.api, "/v1/templates/\(Self.templateName)/\(Self.templateLanguage)",
        Self.template, apiKey, nil)
    }
    return [
      "tenant_id": JSON(id), "slug": JSON(slug), "cell": JSON(cell), "api_key": JSON(apiKey),
      "number_id": numberID,
    ]
  }

  static func prices() -> JSON {
    [
      "currency": JSON(currency),
      "rates": .array(
        rates.map {
          [
            "market": JSON($0.market), "category": JSON($0.category),
            "valid_from": "2026-01-01T00:00:00Z", "amount_micros": .integer($0.micros),
          ]
        }),
    ]
  }

  private func post(
    _ host: String, _ path: String, _ body: JSON, _ secret: String, _ key: String
  ) async throws(BootstrapFailure) -> JSON {
    try await call("POST", host, path, body, secret, "\(seed)-\(key)")
  }

  /// Repeats what is answered with 503 for a bounded time: a cell may have just joined.
  private func call(
    _ method: String, _ host: String, _ path: String, _ body: JSON, _ secret: String,
    _ key: String?
  ) async throws(BootstrapFailure) -> JSON {
    let url = host == hosts.admin ? adminURL : apiURL
    let deadline = ContinuousClock.now + .seconds(Bootstrap.answerSeconds)
    while true {
      let answer: HTTPAnswer
      do throws(CommandFailure) {
        answer = try await caller.call(
          method, url + path, host: host,
          headers: [("authorization", "Bearer \(secret)")]
            + (key.map { [("idempotency-key", $0)] } ?? []),
          body: body.bytes())
      } catch {
        throw BootstrapFailure(error, mayPass: true)
      }
      if (200..<300).contains(answer.status) { return answer.json }
      guard answer.status == 503, ContinuousClock.now < deadline else {
        throw BootstrapFailure(answer, to: "\(method) \(path)")
      }
      try? await Task.sleep(for: .milliseconds(200))
    }
  }
}
