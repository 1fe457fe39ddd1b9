import ArgumentParser
import CommandExit
import Foundation
import SimulatedDeployment

/// `tools/simulate`: seeded runs of the roles on a simulated network, disk and clock.
@main struct Simulate: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "simulate", abstract: "Runs the system's machines under faults drawn from seeds.")

  /// A run of fewer seeds may miss something rare by chance.
  static let longRun = 2_000

  @Option(help: "How many seeds to run.")
  var seeds = 10_000

  @Option(help: "The first seed.")
  var from: UInt64 = 1

  @Option(help: "Runs this one seed and prints every event.")
  var seed: UInt64?

  @Option(help: "Breaks a rule on purpose: skip-epoch-check, forget-dedupe, …")
  var sabotage: String?

  @Option(help: "How many cells there are.")
  var cells = SimulationOptions().cells

  @Option(help: "How many tenants there are: the fewer, the more is asked of each.")
  var tenants = SimulationOptions().tenants

  @Option(help: "How many clients there are.")
  var clients = SimulationOptions().clients

  @Option(help: "The chance of a move each time the control plane looks at a tenant, per mille.")
  var moves = SimulationOptions().moves

  @Flag(help: "No trimming, full disks and clocks that are set: a seed's events without them.")
  var plain = false

  static func main() async { await runAndExit() }

  func validate() throws {
    guard cells > 1, tenants > 0, clients > 0 else {
      throw ValidationError("at least two cells, a tenant and a client")
    }
  }

  func run() async throws {
    var options = SimulationOptions()
    options.cells = cells
    options.tenants = tenants
    options.clients = clients
    options.moves = moves
    if plain { options = options.plain }
    if let sabotage {
      guard let rule = SimulationOptions.BrokenRule(rawValue: sabotage) else {
        throw ValidationError(
          "sabotage: one of "
            + SimulationOptions.BrokenRule.allCases.map(\.rawValue).joined(separator: ", "))
      }
      options.brokenRule = rule
    }
    let began = ContinuousClock.now
    var report: Report
    if let seed {
      let outcome = SimulationRun.one(seed: seed, options: options, trace: Self.write)
      report = Report(
        seeds: 1, failed: outcome.violation == nil ? nil : outcome, sometimes: outcome.sometimes,
        events: outcome.events)
    } else {
      let result = SimulationRun.many(seeds, from: from, options: options) { done in
        if done.isMultiple(of: 500) { Self.write("simulate: \(done) seeds") }
      }
      report = Report(
        seeds: result.outcomes, failed: result.failed, sometimes: result.sometimes,
        events: result.events)
      if let failed = result.failed {
        _ = SimulationRun.one(seed: failed.seed, options: options, trace: Self.write)
      } else if seeds >= Self.longRun, !plain {
        report.neverHappened = result.sometimes.missing
        report.ok = report.neverHappened.isEmpty
      }
    }
    if let violation = report.violation { Self.write("violation: \(violation)") }
    report.seconds = (.now - began) / .seconds(1)
    let encoder = JSONEncoder()
    encoder.keyEncodingStrategy = .convertToSnakeCase
    encoder.outputFormatting = [.sortedKeys]
    Self.write(String(decoding: try encoder.encode(report), as: UTF8.self))
    if !report.ok { throw ExitCode(1) }
  }

  private static func write(_ line: String) {
    FileHandle.standardOutput.write(Data((line + "\n").utf8))
  }
}

/// The object that is printed last.
private struct Report: Encodable {
  var ok: Bool
  var seeds: Int
  var failedSeed: UInt64?
  var violation: String?
  var sometimes: Sometimes
  var neverHappened: [String] = []
  var events: UInt64
  var seconds: Double = 0

  init(seeds: Int, failed: SimulationOutcome?, sometimes: Sometimes, events: UInt64) {
    ok = failed == nil
    self.seeds = seeds
    failedSeed = failed?.seed
    violation = failed?.violation
    self.sometimes = sometimes
    self.events = events
  }
}
