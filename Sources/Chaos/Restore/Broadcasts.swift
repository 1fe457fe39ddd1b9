import GraphSimulator

/// One tenant's broadcasts and what was done to it, and what must be true of them for ever.
struct Broadcasts: Sendable {
  let tenant: ChaosTenant
  let client: SystemClient
  private(set) var acknowledged = 0
  private var campaigns: [(id: String, recipients: Int)] = []
  private var topUps = 0
  private var revoked: [String] = []

  init(tenant: ChaosTenant, client: SystemClient) {
    self.tenant = tenant
    self.client = client
  }

  /// Starts a broadcast and waits until so many of its messages were accepted.
  mutating func start(_ cycle: Int, _ recipients: Int, until accepted: Int) async throws {
    let key = "\(tenant.name)-\(cycle)"
    let campaign = try await client.api(
      tenant.apiKey, "POST", "/v1/campaigns",
      [
        "name": JSON(key), "number_id": JSON(tenant.numberID),
        "template": ["name": JSON(ChaosTenant.template), "language": "en_US"],
      ], key: "\(key)-create")
    let id = campaign["id"]?.string ?? ""
    let people = (0..<recipients).map { number -> JSON in
      [
        "to": JSON("+4915\(300_000_000 + cycle * 1_000 + number)"),
        "parameters": [["type": "text", "text": "one"]],
      ]
    }
    _ = try await client.api(
      tenant.apiKey, "POST", "/v1/campaigns/\(id)/recipients",
      ["page": 1, "recipients": .array(people)], key: "\(key)-page")
    _ = try await client.api(
      tenant.apiKey, "POST", "/v1/campaigns/\(id)/start", [:], key: "\(key)-start")
    campaigns.append((id, recipients))
    acknowledged += recipients
    let client = client
    let secret = tenant.apiKey
    try await wait("\(accepted) messages are accepted", seconds: RestoreMode.waitSeconds) {
      let shown = try await client.api(secret, "GET", "/v1/campaigns/\(id)")
      let counts = shown["counts"]
      let sent = ["accepted", "delivered", "read", "failed"].compactMap {
        counts?[$0]?.integer
      }.reduce(0, +)
      return sent >= Int64(accepted)
    }
  }

  func position() async throws -> String {
    let digest = try await client.admin("GET", "/v1/tenants/\(tenant.id)/digest")
    return "\(digest["tenant_seq"]?.integer ?? 0)"
  }

  func cell() async throws -> String {
    try await client.admin("GET", "/v1/tenants/\(tenant.id)")["cell"]?.string ?? ""
  }

  /// What must not be undone: a top-up, and a key that was revoked.
  mutating func actSince(_ cycle: Int) async throws {
    let key = "\(tenant.name)-\(cycle)"
    let made = try await client.admin(
      "POST", "/v1/tenants/\(tenant.id)/api-keys",
      ["name": "stolen", "mode": "live", "scopes": ["*"]], key: "\(key)-stolen")
    _ = try await client.admin(
      "POST", "/v1/tenants/\(tenant.id)/wallet/top-ups",
      ["amount_micros": .integer(Workload.topUpMicros), "currency": "USD", "reference": JSON(key)],
      key: "\(key)-topup")
    topUps += 1
    acknowledged += 1
    let id = made["id"]?.string ?? ""
    _ = try await client.admin("DELETE", "/v1/tenants/\(tenant.id)/api-keys/\(id)")
    revoked.append(made["key"]?.string ?? "")
  }

  func fork(at point: String, _ cycle: Int) async throws {
    let begun = try await client.admin(
      "POST", "/v1/tenants/\(tenant.id)/restores", ["at": JSON(point), "mode": "fork"],
      key: "\(tenant.name)-\(cycle)-fork")
    let ended = try await ended(begun["id"]?.string ?? "")
    let fork = ended["result"]?["tenant_id"]?.string ?? ""
    let shown = try await client.admin("GET", "/v1/tenants/\(fork)")
    guard shown["state"]?.string == "read_only", fork != tenant.id else {
      throw ChaosFailure("the fork \(fork) is \(shown.serialized())")
    }
    let digest = try await client.admin("GET", "/v1/tenants/\(fork)/digest?recompute=true")
    guard digest["match"]?.bool == true else {
      throw ChaosFailure("a digest of the fork differs from its file")
    }
    try await expectAlert("tenant.fork", begun["id"]?.string ?? "")
  }

  /// The tenant's own people are told what was done with their data.
  private func expectAlert(_ action: String, _ operation: String) async throws {
    let alerts = try await client.admin("GET", "/v1/tenants/\(tenant.id)/alerts")
    let isTold = (alerts["data"]?.array ?? []).contains {
      $0["action"]?.string == action && $0["subject"]?.string == operation
    }
    guard isTold else {
      throw ChaosFailure("no alert \(action) of \(operation): \(alerts.serialized())")
    }
  }

  /// Begins to put the tenant back; what has happened since is accepted.
  func swap(to point: String, _ cycle: Int) async throws -> String {
    let begun = try await client.admin(
      "POST", "/v1/tenants/\(tenant.id)/restores",
      ["at": JSON(point), "mode": "swap", "accept": true], key: "\(tenant.name)-\(cycle)-swap")
    return begun["id"]?.string ?? ""
  }

  func release(_ operation: String) async throws {
    let ended = try await ended(operation)
    let verified = ended["result"]?["verified"]
    for check in ["chain", "digest", "integrity", "foreign_keys", "media"]
    where verified?[check]?.bool != true {
      throw ChaosFailure("\(check) was not verified: \(ended.serialized())")
    }
    try await expectAlert("tenant.restore", operation)
    _ = try await client.admin(
      "POST", "/v1/restores/\(operation)/release", [:], key: "\(operation)-release")
  }

  private func ended(_ operation: String) async throws -> JSON {
    let client = client
    var shown: JSON = .null
    let deadline = ContinuousClock.now + .seconds(RestoreMode.waitSeconds)
    repeat {
      guard ContinuousClock.now < deadline else {
        throw ChaosFailure("\(operation) does not end: \(shown.serialized())")
      }
      try await Task.sleep(for: .milliseconds(50))
      shown = try await client.admin("GET", "/v1/operations/\(operation)")
    } while shown["state"]?.string == "running"
    guard shown["state"]?.string == "succeeded" else {
      throw ChaosFailure("\(operation) failed: \(shown.serialized())")
    }
    return shown
  }

  /// Everybody got one message, the money is what it must be, and what was revoked stays so.
  func judge(_ graph: GraphEvidence, _ report: inout ChaosReport) async throws {
    report.duplicated += graph.doubleSends.count
    for id in graph.doubleSends.prefix(5) {
      report.complain("\(tenant.name): Graph accepted \(id) more than once")
    }
    for campaign in campaigns {
      let shown = try await client.api(tenant.apiKey, "GET", "/v1/campaigns/\(campaign.id)")
      let counts = shown["counts"]
      // What Graph accepted may be delivered, read or failed since; nothing is refused here.
      let ended = ["accepted", "ambiguous"].compactMap { counts?[$0]?.integer }.reduce(0, +)
      if ended != Int64(campaign.recipients) {
        report.lost += campaign.recipients - Int(ended)
        report.complain("\(tenant.name): \(campaign.id) is \(shown.serialized())")
      }
    }
    let outbound = try await client.list(tenant.apiKey, "/v1/messages?direction=outbound")
    let entries = try await client.list(tenant.apiKey, "/v1/wallet/entries")
    let wallet = try await client.api(tenant.apiKey, "GET", "/v1/wallet")
    let books = WalletOracle(topUps: topUps, spentMicros: graph.spentMicros)
    for fault in books.faults(of: wallet, entries: entries, outbound: outbound) {
      demand(false, fault, &report)
    }
    let digest = try await client.admin("GET", "/v1/tenants/\(tenant.id)/digest?recompute=true")
    demand(digest["match"]?.bool == true, "a digest differs from its file", &report)
    for key in revoked {
      let answer = try await SystemClient.once(
        "GET", client.url + "/v1/wallet", client.apiHost, key, nil, nil)
      demand(answer.status == 401, "a revoked key is answered \(answer.status)", &report)
    }
  }

  private func demand(_ holds: Bool, _ complaint: String, _ report: inout ChaosReport) {
    guard !holds else { return }
    report.diverged += 1
    report.complain("\(tenant.name): \(complaint)")
  }
}
