import GraphSimulator

extension SmokeJourney {
  /// Waits until nothing is under way: the campaign, the simulator's webhooks, the spools.
  ///
  /// What does not end in time is reported, and everything is counted nevertheless.
  mutating func settle(_ tenants: [SmokeTenant], _ campaign: String) async {
    Console.error("smoke: waiting for the campaign and the last webhooks")
    let api = self.api
    await settled("the campaign is completed") { () throws(CommandFailure) in
      let shown = try await api.tenant(tenants[0].apiKey, "GET", "/v1/campaigns/\(campaign)")
      return shown["state"]?.string == "completed"
    }
    await settled("all webhooks are delivered") { () throws(CommandFailure) in
      try await api.simulator("GET", "stats")["pending_webhooks"]?.integer == 0
    }
    let system = self.system
    await settled("only the unknown number's part is left in the spools") {
      () throws(CommandFailure) in
      try await system.spooledParts() == 1
    }
    await settled("only ambiguous sends hold money") { () throws(CommandFailure) in
      let wallet = try await api.tenant(tenants[0].apiKey, "GET", "/v1/wallet")
      return wallet["held_micros"]?.integer
        == (try await Self.heldByAmbiguous(tenants[0], campaign, api))
    }
  }

  /// The price of the sends whose outcome nobody knows: the kill came between intent and answer,
  /// and Graph never saw them, or it refused them and its answer was lost.
  private static func heldByAmbiguous(
    _ tenant: SmokeTenant, _ campaign: String, _ api: SmokeAPI
  ) async throws(CommandFailure) -> Int64 {
    let shown = try await api.tenant(tenant.apiKey, "GET", "/v1/campaigns/\(campaign)")
    guard shown["counts"]?["ambiguous"]?.integer != 0 else { return 0 }
    let recipients = try await api.list("/v1/campaigns/\(campaign)/recipients") {
      (path) throws(CommandFailure) in try await api.tenant(tenant.apiKey, "GET", path)
    }
    return recipients.filter { $0["state"]?.string == "ambiguous" }
      .reduce(0) { $0 + SimulatorEvidence.price(of: $1["to"]?.string ?? "", SmokeTenant.prices) }
  }

  private mutating func settled(
    _ what: String, _ condition: () async throws(CommandFailure) -> Bool
  ) async {
    do throws(CommandFailure) {
      try await PrivateSystem.wait(what, seconds: Self.settleSeconds, condition)
    } catch {
      report.broken.append("\(error.code): \(error.detail)")
    }
  }

  /// Counts what the system says of itself.
  mutating func count(
    _ tenants: [SmokeTenant], _ campaign: String
  ) async throws(CommandFailure) {
    let first = tenants[0]
    let shown = try await api.tenant(first.apiKey, "GET", "/v1/campaigns/\(campaign)")
    let counts = shown["counts"] ?? .null
    let money = shown["money"] ?? .null
    report.recipients = Int(counts["recipients"]?.integer ?? 0)
    report.accepted = Int(counts["accepted"]?.integer ?? 0)
    report.failed = Int(counts["failed"]?.integer ?? 0)
    report.ambiguous = Int(counts["ambiguous"]?.integer ?? 0)
    report.capturedMicros = money["captured_micros"]?.integer ?? 0
    report.refundedMicros = money["refunded_micros"]?.integer ?? 0
    let wallet = try await api.tenant(first.apiKey, "GET", "/v1/wallet")
    report.balanceMicros = wallet["balance_micros"]?.integer ?? 0
    for tenant in tenants {
      var seen: Set<String> = []
      for message in try await Self.inbound(of: tenant, api) {
        let text = Self.text(message)
        if text.hasPrefix("to \(tenant.name) ") {
          seen.insert(text)
        } else {
          report.foreignMessages += 1
        }
      }
      report.inboundStored += seen.count
      let api = self.api
      let entries = try await api.list("/v1/wallet/entries") { (path) throws(CommandFailure) in
        try await api.tenant(tenant.apiKey, "GET", path)
      }
      report.ledgerSum += entries.reduce(0) { $0 + ($1["amount_micros"]?.integer ?? 0) }
      report.demand(!entries.isEmpty, "the ledger of \(tenant.name) has entries")
    }
    try await countAcknowledged(first)
  }

  private mutating func countAcknowledged(_ tenant: SmokeTenant) async throws(CommandFailure) {
    for id in acknowledgedMessages {
      do {
        _ = try await api.tenant(tenant.apiKey, "GET", "/v1/messages/\(id)")
      } catch  where error.code == "not_found" {
        report.lostAcks += 1
      }
    }
  }

  /// Compares it with the simulator's log.
  mutating func judge(_ tenant: SmokeTenant) async throws(CommandFailure) {
    let log = try await api.simulator("GET", "requests")
    let evidence = SimulatorEvidence(
      log: log, number: tenant.phoneNumberID, prices: SmokeTenant.prices)
    report.graphRequests = evidence.requests
    report.graphDistinct = evidence.distinct
    report.doubleSends = evidence.doubleSends
    report.webhooksDuplicated = evidence.duplicated
    report.webhooksReordered = evidence.reordered
    report.expectedBalanceMicros = SmokeTenant.topUpMicros - evidence.spentMicros
    let singles = try await acceptedSingles(tenant)
    report.judge(
      graphAccepted: evidence.accepted - singles, acceptedAtKill: acceptedWhenKilled,
      mixedAnswer: mixedWebhookAnswer)
    let quarantine = try await api.admin("GET", "/v1/quarantine")
    report.demand(
      quarantine["data"]?.array?.isEmpty == false, "the unknown number's part is in quarantine")
  }

  /// Single messages that Graph accepted: they are in the log, but not in the campaign.
  private func acceptedSingles(_ tenant: SmokeTenant) async throws(CommandFailure) -> Int {
    var accepted = 0
    for id in acknowledgedMessages {
      let message = try await api.tenant(tenant.apiKey, "GET", "/v1/messages/\(id)")
      if message["wamid"]?.string != nil { accepted += 1 }
    }
    return accepted
  }

  private static func inbound(
    of tenant: SmokeTenant, _ api: SmokeAPI
  ) async throws(CommandFailure) -> [JSON] {
    try await api.list("/v1/messages?direction=inbound") { (path) throws(CommandFailure) in
      try await api.tenant(tenant.apiKey, "GET", path)
    }
  }

  /// The text of a message; its content is what Meta sent.
  private static func text(_ message: JSON) -> String {
    message["content"]?["text"]?["body"]?.string ?? message["content"]?["body"]?.string ?? ""
  }
}
