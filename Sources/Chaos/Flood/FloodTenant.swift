import GraphSimulator

/// A tenant under flood: one campaign, to which its pages go.
struct FloodTenant: Sendable {
  let tenant: ChaosTenant
  let campaign: String

  static func create(
    _ index: Int, _ system: SystemUnderAttack, _ client: SystemClient
  ) async throws -> FloodTenant {
    let local = try system.local()
    let tenant = try await ChaosTenant.create(
      "flood-\(index)", cell: "cell-\(index % 2 + 1)",
      // Behind those of the pair beside it.
      number: local["phone_numbers"]?[index + 2] ?? .null,
      graphToken: local["graph_token"]?.string ?? "",
      app: local["meta_app"]?["name"]?.string ?? "default", client)
    let campaign = try await client.api(
      tenant.apiKey, "POST", "/v1/campaigns",
      [
        "name": "flood", "number_id": JSON(tenant.numberID),
        "template": ["name": JSON(ChaosTenant.template), "language": "en_US"],
      ], key: "\(tenant.name)-campaign")
    return FloodTenant(tenant: tenant, campaign: campaign["id"]?.string ?? "")
  }

  func head(_ method: String, _ path: String, host: String, key: String?) -> [String] {
    [
      "\(method) /v1/campaigns/\(campaign)\(path) HTTP/1.1", "host: \(host)",
      "authorization: Bearer \(tenant.apiKey)",
    ] + (key.map { ["content-type: application/json", "idempotency-key: \($0)"] } ?? [])
  }

  func recipients(_ client: SystemClient) async throws -> Int {
    let shown = try await client.api(tenant.apiKey, "GET", "/v1/campaigns/\(campaign)")
    return Int(shown["counts"]?["recipients"]?.integer ?? 0)
  }
}
