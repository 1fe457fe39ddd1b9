import GraphSimulator
import Synchronization

/// What the control plane has issued and who was told so: tenants with their slugs, and numbers
/// that pass from tenant to tenant.
final class Provisions: Sendable {
  /// Tenants whose files are looked at, the last ones.
  static let looked = 6

  struct Tenant: Hashable, Sendable {
    let id: String
    let slug: String
    let apiKey: String
  }

  struct Holding: Hashable, Sendable {
    let tenant: Tenant
    /// What the holder calls the number.
    let id: String
  }

  private struct State: Sendable {
    var tenants: [Tenant] = []
    /// By phone number id.
    var holdings: [String: Holding] = [:]
    var count = 0
  }

  let client: SystemClient
  private let graphToken: String
  private let app: String
  private let state = Mutex(State())

  init(_ client: SystemClient, _ local: JSON) {
    self.client = client
    graphToken = local["graph_token"]?.string ?? ""
    app = local["meta_app"]?["name"]?.string ?? "default"
  }

  /// What was acknowledged so far.
  var count: Int { state.withLock { $0.count } }
  var tenants: [Tenant] { state.withLock { $0.tenants } }
  var numbers: [String] { state.withLock { $0.holdings.keys.sorted() } }

  /// Makes a tenant, has the number's holder give it up, and connects it to the new one; each is
  /// repeated until it is acknowledged.
  func issue(_ slug: String, cell: String, number: JSON) async throws {
    let phone = number["phone_number_id"]?.string ?? ""
    let tenant = try await make(slug, cell: cell)
    if let before = state.withLock({ $0.holdings[phone] }) {
      try await release(before)
      state.withLock { state in
        state.holdings[phone] = nil
        state.count += 1
      }
    }
    let connected = try await client.api(
      tenant.apiKey, "POST", "/v1/numbers", connection(number), key: "\(slug)-number")
    let id = connected["id"]?.string ?? ""
    state.withLock { state in
      state.holdings[phone] = Holding(tenant: tenant, id: id)
      state.count += 1
    }
  }

  private func make(_ slug: String, cell: String) async throws -> Tenant {
    var id: String
    do {
      let made = try await client.admin(
        "POST", "/v1/tenants",
        [
          "name": JSON(slug), "slug": JSON(slug), "region": "local", "currency": "USD",
          "time_zone": "Etc/UTC", "cell": JSON(cell),
        ], key: "\(slug)-tenant")
      id = made["id"]?.string ?? ""
    } catch let refusal as SystemClient.Refused where refusal.code == "slug_taken" {
      // It was made, and the answer went with the control plane.
      let all = try await client.adminList("/v1/tenants")
      guard let own = all.first(where: { $0["slug"]?.string == slug }) else { throw refusal }
      id = own["id"]?.string ?? ""
    }
    let key = try await client.admin(
      "POST", "/v1/tenants/\(id)/api-keys", ["name": "chaos", "mode": "live", "scopes": ["*"]],
      key: "\(slug)-key")
    let tenant = Tenant(id: id, slug: slug, apiKey: key["key"]?.string ?? "")
    state.withLock { state in
      state.tenants.append(tenant)
      state.count += 1
    }
    return tenant
  }

  private func release(_ holding: Holding) async throws {
    do {
      _ = try await client.api(holding.tenant.apiKey, "DELETE", "/v1/numbers/\(holding.id)")
    } catch let refusal as SystemClient.Refused where refusal.code == "not_found" {
      // Given up before; the answer was lost.
    }
  }

  private func connection(_ number: JSON) -> JSON {
    [
      "phone_number_id": number["phone_number_id"] ?? .null, "waba_id": number["waba_id"] ?? .null,
      "access_token": JSON(graphToken), "meta_app": JSON(app),
    ]
  }

  // MARK: Wanting what others have

  /// Asks for a slug and for a number that others hold until the answer is final; answers what was
  /// given away.
  func jump(_ slug: String, _ number: JSON, as rival: ChaosTenant) async throws -> [String] {
    let tenant = try await final { [self] in
      try await SystemClient.once(
        "POST", client.url + "/v1/tenants", client.adminHost, client.adminToken,
        [
          "name": "Rival", "slug": JSON(slug), "region": "local", "currency": "USD",
          "time_zone": "Etc/UTC",
        ], "rival-\(slug)")
    }
    let connected = try await final { [self] in
      try await SystemClient.once(
        "POST", client.url + "/v1/numbers", client.apiHost, rival.apiKey, connection(number),
        "rival-\(slug)-number")
    }
    var given: [String] = []
    if tenant["code"]?.string != "slug_taken" {
      given.append("the slug \(slug) was wanted again, and the answer is \(tenant.serialized())")
    }
    if connected["code"]?.string != "number_claimed" {
      given.append("a held number was wanted, and the answer is \(connected.serialized())")
    }
    return given
  }

  /// Repeats until it is neither an outage nor "later".
  private func final(
    _ ask: () async throws -> (status: Int, answer: JSON)
  ) async throws -> JSON {
    let deadline = ContinuousClock.now + .seconds(SystemClient.patienceSeconds)
    while true {
      if let answer = try? await ask(), answer.status < 500, answer.status != 429 {
        return answer.answer
      }
      guard ContinuousClock.now < deadline else { throw ChaosFailure("no final answer to a rival") }
      try await Task.sleep(for: .milliseconds(SystemClient.pauseMilliseconds))
    }
  }

  // MARK: Judging

  /// Everybody is there once, under the slug and with the numbers that were acknowledged.
  func judge(into report: inout ChaosReport) async throws {
    let (tenants, holdings) = state.withLock { ($0.tenants, $0.holdings) }
    let listed = try await client.adminList("/v1/tenants")
    var slugs: [String: [String]] = [:]
    for one in listed {
      slugs[one["slug"]?.string ?? "", default: []].append(one["id"]?.string ?? "")
    }
    for (slug, ids) in slugs where ids.count > 1 {
      report.duplicated += 1
      report.complain("\(ids.sorted().joined(separator: " and ")) have the slug \(slug)")
    }
    for tenant in tenants where slugs[tenant.slug]?.contains(tenant.id) != true {
      report.lost += 1
      report.complain("\(tenant.id) with the slug \(tenant.slug) is not listed")
    }
    for tenant in tenants.suffix(Self.looked) {
      let digest = try await client.admin(
        "GET", "/v1/tenants/\(tenant.id)/digest?recompute=true")
      if digest["match"]?.bool != true {
        report.diverged += 1
        report.complain("\(tenant.slug): a digest differs from its file")
      }
    }
    for (phone, holding) in holdings {
      let numbers = try await client.list(holding.tenant.apiKey, "/v1/numbers")
      if !numbers.contains(where: { $0["phone_number_id"]?.string == phone }) {
        report.lost += 1
        report.complain("\(holding.tenant.slug) has lost the number \(phone)")
      }
    }
  }
}
