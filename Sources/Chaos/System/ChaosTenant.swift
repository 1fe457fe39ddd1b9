import GraphSimulator

/// One tenant under attack: key, number, prices, money and a template.
struct ChaosTenant: Sendable {
  static let template = "chaos_offer"
  static let firstTopUpMicros: Int64 = 1_000_000_000_000
  /// Micros of one message, wherever it goes.
  static let priceMicros: Int64 = 70_000

  let name: String
  let id: String
  let apiKey: String
  let numberID: String
  let phoneNumberID: String

  static func create(
    _ name: String, cell: String, number: JSON, graphToken: String, app: String,
    _ client: SystemClient
  ) async throws -> ChaosTenant {
    let tenant = try await client.admin(
      "POST", "/v1/tenants",
      [
        "name": JSON(name), "slug": JSON(name), "region": "local", "currency": "USD",
        "time_zone": "Etc/UTC", "cell": JSON(cell),
      ], key: "\(name)-tenant")
    let id = tenant["id"]?.string ?? ""
    let key = try await client.admin(
      "POST", "/v1/tenants/\(id)/api-keys", ["name": "chaos", "mode": "live", "scopes": ["*"]],
      key: "\(name)-key")
    let secret = key["key"]?.string ?? ""
    _ = try await client.admin(
      "PUT", "/v1/tenants/\(id)/prices",
      [
        "currency": "USD",
        "rates": [
          [
            "market": "*", "category": "marketing", "valid_from": "2026-01-01T00:00:00Z",
            "amount_micros": .integer(priceMicros),
          ]
        ],
      ])
    _ = try await client.admin(
      "POST", "/v1/tenants/\(id)/wallet/top-ups",
      ["amount_micros": .integer(firstTopUpMicros), "currency": "USD", "reference": "first"],
      key: "\(name)-first")
    let phone = number["phone_number_id"]?.string ?? ""
    let connected = try await client.api(
      secret, "POST", "/v1/numbers",
      [
        "phone_number_id": JSON(phone), "waba_id": number["waba_id"] ?? .null,
        "access_token": JSON(graphToken), "meta_app": JSON(app),
      ], key: "\(name)-number")
    _ = try await client.api(
      secret, "PUT", "/v1/templates/\(template)/en_US",
      [
        "category": "MARKETING", "parameter_format": "POSITIONAL",
        "components": [
          [
            "type": "BODY", "text": "Hello {{1}}, this is our offer.",
            "example": ["body_text": [["Ana"]]],
          ]
        ],
      ])
    return ChaosTenant(
      name: name, id: id, apiKey: secret, numberID: connected["id"]?.string ?? "",
      phoneNumberID: phone)
  }

  /// Two tenants, one on each cell.
  static func pair(_ system: SystemUnderAttack, _ client: SystemClient) async throws
    -> [ChaosTenant]
  {
    try await each(["cell-1", "cell-2"], system, client)
  }

  /// One on each cell.
  static func each(
    _ cells: [String], _ system: SystemUnderAttack, _ client: SystemClient
  ) async throws -> [ChaosTenant] {
    let local = try system.local()
    let numbers = local["phone_numbers"]?.array ?? []
    guard numbers.count >= cells.count else {
      throw ChaosFailure("the simulator has too few numbers")
    }
    var tenants: [ChaosTenant] = []
    for (index, cell) in cells.enumerated() {
      tenants.append(
        try await create(
          "chaos-\(index + 1)", cell: cell, number: numbers[index],
          graphToken: local["graph_token"]?.string ?? "",
          app: local["meta_app"]?["name"]?.string ?? "default", client))
    }
    return tenants
  }
}
