import ArgumentParser
import AsyncHTTPClient
import Foundation
import Synchronization

/// Statuses per second that are durable before Meta gets its 200, for messages that were sent.
struct WebhookBench: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "webhook", abstract: "Delivery statuses per second, and how long a 200 takes.")

  static let tenants = 100
  static let connections = 64
  /// Statuses made ready per second of measuring; a faster system ends each stretch early.
  static let statusesPerSecond = 14_000
  /// Tenants whose messages are read back afterwards.
  static let readBack = 3
  static let barPerSecond = 10_000.0
  static let barMilliseconds = 250.0

  @OptionGroup var repository: Repository

  func run() async throws {
    let system = try await SystemUnderTest.start(
      repository, topology: "Benchmarks/http/topology.yaml")
    defer { system.stop() }
    let client = system.client
    let seconds = repository.seconds * repository.repetitions + max(1, repository.seconds / 4)
    let perTenant = seconds * Self.statusesPerSecond / 3 / Self.tenants
    // Graph's own webhooks are lost: the statuses come from here.
    try await client.setFaults(["webhook_loss_rate": 1, "enforce_throughput": false])
    progress("webhook: \(Self.tenants) tenants send \(perTenant) messages each")
    let tenants = try await BenchTenant.create(count: Self.tenants, client) {
      try await $0.broadcast(recipients: perTenant, client)
    }
    var messages: [StatusBodies.Messages] = []
    for tenant in tenants {
      try await tenant.wait(until: "accepted", client)
      let sent = try await client.list("/v1/messages?direction=outbound", tenant.key)
      messages.append(
        StatusBodies.Messages(
          number: tenant.number, wamids: sent.compactMap { $0["wamid"] as? String }))
    }
    let all = StatusBodies(messages, appSecret: client.appSecret).bodies
    progress("webhook: \(all.reduce(0) { $0 + $1.statuses }) statuses in \(all.count) bodies")
    let supply = Supply(all)
    _ = try await post(supply, seconds: max(1, repository.seconds / 4), of: seconds, client)
    var windows: [Window] = []
    for repetition in 1...repository.repetitions {
      progress("webhook \(repetition)/\(repository.repetitions)")
      windows.append(try await post(supply, seconds: repository.seconds, of: seconds, client))
    }
    let statuses = windows.reduce(0) { $0 + $1.statuses }
    let facts: [String: Any] = [
      "statuses": statuses, "bodies": windows.reduce(0) { $0 + $1.milliseconds.count },
      "mean_per_body": Double(statuses) / Double(windows.reduce(0) { $0 + $1.milliseconds.count }),
      "repeated_bodies": 1.0 / Double(StatusBodies.repeatEvery), "connections": Self.connections,
      "against": "the bar",
      "stored": try await readBack(tenants, supply.taken, all.count, client),
    ]
    Row(
      name: "webhook.statuses", value: median(windows.map(\.perSecond)), unit: "statuses/s",
      baseline: Self.barPerSecond, facts: facts
    ).write()
    Row(
      name: "webhook.p99_ms", value: median(windows.map { percentile($0.milliseconds, 0.99) }),
      unit: "ms", baseline: Self.barMilliseconds,
      facts: ["p50_ms": median(windows.map { percentile($0.milliseconds, 0.5) })]
    ).write()
  }

  /// What one stretch of time gave.
  private struct Window: Sendable {
    var statuses = 0
    var seconds = 0.0
    /// Of each body, sorted.
    var milliseconds: [Double] = []
    var perSecond: Double { Double(statuses) / max(seconds, 0.001) }
  }

  /// Bodies, each handed out once.
  private final class Supply: Sendable {
    let bodies: [StatusBodies.Body]
    private let next = Mutex(0)
    init(_ bodies: [StatusBodies.Body]) { self.bodies = bodies }
    var taken: Int { next.withLock { $0 } }
    func take(before end: Int) -> StatusBodies.Body? {
      next.withLock { next in
        guard next < min(end, bodies.count) else { return nil }
        next += 1
        return bodies[next - 1]
      }
    }
  }

  /// Posts for `seconds`, or until its share of the bodies, which last `total` seconds, is used up.
  private func post(
    _ supply: Supply, seconds: Int, of total: Int, _ client: BenchClient
  ) async throws -> Window {
    let clock = ContinuousClock()
    let begin = clock.now
    let end = begin + .seconds(seconds)
    let share = supply.bodies.count * seconds / total
    let last = supply.taken + share
    var window = try await withThrowingTaskGroup(of: Window.self) { group in
      for _ in 0..<Self.connections {
        group.addTask {
          var own = Window()
          while clock.now < end, let body = supply.take(before: last) {
            var request = HTTPClientRequest(url: client.webhookURL)
            request.method = .POST
            request.headers.add(name: "Host", value: client.apiHost)
            request.headers.add(name: "X-Hub-Signature-256", value: body.signature)
            request.headers.add(name: "Content-Type", value: "application/json")
            request.body = .bytes(body.bytes)
            let started = clock.now
            try await BenchClient.execute(request)
            own.milliseconds.append((clock.now - started) / .milliseconds(1))
            own.statuses += body.statuses
          }
          return own
        }
      }
      return try await group.reduce(into: Window()) { sum, own in
        sum.statuses += own.statuses
        sum.milliseconds += own.milliseconds
      }
    }
    window.seconds = (clock.now - begin) / .seconds(1)
    window.milliseconds.sort()
    guard window.seconds >= Double(seconds) / 2 else {
      throw BenchFailure("the statuses ran out after \(window.seconds) s of \(seconds) s")
    }
    return window
  }

  /// Counts the messages of some tenants that have got a status; all of them must have where all
  /// bodies were sent.
  private func readBack(
    _ tenants: [BenchTenant], _ taken: Int, _ all: Int, _ client: BenchClient
  ) async throws -> String {
    var (moved, total) = (0, 0)
    for tenant in tenants.prefix(Self.readBack) {
      for message in try await client.list("/v1/messages?direction=outbound", tenant.key) {
        total += 1
        if ["sent", "delivered", "read"].contains(message["status"] as? String ?? "") {
          moved += 1
        }
      }
    }
    let share = Double(taken) / Double(all)
    // Tenants take turns, so each one's share of its statuses is near the share of all; the last
    // wave may have got no status yet.
    guard Double(moved) >= Double(total) * share - Double(2 * StatusBodies.wave * Self.readBack)
    else { throw BenchFailure("only \(moved) of \(total) messages have a status") }
    return "\(moved) of \(total) messages of \(Self.readBack) tenants have a status"
  }
}
