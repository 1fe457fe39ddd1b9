import ArgumentParser
import AsyncHTTPClient
import Foundation
import Synchronization

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// How long after a kill -9 under load a cell serves again, through the router.
struct RecoveryBench: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "recovery", abstract: "From kill -9 of the cell under load to its next answer.")

  static let tenants = 100
  static let callers = 64
  static let barSeconds = 10.0
  static let patienceSeconds = 60

  @OptionGroup var repository: Repository

  func run() async throws {
    let system = try await SystemUnderTest.start(
      repository, topology: "Benchmarks/http/topology.yaml")
    defer { system.stop() }
    let client = system.client
    try await client.admin("PUT", "/v1/send-stops/platform/all", ["reason": "bench"])
    let tenants = try await BenchTenant.create(count: Self.tenants, client)
    var first: [Double] = []
    var all: [Double] = []
    var facts: [String: Any] = [:]
    for repetition in 1...repository.repetitions {
      progress("recovery \(repetition)/\(repository.repetitions)")
      let load = Load(tenants, client)
      let running = Task { try await load.run(callers: Self.callers) }
      try await Task.sleep(for: .seconds(repository.seconds))
      let pid = try system.pid(of: "cell")
      let before = load.acknowledged.count
      guard kill(pid_t(pid), SIGKILL) == 0 else { throw BenchFailure("no kill of \(pid)") }
      load.killed()
      let served = try await load.waitUntilAllServed(seconds: Self.patienceSeconds)
      load.stop()
      try await running.value
      first.append(served.first)
      all.append(served.all)
      facts = ["acknowledged_before": before, "lost": try await lost(load, tenants, client)]
    }
    facts["all_tenants_s"] = median(all)
    facts["against"] = "the bar"
    Row(
      name: "recovery.first_serving_s", value: median(first), unit: "s", baseline: Self.barSeconds,
      facts: facts
    ).write()
  }

  /// Acknowledged messages that are not there any more: none, or the bench fails.
  private func lost(
    _ load: Load, _ tenants: [BenchTenant], _ client: BenchClient
  ) async throws -> Int {
    let acknowledged = load.acknowledged
    var lost = 0
    // The last ones before and after the kill are those in danger.
    for (tenant, id) in acknowledged.suffix(2_000) {
      do { try await client.api("GET", "/v1/messages/\(id)", tenants[tenant].key) } catch {
        progress("\(error)")
        lost += 1
      }
    }
    guard lost == 0 else { throw BenchFailure("\(lost) acknowledged messages are lost") }
    return lost
  }
}

/// Callers that send until they are stopped, each message under a key of its own, and repeat what
/// was not answered with success.
private final class Load: Sendable {
  private struct State: Sendable {
    var acknowledged: [(tenant: Int, id: String)] = []
    var killedAt: ContinuousClock.Instant?
    var firstServed: ContinuousClock.Instant?
    var lastServed: ContinuousClock.Instant?
    var servedTenants: Set<Int> = []
    var isStopped = false
  }

  private let tenants: [BenchTenant]
  private let client: BenchClient
  private let state = Mutex(State())

  init(_ tenants: [BenchTenant], _ client: BenchClient) {
    self.tenants = tenants
    self.client = client
  }

  var acknowledged: [(tenant: Int, id: String)] { state.withLock { $0.acknowledged } }
  func killed() { state.withLock { $0.killedAt = .now } }
  func stop() { state.withLock { $0.isStopped = true } }

  func run(callers: Int) async throws {
    try await withThrowingTaskGroup(of: Void.self) { group in
      for caller in 0..<callers {
        group.addTask {
          var turn = caller
          while !self.state.withLock({ $0.isStopped }) {
            try await self.send(turn)
            turn += callers
          }
        }
      }
      try await group.waitForAll()
    }
  }

  private func send(_ turn: Int) async throws {
    let tenant = turn % tenants.count
    let request = try tenants[tenant].message(to: turn % 10_000_000, client)
    while !state.withLock({ $0.isStopped }) {
      let begun = ContinuousClock.now
      if let data = try? await BenchClient.execute(request),
        let answer = try? JSONSerialization.jsonObject(with: data) as? [String: Any],
        let id = answer["id"] as? String
      {
        note(tenant, id, begun)
        return
      }
      try await Task.sleep(for: .milliseconds(20))
    }
  }

  /// Only what was sent after the kill counts as served after it.
  private func note(_ tenant: Int, _ id: String, _ begun: ContinuousClock.Instant) {
    state.withLock { state in
      state.acknowledged.append((tenant, id))
      guard let killedAt = state.killedAt, begun > killedAt else { return }
      let now = ContinuousClock.now
      if state.firstServed == nil { state.firstServed = now }
      if state.servedTenants.insert(tenant).inserted { state.lastServed = now }
    }
  }

  /// Seconds after the kill of the first answer, and of the first answer to the last tenant.
  func waitUntilAllServed(seconds: Int) async throws -> (first: Double, all: Double) {
    let deadline = ContinuousClock.now + .seconds(seconds)
    while ContinuousClock.now < deadline {
      let found: (Double, Double)? = state.withLock { state in
        guard state.servedTenants.count == tenants.count, let killed = state.killedAt,
          let first = state.firstServed, let last = state.lastServed
        else { return nil }
        return ((first - killed) / .seconds(1), (last - killed) / .seconds(1))
      }
      if let found { return found }
      try await Task.sleep(for: .milliseconds(20))
    }
    throw BenchFailure("not all tenants were served within \(seconds) s after the kill")
  }
}
