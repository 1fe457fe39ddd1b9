import ArgumentParser
import Foundation

/// What a cell full of tenants costs while nobody asks, and how long the first question takes.
struct IdleBench: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "idle", abstract: "Memory and CPU of a cell with 10,000 idle tenants.")

  static let messages = 10
  static let quietSeconds = 60
  static let coldRequests = 200
  static let barMegabytes = 512.0
  static let barPercent = 1.0
  static let barMilliseconds = 20.0
  /// Far enough that nothing becomes due while this runs, near enough that money is held.
  static let timer: Duration = .seconds(20 * 86_400)

  @OptionGroup var repository: Repository
  @Option(help: "Tenants on the cell.")
  var tenants: Int = 10_000

  func run() async throws {
    let system = try await SystemUnderTest.start(
      repository, topology: "Benchmarks/idle/topology.yaml")
    defer { system.stop() }
    let client = system.client
    try await client.setFaults(["webhook_loss_rate": 1, "enforce_throughput": false])
    progress("idle: making \(tenants) tenants, each with a number, messages and a timer")
    let formatter = ISO8601DateFormatter()
    let at = formatter.string(from: Date().addingTimeInterval(Self.timer / .seconds(1)))
    let made = try await BenchTenant.create(count: tenants, client) { tenant in
      for index in 0..<Self.messages { try await tenant.send(to: index, client) }
      try await tenant.broadcast(recipients: 1, scheduledAt: at, client)
    }
    for tenant in made.suffix(100) { try await tenant.wait(until: "accepted", client) }
    progress("idle: quiet for \(Self.quietSeconds) s")
    try await Task.sleep(for: .seconds(Self.quietSeconds))

    let pid = try system.pid(of: "cell")
    let before = try Program.cpuMicroseconds(of: pid)
    try await Task.sleep(for: .seconds(repository.seconds))
    let spent = try Program.cpuMicroseconds(of: pid) - before
    let percent = spent / Double(repository.seconds) / 10_000
    let facts: [String: Any] = ["tenants": tenants, "against": "the bar"]
    Row(
      name: "idle.resident_mb", value: try Program.proportionalMegabytes(of: pid), unit: "MB",
      baseline: Self.barMegabytes, facts: facts
    ).write()
    Row(
      name: "idle.cpu_percent", value: percent, unit: "%", baseline: Self.barPercent, facts: facts
    ).write()

    // The tenants that were made first have been closed longest.
    var cold: [Double] = []
    for tenant in made.prefix(Self.coldRequests) {
      let began = ContinuousClock.now
      try await tenant.send(to: Self.messages, client)
      cold.append((ContinuousClock.now - began) / .milliseconds(1))
    }
    cold.sort()
    Row(
      name: "idle.cold_first_request_ms", value: percentile(cold, 0.99), unit: "ms",
      baseline: Self.barMilliseconds,
      facts: [
        "requests": cold.count, "p50_ms": percentile(cold, 0.5), "worst_ms": cold.last ?? 0,
        "against": "the bar",
      ]
    ).write()
  }
}
