import ArgumentParser
import Foundation

/// What one tenant's flood costs its neighbours.
///
/// They send at a fixed rate, first alone, then beside 64 connections that send for one other
/// tenant as fast as they are answered, then right after it, while what it has written goes to the
/// disk.
struct FairnessBench: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "fairness", abstract: "The neighbours' latency beside one tenant's flood.")

  static let connections = 64
  static let bar = 1.5

  @OptionGroup var repository: Repository
  @Option(help: "Tenants beside the one that floods.") var neighbours = 40
  @Option(help: "Requests per second of all neighbours together.") var rate = 100.0

  func run() async throws {
    let system = try await SystemUnderTest.start(
      repository, topology: "Benchmarks/http/topology.yaml")
    defer { system.stop() }
    try await system.client.admin("PUT", "/v1/send-stops/platform/all", ["reason": "bench"])
    let tenants = try await BenchTenant.create(count: neighbours + 1, system.client)
    let loop = OpenLoop.messages(
      of: Array(tenants.dropFirst()), perSecond: rate, system.client)
    let flood = try Wrk(repository, system, [tenants[0]])
    _ = try await loop.latencies(seconds: max(1, repository.seconds / 4))
    var alone: [Double] = []
    var beside: [Double] = []
    var after: [Double] = []
    var sent = 0.0
    // All that is alone comes first: after a flood nothing is for a while.
    for repetition in 1...repository.repetitions {
      progress("fairness \(repetition)/\(repository.repetitions): alone")
      alone.append(Self.p99(try await loop.latencies(seconds: repository.seconds)))
    }
    for repetition in 1...repository.repetitions {
      progress("fairness \(repetition)/\(repository.repetitions): beside a flood, and after it")
      let (loud, requests) = try await measure(loop, flood)
      sent += requests
      beside.append(Self.p99(loud))
      after.append(Self.p99(try await loop.latencies(seconds: repository.seconds)))
    }
    let seconds = Double(repository.seconds * repository.repetitions)
    let facts: [String: Any] = [
      "bar": Self.bar, "neighbours": neighbours, "neighbours_per_second": rate,
      "flood_connections": Self.connections, "flood_per_second": (sent / seconds).rounded(),
      "seconds": repository.seconds, "against": "the neighbours' p99 without the flood",
    ]
    for (name, times) in [("neighbour", beside), ("after", after)] {
      Row(
        name: "fairness.\(name)_p99_ms", value: median(times), unit: "ms",
        baseline: median(alone), facts: facts
      ).write()
    }
  }

  /// Milliseconds.
  private static func p99(_ latencies: [Double]) -> Double { percentile(latencies, 0.99) / 1_000 }

  /// The neighbours' latencies while the flood goes on, and how much of it was answered.
  private func measure(
    _ loop: OpenLoop, _ flood: Wrk
  ) async throws -> (latencies: [Double], flooded: Double) {
    // It begins a second before and ends a second after what is measured.
    let seconds = repository.seconds + 2
    async let flooded = flood.runBeside(connections: Self.connections, seconds: seconds)
    try await Task.sleep(for: .seconds(1))
    let latencies = try await loop.latencies(seconds: repository.seconds)
    return (latencies, try await flooded["requests"] ?? 0)
  }
}

extension Wrk {
  /// ``run(connections:seconds:)`` on a thread of its own; its numbers only.
  fileprivate func runBeside(connections: Int, seconds: Int) async throws -> [String: Double] {
    try await withCheckedThrowingContinuation { continuation in
      Thread.detachNewThread {
        continuation.resume(
          with: Result {
            try run(connections: connections, seconds: seconds).compactMapValues { $0 as? Double }
          })
      }
    }
  }
}
