import GraphSimulator

/// One tenant of the journey, on a cell of its own, with key, number, prices, money and template.
struct SmokeTenant: Sendable {
  static let template = "smoke_offer"
  static let language = "en_US"
  static let topUpMicros: Int64 = 500_000_000
  /// Micros of one marketing message, by calling code: Germany, and everywhere else.
  ///
  /// The template is declared as a utility one, at half the price, and the simulator charges it as
  /// marketing: every message's price is put right by its status.
  static let prices: SimulatorEvidence.PriceList = ["49": 112_500, "": 70_000]

  let name: String
  let id: String
  let apiKey: String
  let numberID: String
  let phoneNumberID: String
  let wabaID: String

  static func create(
    _ name: String, cell: String, number: JSON, graphToken: String, _ api: SmokeAPI
  ) async throws(CommandFailure) -> SmokeTenant {
    let tenant = try await api.admin(
      "POST", "/v1/tenants",
      [
        "name": JSON(name), "slug": JSON(name), "region": "local", "currency": "USD",
        "time_zone": "Etc/UTC", "cell": JSON(cell),
      ], key: "\(name)-tenant")
    let id = tenant.cell("id")
    let apiKey = try await api.admin(
      "POST", "/v1/tenants/\(id)/api-keys", ["name": "smoke", "mode": "live", "scopes": ["*"]],
      key: "\(name)-key"
    ).cell("key")
    _ = try await api.admin(
      "PUT", "/v1/tenants/\(id)/prices",
      [
        "currency": "USD",
        "rates": .array(
          ["marketing", "utility"].flatMap { category in
            [rate("DE", category, prices["49"]), rate("*", category, prices[""])]
          }),
      ])
    _ = try await api.admin(
      "POST", "/v1/tenants/\(id)/wallet/top-ups",
      ["amount_micros": .integer(topUpMicros), "currency": "USD", "reference": "smoke"],
      key: "\(name)-top-up")
    let phoneNumberID = number.cell("phone_number_id")
    let connected = try await api.tenant(
      apiKey, "POST", "/v1/numbers",
      [
        "phone_number_id": JSON(phoneNumberID), "waba_id": JSON(number.cell("waba_id")),
        "access_token": JSON(graphToken), "meta_app": JSON(LocalSecrets.appName),
      ], key: "\(name)-number")
    _ = try await api.tenant(
      apiKey, "PUT", "/v1/templates/\(template)/\(language)",
      [
        "category": "UTILITY", "parameter_format": "POSITIONAL",
        "components": [
          [
            "type": "BODY", "text": "Hello {{1}}, this is our offer.",
            "example": ["body_text": [["Ana"]]],
          ]
        ],
      ])
    return SmokeTenant(
      name: name, id: id, apiKey: apiKey, numberID: connected.cell("id"),
      phoneNumberID: phoneNumberID, wabaID: number.cell("waba_id"))
  }

  private static func rate(_ market: String, _ category: String, _ marketing: Int64?) -> JSON {
    let micros = (marketing ?? 0) / (category == "utility" ? 2 : 1)
    return [
      "market": JSON(market), "category": JSON(category), "valid_from": "2026-01-01T00:00:00Z",
      "amount_micros": .integer(micros),
    ]
  }

  /// The text of the nth message to this tenant: shows whose it is.
  func inboundText(_ index: Int) -> String { "to \(name) no \(index)" }
}
