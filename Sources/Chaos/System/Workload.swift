import GraphSimulator
import Synchronization

/// Honest clients: paid messages, top-ups and incoming messages, each under a key of its own, and
/// what was acknowledged to them.
final class Workload: Sendable {
  static let clients = 8

  /// What one tenant's clients were told.
  struct Acknowledged: Sendable {
    /// Message id by idempotency key.
    var messages: [String: String] = [:]
    /// Top-up id by idempotency key.
    var topUps: [String: String] = [:]
    var inbound: Set<String> = []
    /// When it was first said, by idempotency key.
    var acknowledgedAt: [String: ContinuousClock.Instant] = [:]
    var count: Int { messages.count + topUps.count + inbound.count }
  }

  static let topUpMicros: Int64 = 1_000_000

  private struct State: Sendable {
    var acknowledged: [Acknowledged]
    var contradictions: [String] = []
    var count = 0
  }

  let client: SystemClient
  let tenants: [ChaosTenant]
  /// Top-ups go through the control plane.
  private let hasTopUps: Bool
  private let state: Mutex<State>

  init(_ client: SystemClient, _ tenants: [ChaosTenant], hasTopUps: Bool = true) {
    self.client = client
    self.tenants = tenants
    self.hasTopUps = hasTopUps
    state = Mutex(State(acknowledged: tenants.map { _ in Acknowledged() }))
  }

  /// Acknowledged operations so far, of all tenants.
  var count: Int { state.withLock { $0.count } }
  var acknowledged: [Acknowledged] { state.withLock { $0.acknowledged } }
  /// Keys that were answered with two different objects.
  var contradictions: [String] { state.withLock { $0.contradictions } }

  /// Runs operations `first..<end`; each is repeated under its key until it is acknowledged.
  func run(_ operations: Range<Int>) async throws {
    try await withThrowingTaskGroup(of: Void.self) { group in
      for client in 0..<Self.clients {
        group.addTask {
          let own = operations.dropFirst(client)
          for number in stride(from: own.lowerBound, to: own.upperBound, by: Self.clients) {
            try await self.perform(number)
          }
        }
      }
      try await group.waitForAll()
    }
  }

  /// Sends operations again under their keys, as clients would that lost the answers.
  func repeatSome(of operations: Range<Int>) async throws {
    try await again(operations.filter { $0 % 12 < 3 })
  }

  /// The same, for each of them.
  func again(_ operations: [Int]) async throws {
    for number in operations { try await perform(number) }
  }

  /// Runs `body` while all clients ask for one tenant, one operation after the other, from `first`
  /// on: what `body` does to the tenant finds requests of it under way.
  func askOn<T: Sendable>(
    _ tenant: Int, from first: Int, during body: () async throws -> T
  ) async throws -> T {
    let operations = OperationFeed(
      from: first - first % tenants.count + tenant, step: tenants.count)
    return try await withThrowingTaskGroup(of: Void.self) { group in
      for _ in 0..<Self.clients {
        group.addTask { while let number = operations.next() { try await self.perform(number) } }
      }
      let result: T
      do {
        // Also where it throws: clients do not heed a cancellation.
        defer { operations.stop() }
        result = try await body()
      }
      try await group.waitForAll()
      return result
    }
  }

  /// Runs operations, each asked once; answers what was refused or not answered.
  func runOnce(_ operations: [Int]) async throws -> [String] {
    let impatient = Workload(client.impatient, tenants, hasTopUps: hasTopUps)
    let errors = await withTaskGroup(of: [String].self) { group in
      for first in 0..<Self.clients {
        group.addTask {
          var errors: [String] = []
          for place in stride(from: first, to: operations.count, by: Self.clients) {
            do { try await impatient.perform(operations[place]) } catch {
              errors.append("\(error)")
            }
          }
          return errors
        }
      }
      return await group.reduce(into: [String]()) { $0 += $1 }
    }
    take(impatient)
    return errors
  }

  /// Runs only what comes in from outside.
  func runInbound(_ operations: [Int]) async throws {
    for number in operations where isInbound(number) { try await perform(number) }
  }

  private func isInbound(_ number: Int) -> Bool { number / tenants.count % 6 == 5 }

  /// What another workload's clients were told, its clients are told.
  private func take(_ other: Workload) {
    let acknowledged = other.acknowledged
    state.withLock { state in
      for (index, told) in acknowledged.enumerated() {
        state.acknowledged[index].messages.merge(told.messages) { $1 }
        state.acknowledged[index].topUps.merge(told.topUps) { $1 }
        state.acknowledged[index].inbound.formUnion(told.inbound)
      }
      state.count = state.acknowledged.map(\.count).reduce(0, +)
    }
  }

  private func perform(_ number: Int) async throws {
    let index = number % tenants.count
    let tenant = tenants[index]
    let key = "op-\(number)"
    switch number / tenants.count % 6 {
    case 4 where hasTopUps:
      let answer = try await client.admin(
        "POST", "/v1/tenants/\(tenant.id)/wallet/top-ups",
        [
          "amount_micros": .integer(Self.topUpMicros), "currency": "USD", "reference": JSON(key),
        ], key: key)
      let id = answer["id"]?.string ?? ""
      note(key, id, index) { $0.topUps.updateValue(id, forKey: key) }
    case 5:
      let text = "to \(tenant.name) no \(number)"
      let isNew = state.withLock { !$0.acknowledged[index].inbound.contains(text) }
      guard isNew else { return }
      _ = try await client.simulator(
        "POST", "inbound",
        [
          "number": JSON(tenant.phoneNumberID), "from": JSON("+1212\(5_000_000 + number)"),
          "message": JSON(text),
        ])
      state.withLock { state in
        state.acknowledged[index].inbound.insert(text)
        state.count += 1
      }
    default:
      let answer = try await client.api(
        tenant.apiKey, "POST", "/v1/messages",
        [
          "number_id": JSON(tenant.numberID), "to": JSON("+4915\(200_000_000 + number)"),
          "type": "template",
          "template": [
            "name": JSON(ChaosTenant.template), "language": ["code": "en_US"],
            "components": [["type": "body", "parameters": [["type": "text", "text": "one"]]]],
          ],
        ], key: key)
      let id = answer["id"]?.string ?? ""
      note(key, id, index) { $0.messages.updateValue(id, forKey: key) }
    }
  }

  /// `keep` stores what was answered and says what was answered before.
  private func note(
    _ key: String, _ id: String, _ tenant: Int, _ keep: (inout Acknowledged) -> String?
  ) {
    let now = ContinuousClock.now
    state.withLock { state in
      if let before = keep(&state.acknowledged[tenant]) {
        if before != id { state.contradictions.append("\(key): \(before), then \(id)") }
      } else {
        state.acknowledged[tenant].acknowledgedAt[key] = now
        state.count += 1
      }
    }
  }
}

/// Operations of one tenant, handed out one after the other until it is stopped.
private final class OperationFeed: Sendable {
  private let number: Mutex<Int?>
  private let step: Int

  init(from first: Int, step: Int) {
    number = Mutex(first)
    self.step = step
  }

  /// The operation that whoever asks does; nil once it is stopped.
  func next() -> Int? {
    number.withLock { number in
      defer { number = number.map { $0 + step } }
      return number
    }
  }

  func stop() { number.withLock { $0 = nil } }
}
