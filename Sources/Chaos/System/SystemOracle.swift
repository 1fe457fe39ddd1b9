import GraphSimulator

/// Compares what clients were told, and what Graph saw, with what the system says of itself.
struct SystemOracle {
  static let settleSeconds = 120

  let system: any AttackedSystem
  let client: SystemClient
  let tenants: [ChaosTenant]
  private(set) var evidence: [GraphEvidence]

  init(_ system: any AttackedSystem, _ client: SystemClient, _ tenants: [ChaosTenant]) {
    self.system = system
    self.client = client
    self.tenants = tenants
    evidence = tenants.map { _ in GraphEvidence() }
  }

  /// Waits until nothing is under way, then reads the simulator's log and empties it.
  mutating func settle() async throws {
    let (client, tenants, system) = (client, tenants, system)
    // Whoever serves: of a cell with followers that may be any of them.
    let cells = try system.members().filter { $0.role == "cell" || $0.role == "follower" }
    try await wait("nothing is under way", seconds: Self.settleSeconds) {
      // In this order: what is sent causes webhooks, and those may wait in a spool.
      for tenant in tenants {
        for state in ["queued", "sending"] {
          let waiting = try await client.api(
            tenant.apiKey, "GET", "/v1/messages?status=\(state)&limit=1")
          guard waiting["data"]?.array?.isEmpty == true else { return false }
        }
      }
      guard try await client.simulator("GET", "stats")["pending_webhooks"]?.integer == 0 else {
        return false
      }
      // A cell that is busy, or ends an idle connection just now, is asked again.
      for cell in cells where (try? await system.spooledParts(cell)) != 0 {
        return false
      }
      return true
    }
    let log = try await client.simulator("GET", "requests")
    for index in tenants.indices {
      evidence[index].read(log, number: tenants[index].phoneNumberID)
    }
    _ = try await client.simulator("DELETE", "log")
  }

  /// Judges everything; adds what does not hold to the report.
  func judge(_ workload: Workload, into report: inout ChaosReport) async throws {
    report.acked = workload.count
    report.lost = 0
    report.duplicated = workload.contradictions.count
    report.diverged = 0
    for contradiction in workload.contradictions.prefix(5) {
      report.complaints.append("a key has two answers: \(contradiction)")
    }
    for (index, told) in workload.acknowledged.enumerated() {
      try await judge(tenants[index], told, evidence[index], &report)
    }
  }

  private func judge(
    _ tenant: ChaosTenant, _ told: Workload.Acknowledged, _ graph: GraphEvidence,
    _ report: inout ChaosReport
  ) async throws {
    let outbound = try await client.list(tenant.apiKey, "/v1/messages?direction=outbound")
    // A broadcast's are counted by whoever sends it.
    let sent = outbound.filter { $0["campaign_id"]?.string == nil }.compactMap { $0["id"]?.string }
    compare("message", tenant, told: Set(told.messages.values), found: sent, &report)
    let inbound = try await client.list(tenant.apiKey, "/v1/messages?direction=inbound")
      .map { $0["content"]?["text"]?["body"]?.string ?? $0["content"]?["body"]?.string ?? "" }
    compare("incoming message", tenant, told: told.inbound, found: inbound, &report)

    report.duplicated += graph.doubleSends.count
    for id in graph.doubleSends.prefix(5) {
      report.complaints.append("\(tenant.name): Graph accepted \(id) more than once")
    }
    let entries = try await client.list(tenant.apiKey, "/v1/wallet/entries")
    let wallet = try await client.api(tenant.apiKey, "GET", "/v1/wallet")
    let books = WalletOracle(topUps: told.topUps.count, spentMicros: graph.spentMicros)
    for fault in books.faults(of: wallet, entries: entries, outbound: outbound) {
      demand(false, "\(tenant.name): \(fault)", &report)
    }
    let digest = try await client.admin("GET", "/v1/tenants/\(tenant.id)/digest?recompute=true")
    demand(
      digest["recomputed"]?.bool == true, "\(tenant.name): a digest differs from its file", &report)
  }

  private func demand(_ holds: Bool, _ complaint: String, _ report: inout ChaosReport) {
    guard !holds else { return }
    report.diverged += 1
    report.complaints.append(complaint)
  }

  private func compare(
    _ what: String, _ tenant: ChaosTenant, told: Set<String>, found: [String],
    _ report: inout ChaosReport
  ) {
    let present = Set(found)
    let lost = told.subtracting(present)
    report.lost += lost.count
    // Every operation was repeated until it was acknowledged: what nobody was told is an effect
    // that stands twice.
    let twice = found.count - present.count + present.subtracting(told).count
    report.duplicated += twice
    if let one = lost.sorted().first {
      report.complaints.append("\(tenant.name): \(lost.count) \(what)s are lost, among them \(one)")
    }
    if twice > 0 { report.complaints.append("\(tenant.name): \(twice) \(what)s too many") }
  }
}
