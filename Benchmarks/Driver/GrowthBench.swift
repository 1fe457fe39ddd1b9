import ArgumentParser
import Foundation
import Synchronization

/// What it costs that other tenants become hot: 500 hot tenants that stay the same, beside 500 of
/// which ten are replaced every second.
struct GrowthBench: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "growth", abstract: "Throughput while cold tenants enter the hot set.")

  static let hot = 500
  static let entering = 10
  static let callers = 64

  @OptionGroup var repository: Repository
  @Option(help: "Tenants on the cell.")
  var tenants: Int = 10_000

  func run() async throws {
    let system = try await SystemUnderTest.start(
      repository, topology: "Benchmarks/idle/topology.yaml")
    defer { system.stop() }
    let client = system.client
    try await client.admin("PUT", "/v1/send-stops/platform/all", ["reason": "bench"])
    progress("growth: making \(tenants) tenants")
    let made = try await BenchTenant.create(count: tenants, client)
    var steady: [Double] = []
    var growing: [Double] = []
    // A tenant enters once: what was hot in an earlier repetition is not cold.
    var first = 0
    for repetition in 1...repository.repetitions {
      progress("growth \(repetition)/\(repository.repetitions)")
      steady.append(try await rate(made, first: first, perSecond: 0, client))
      growing.append(try await rate(made, first: first, perSecond: Self.entering, client))
      first += Self.entering * (repository.seconds + max(1, repository.seconds / 4) + 1)
    }
    Row(
      name: "growth.tenants", value: median(growing), unit: "requests/s", baseline: median(steady),
      facts: [
        "tenants": tenants, "hot": Self.hot, "entering_per_second": Self.entering,
        "against": "the same hot tenants all the time", "bar": 0.8,
      ]
    ).write()
  }

  private func rate(
    _ tenants: [BenchTenant], first: Int, perSecond: Int, _ client: BenchClient
  ) async throws -> Double {
    let begun = ContinuousClock.now
    let count = tenants.count
    return try await Callers.rate(Self.callers, seconds: repository.seconds) { caller, turn in
      let seconds = Int((ContinuousClock.now - begun) / .seconds(1))
      let place = (turn * Self.callers + caller) % Self.hot
      let tenant = tenants[(first + seconds * perSecond + place) % count]
      try await tenant.send(to: turn % 10_000_000, client)
    }.perSecond
  }
}
