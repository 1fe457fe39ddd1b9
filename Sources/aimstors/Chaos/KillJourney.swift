import GraphSimulator

/// Load on two tenants of two cells while one process after another is killed.
struct KillJourney {
  static let workers = 8
  /// Operations per cycle; each is repeated under its key until it is acknowledged.
  static let operations = 120
  /// Every so many operations one is of this kind.
  static let topUpEvery = 15
  static let inboundEvery = 8
  /// Every so many sends one is repeated after its acknowledgement, under the same key.
  static let repeatEvery = 5
  static let topUpMicros: Int64 = 1_000_000
  /// How long what was accepted may take to be sent and reported at the end.
  static let settleSeconds = 300
  static let victims = ["cell-1", "cell-2", "router-1", "control-plane"]

  let system: PrivateSystem
  let api: SmokeAPI
  var report = KillReport()
  private var tenants: [SmokeTenant] = []
  private var logs: [Shared<KillLog>] = []
  private var random: SplitMix64

  init(_ system: PrivateSystem, seed: UInt64) async throws(CommandFailure) {
    self.system = system
    random = SplitMix64(state: seed)
    let local = try system.local()
    api = SmokeAPI(local)
    let numbers = local["phone_numbers"]?.array ?? []
    for (index, cell) in ["cell-1", "cell-2"].enumerated() {
      tenants.append(
        try await SmokeTenant.create(
          "kill-\(index)", cell: cell, number: numbers[index],
          graphToken: local.cell("graph_token"), api))
      logs.append(Shared(KillLog()))
    }
    _ = try await api.simulator(
      "PUT", "faults",
      [
        "seed": 7, "delay_ms": [1, 20], "duplicate_rate": .double(0.1), "enforce_throughput": false,
      ])
  }

  mutating func run(cycles: Int) async throws(CommandFailure) {
    for cycle in 0..<cycles {
      let victim = Self.victims[Int(random.next() % UInt64(Self.victims.count))]
      let after = 10 + Int(random.next() % UInt64(Self.operations - 40))
      Console.error("kill: cycle \(cycle + 1): kill -9 of \(victim) after \(after) of its answers")
      let before = acknowledged
      try await self.cycle(cycle, killing: victim, after: before + after)
      let acked = acknowledged - before
      report.cycles += 1
      report.acked += acked
      report.faultsHit[victim, default: 0] += 1
      if acked < KillReport.leastAcknowledged {
        report.complaints.append("cycle \(cycle + 1) had only \(acked) acknowledgements")
      }
    }
    try await verify()
  }

  private var acknowledged: Int { logs.reduce(0) { $0 + $1.withLock(\.acknowledged) } }

  /// The load of one cycle, and the kill in its middle.
  private func cycle(
    _ cycle: Int, killing victim: String, after: Int
  ) async throws(CommandFailure) {
    let next = Shared(0)
    do {
      try await withThrowingTaskGroup(of: Void.self) { group in
        for _ in 0..<Self.workers {
          group.addTask {
            while true {
              let operation = next.withLock { count in
                defer { count += 1 }
                return count
              }
              guard operation < Self.operations else { return }
              try await perform(cycle * Self.operations + operation)
            }
          }
        }
        group.addTask {
          while acknowledged < after { try await Task.sleep(for: .milliseconds(2)) }
          try system.kill(victim)
        }
        try await group.waitForAll()
      }
    } catch let failure as CommandFailure {
      throw failure
    } catch {
      throw CommandFailure(.refused, code: "load", detail: "\(error)")
    }
  }

  private func perform(_ operation: Int) async throws(CommandFailure) {
    let (tenant, log) = (tenants[operation % 2], logs[operation % 2])
    if operation % Self.topUpEvery == 0 {
      _ = try await api.admin(
        "POST", "/v1/tenants/\(tenant.id)/wallet/top-ups",
        [
          "amount_micros": .integer(Self.topUpMicros), "currency": "USD",
          "reference": JSON("kill-\(operation)"),
        ], key: "kill-\(operation)")
      log.withLock { $0.toppedUp(operation, Self.topUpMicros) }
    } else if operation % Self.inboundEvery == 0 {
      let text = tenant.inboundText(operation)
      _ = try await api.simulator(
        "POST", "inbound",
        [
          "number": JSON(tenant.phoneNumberID),
          "from": JSON("+1212555\(1_000 + operation % 9_000)"),
          "message": JSON(text),
        ])
      log.withLock { $0.wrote(text) }
    } else {
      let isRepeated = operation % Self.repeatEvery == 0
      for _ in 0..<(isRepeated ? 2 : 1) {
        let id = try await send(operation, tenant)
        log.withLock { $0.sent(operation, id) }
      }
    }
  }

  private func send(
    _ operation: Int, _ tenant: SmokeTenant
  ) async throws(CommandFailure) -> String {
    try await api.tenant(
      tenant.apiKey, "POST", "/v1/messages",
      [
        "number_id": JSON(tenant.numberID), "to": JSON("+49152\(2_000_000 + operation)"),
        "type": "template",
        "template": [
          "name": JSON(SmokeTenant.template), "language": ["code": JSON(SmokeTenant.language)],
          "components": [["type": "body", "parameters": [["type": "text", "text": "you"]]]],
        ],
      ], key: "kill-\(operation)"
    ).cell("id")
  }

  // MARK: - The count at the end

  private mutating func verify() async throws(CommandFailure) {
    Console.error("kill: waiting for the last sends and webhooks")
    let (api, tenants) = (api, tenants)
    try await PrivateSystem.wait("nothing is under way", seconds: Self.settleSeconds) {
      () throws(CommandFailure) in
      for tenant in tenants {
        for state in ["queued", "sending"] {
          let page = try await api.tenant(
            tenant.apiKey, "GET", "/v1/messages?direction=outbound&status=\(state)&limit=1")
          guard page["data"]?.array?.isEmpty == true else { return false }
        }
      }
      return try await api.simulator("GET", "stats")["pending_webhooks"]?.integer == 0
    }
    let graph = try await api.simulator("GET", "requests")
    for (index, tenant) in tenants.enumerated() {
      let log = logs[index].withLock { $0 }
      let list = { (path: String) async throws(CommandFailure) -> [JSON] in
        try await api.list(path) { (page) throws(CommandFailure) in
          try await api.tenant(tenant.apiKey, "GET", page)
        }
      }
      let outbound = try await list("/v1/messages?direction=outbound").map { $0.cell("id") }
      let texts = try await list("/v1/messages?direction=inbound").map {
        $0["content"]?["text"]?["body"]?.string ?? ""
      }
      let found = log.compare(messages: outbound, texts: texts)
      let evidence = SimulatorEvidence(
        log: graph, number: tenant.phoneNumberID, prices: SmokeTenant.prices)
      report.lost += found.lost
      report.duplicated += found.duplicated + evidence.doubleSends
      let wallet = try await api.tenant(tenant.apiKey, "GET", "/v1/wallet")
      let expected = SmokeTenant.topUpMicros + log.toppedUpMicros - evidence.spentMicros
      let balance = wallet["balance_micros"]?.integer ?? 0
      if balance != expected {
        report.diverged += 1
        report.complaints.append("\(tenant.name) has \(balance) micros, expected \(expected)")
      }
      let sum = try await list("/v1/wallet/entries")
        .reduce(0) { $0 + ($1["amount_micros"]?.integer ?? 0) }
      let digest = try await api.admin("GET", "/v1/tenants/\(tenant.id)/digest?recompute=true")
      if sum != 0 || digest["match"]?.bool != true {
        report.diverged += 1
        report.complaints.append("\(tenant.name): ledger sum \(sum), digest \(digest.serialized())")
      }
    }
  }
}
