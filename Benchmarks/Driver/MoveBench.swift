import ArgumentParser
import Foundation

/// Moves under load: how long a tenant is unavailable, what its clients and its neighbours see, and
/// how long it takes to empty a cell.
struct MoveBench: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "move", abstract: "Moves tenants between two cells while they are written.")

  static let topology = "Benchmarks/move/topology.yaml"
  /// Clients of the tenant that moves: all of them are inside its fence.
  static let clients = 24
  static let neighbours = 8
  /// Between two questions how far a move is; the same is asked in slices without one.
  static let questionPause = Duration.milliseconds(20)

  @OptionGroup var repository: Repository
  @Option(help: "Small tenants.") var tenants = 100
  @Option(help: "Moves of small tenants, under load each.") var moves = 1_000
  @Option(help: "Megabytes of the large tenant.") var megabytes = 1_024
  @Option(help: "Moves of the large tenant, there and back.") var largeMoves = 2
  @Option(help: "Tenants of the cell that is emptied.") var drained = 1_000

  func run() async throws {
    let system = try await SystemUnderTest.start(repository, topology: Self.topology)
    defer { system.stop() }
    let client = system.client
    let small = try await Self.create(tenants, "small", cell: "cell-1", client)
    if moves > 0 { try await measureSmall(small, client) }
    if megabytes > 0 { try await measureLarge(small, client) }
    if drained > 0 { try await measureDrain(client) }
  }

  // Tenants that write contacts only: no number, no money.

  struct Mover: Sendable {
    let id: String
    let key: String
  }

  private static func create(
    _ count: Int, _ name: String, cell: String, _ client: BenchClient
  ) async throws -> [Mover] {
    progress("move: making \(count) tenants")
    return try await withThrowingTaskGroup(of: Mover.self) { group in
      var made: [Mover] = []
      for index in 0..<count {
        if index >= 8, let mover = try await group.next() { made.append(mover) }
        group.addTask {
          let tenant = try await client.admin(
            "POST", "/v1/tenants",
            [
              "name": "\(name) \(index)", "slug": "\(name)-\(index)", "region": "local",
              "currency": "USD", "time_zone": "Etc/UTC", "cell": cell,
            ])
          let id = tenant["id"] as? String ?? ""
          let key = try await client.admin(
            "POST", "/v1/tenants/\(id)/api-keys",
            [
              "name": "bench", "mode": "live", "scopes": ["*"],
              "rate": ["per_second": 100_000, "burst": 100_000],
            ])
          return Mover(id: id, key: key["key"] as? String ?? "")
        }
      }
      for try await mover in group { made.append(mover) }
      return made
    }
  }

  /// What one move came to.
  struct Outcome: Sendable {
    var operation = ""
    var pauseMilliseconds = 0.0
    var fencedAt: Int64 = 0
    var servedAt: Int64 = 0
    var bytes = 0
    var seconds = 0.0
  }

  private static func move(
    _ id: String, _ client: BenchClient
  ) async throws -> Outcome {
    let place = try await client.admin("GET", "/v1/tenants/\(id)", [:])["cell"] as? String
    let began = ContinuousClock.now
    let operation = try await client.admin(
      "POST", "/v1/tenants/\(id)/moves",
      ["to_cell": place == "cell-1" ? "cell-2" : "cell-1"])
    let name = operation["id"] as? String ?? ""
    while true {
      let now = try await client.admin("GET", "/v1/operations/\(name)", [:])
      switch now["state"] as? String {
      case "succeeded":
        let result = now["result"] as? [String: Any] ?? [:]
        return Outcome(
          operation: name, pauseMilliseconds: (result["pause_us"] as? Double ?? 0) / 1_000,
          fencedAt: Self.microseconds(result["fenced_at"]),
          servedAt: Self.microseconds(result["served_at"]),
          bytes: result["bytes"] as? Int ?? 0, seconds: (ContinuousClock.now - began) / .seconds(1))
      case "planned", "running": try await Task.sleep(for: questionPause)
      default: throw BenchFailure("\(name): \(now["error"] ?? now)")
      }
    }
  }

  /// As long without a move, with the questions that somebody asks who waits for one.
  private static func stay(
    _ milliseconds: Double, after last: Outcome?, _ client: BenchClient
  ) async throws {
    let end = ContinuousClock.now + .milliseconds(Int(milliseconds))
    while .now < end {
      if let last {
        _ = try await client.admin("GET", "/v1/operations/\(last.operation)", [:])
      }
      try await Task.sleep(for: questionPause)
    }
  }

  private static func microseconds(_ time: Any?) -> Int64 {
    let seconds = (time as? String).flatMap {
      try? Date($0, strategy: Date.ISO8601FormatStyle(includingFractionalSeconds: true))
    }?.timeIntervalSince1970
    return Int64((seconds ?? 0) * 1_000_000)
  }

  // Small tenants.

  private func measureSmall(_ small: [Mover], _ client: BenchClient) async throws {
    let moving = Array(small.dropLast(Self.neighbours))
    progress("move: \(moves) moves with \(Self.clients) clients each")
    var outcomes: [Outcome] = []
    var inside: [Int] = []
    var errors: [String] = []
    var slices = MoveSlices()
    let beside = try await neighbours(Array(small.suffix(Self.neighbours)), client) {
      for number in 0..<moves {
        let mover = moving[number % moving.count]
        let load = MoveLoad(client, key: mover.key)
        async let running: Void = load.run(clients: Self.clients)
        // As long as a move, and with every client's request under way when the fence comes.
        let time = slices.lastMilliseconds
        try await slices.still { try await Self.stay(time, after: outcomes.last, client) }
        let outcome = try await slices.moving { try await Self.move(mover.id, client) }
        slices.fenced(outcome.fencedAt..<max(outcome.fencedAt, outcome.servedAt))
        try await Task.sleep(for: .milliseconds(20))
        load.stop()
        await running
        outcomes.append(outcome)
        inside.append(
          load.requests.count { $0.began < outcome.servedAt && $0.ended > outcome.fencedAt })
        errors += load.errors
        if number % 100 == 99 { progress("move: \(number + 1) moves, \(errors.count) errors") }
      }
    }
    if let first = errors.first { progress("move: \(first)") }
    let pauses = outcomes.map(\.pauseMilliseconds).sorted()
    let facts: [String: Any] = [
      "moves": moves, "clients": Self.clients, "tenants": tenants,
      "bytes": outcomes.last?.bytes ?? 0,
    ]
    Row(
      name: "move.pause_p50", value: percentile(pauses, 0.5), unit: "ms", baseline: 50,
      facts: facts
    ).write()
    Row(name: "move.pause_p99", value: percentile(pauses, 0.99), unit: "ms", baseline: 250).write()
    Row(name: "move.pause_max", value: pauses.last ?? 0, unit: "ms", baseline: 1_000).write()
    Row(name: "move.errors", value: Double(errors.count), unit: "errors").write()
    Row(
      name: "move.requests_in_fence", value: Double(inside.min() ?? 0), unit: "requests",
      baseline: 20, facts: ["median": median(inside.map(Double.init))]
    ).write()
    Row(
      name: "move.over_cap", value: Double(pauses.count { $0 > 1_000 }), unit: "moves"
    ).write()
    slices.row("move.neighbour_p99", beside).write()
  }

  /// The neighbours' requests while `body` ran: the same clients at the same rate all the time.
  private func neighbours(
    _ around: [Mover], _ client: BenchClient, _ body: () async throws -> Void
  ) async throws -> [MoveLoad.Request] {
    let loads = around.map { MoveLoad(client, key: $0.key, pauseMicroseconds: 20_000) }
    return try await withThrowingTaskGroup(of: Void.self) { group in
      for load in loads { group.addTask { await load.run(clients: 1) } }
      do { try await body() } catch {
        for load in loads { load.stop() }
        throw error
      }
      for load in loads { load.stop() }
      try await group.waitForAll()
      if let error = loads.flatMap(\.errors).first {
        throw BenchFailure("a neighbour saw an error: \(error)")
      }
      return loads.flatMap(\.requests)
    }
  }

  // A large tenant.

  private func measureLarge(_ small: [Mover], _ client: BenchClient) async throws {
    let large = try await Self.create(1, "large", cell: "cell-1", client)[0]
    try await fill(large, client)
    progress("move: moving \(megabytes) MB at 200 writes/s, \(largeMoves) times")
    // Four clients, one write each in 20 ms.
    let load = MoveLoad(client, key: large.key, pauseMicroseconds: 16_000)
    async let running: Void = load.run(clients: 4)
    var outcomes: [Outcome] = []
    var slices = MoveSlices()
    let beside = try await neighbours(Array(small.suffix(Self.neighbours)), client) {
      for _ in 0..<largeMoves {
        outcomes.append(try await slices.moving { try await Self.move(large.id, client) })
        // Then as long without one.
        let time = slices.lastMilliseconds
        try await slices.still { try await Self.stay(time, after: outcomes.last, client) }
      }
    }
    load.stop()
    await running
    let pauses = outcomes.map(\.pauseMilliseconds).sorted()
    Row(
      name: "move.large_pause", value: pauses.last ?? 0, unit: "ms", baseline: 250,
      facts: [
        "bytes": outcomes.last?.bytes ?? 0, "seconds": outcomes.map(\.seconds).max() ?? 0,
        "errors": load.errors.count, "writes": load.requests.count, "moves": outcomes.count,
      ]
    ).write()
    slices.row("move.large_neighbour_p99", beside).write()
  }

  /// Recipients of campaigns that are never started: pages of text that does not repeat.
  private func fill(_ large: Mover, _ client: BenchClient) async throws {
    progress("move: filling a tenant of \(megabytes) MB")
    let page = 2_000
    // A recipient takes about 250 bytes of its file.
    let pages = megabytes * 1_000_000 / (page * 250)
    let number = client.numbers[0]
    let connected = try await client.api(
      "POST", "/v1/numbers", large.key,
      [
        "phone_number_id": number.phoneNumberID, "waba_id": number.wabaID,
        "access_token": client.graphToken, "meta_app": client.metaApp,
      ])
    try await client.api(
      "PUT", "/v1/templates/\(BenchTenant.template)/en_US", large.key,
      [
        "category": "marketing", "parameter_format": "positional",
        "components": [["type": "BODY", "text": "Your order {{1}} is on its way."]],
      ])
    let sender = connected["id"] as? String ?? ""
    // A campaign takes a million recipients.
    let perCampaign = 500
    var campaign = ""
    for number in 0..<pages {
      if number % perCampaign == 0 { campaign = try await newCampaign(sender, large, client) }
      let people: [[String: Any]] = (0..<page).map { index in
        let text = (0..<3).map { _ in String(UInt64.random(in: 0...UInt64.max), radix: 36) }
        return [
          "to": "+4916\(String(format: "%09d", number * page + index))",
          "parameters": [text.joined(separator: " ")],
        ]
      }
      try await client.api(
        "POST", "/v1/campaigns/\(campaign)/recipients", large.key,
        ["page": number % perCampaign + 1, "recipients": people])
      if number % 100 == 99 { progress("move: page \(number + 1) of \(pages)") }
    }
  }

  private func newCampaign(
    _ sender: String, _ large: Mover, _ client: BenchClient
  ) async throws -> String {
    let campaign = try await client.api(
      "POST", "/v1/campaigns", large.key,
      [
        "name": "bench", "number_id": sender,
        "template": ["name": BenchTenant.template, "language": "en_US"],
      ])
    return campaign["id"] as? String ?? ""
  }

  // A cell that is emptied.

  private func measureDrain(_ client: BenchClient) async throws {
    let many = try await Self.create(drained, "drain", cell: "cell-1", client)
    for mover in many.prefix(100) {
      try await client.api(
        "POST", "/v1/contacts", mover.key, ["phone": "+4915200000000", "name": "first"])
    }
    progress("move: moving \(drained) tenants out of a cell, four at a time")
    let began = ContinuousClock.now
    try await withThrowingTaskGroup(of: Void.self) { group in
      for (index, mover) in many.enumerated() {
        if index >= 4 { try await group.next() }
        group.addTask { _ = try await Self.move(mover.id, client) }
      }
      try await group.waitForAll()
    }
    Row(
      name: "move.drain_1000_s", value: (ContinuousClock.now - began) / .seconds(1), unit: "s",
      baseline: 300, facts: ["tenants": drained]
    ).write()
  }
}
