import Platform
import Simulation
import Storage
import Wire

/// `power`: the machine loses its power under load, or while it recovers from that.
///
/// The journal stands on a simulated disk: of what was not synced each sector, length and name
/// is kept or lost on its own. Tenants' files are SQLite's on a real disk, which cannot lose its
/// power here: each tenant goes on with the copy of its last clean close, or with nothing.
public struct PowerChaos: Sendable {
  /// More than any cycle comes to: the power goes before.
  private static let operations = 5_000
  private static let cyclesPerSystem = 10

  private let cycles: Int
  private let random: SeededRandomSource
  private let note: @Sendable (String) -> Void

  public init(cycles: Int, seed: UInt64, note: @escaping @Sendable (String) -> Void) {
    self.cycles = cycles
    random = SeededRandomSource(seed: seed)
    self.note = note
  }

  public func run() async throws -> ChaosReport {
    var report = ChaosReport()
    let began = ContinuousClock.now
    let root = try FileTree.make("power")
    defer { FileTree.remove(root) }
    var (disk, history) = (SimulatedDisk(), ChaosHistory())
    for cycle in 1...cycles {
      // The journal is never trimmed here, and each recovery reads it all: begin anew at times.
      if cycle % Self.cyclesPerSystem == 1 {
        Self.count(history, &report)
        (disk, history) = (SimulatedDisk(), ChaosHistory())
        FileTree.remove("\(root)/\(cycle - 1)")
      }
      try await run(cycle, root, disk, history, &report)
      report.cycles += 1
    }
    Self.count(history, &report)
    report.seconds = (ContinuousClock.now - began) / .seconds(1)
    return report
  }

  private static func count(_ history: ChaosHistory, _ report: inout ChaosReport) {
    report.acked += history.acked
    report.duplicated += history.contradictions
  }

  private func run(
    _ cycle: Int, _ root: String, _ disk: SimulatedDisk, _ history: ChaosHistory,
    _ report: inout ChaosReport
  ) async throws {
    // The files of the last clean close stay as they are: a life works on a copy.
    let (rest, work) = ("\(root)/\(cycle - 1)", "\(root)/\(cycle)-work")
    for tenant in ChaosHistory.tenants {
      try FileTree.copy("\(rest)/tenants/\(tenant)", to: "\(work)/tenants/\(tenant)")
    }
    let before = history.acked
    let life = try await ChaosEngine(work, disk, seed: random.uint64())
    // Repeats of answered operations count as answers too, so the threshold lies well above 100.
    let (threshold, calls) = (180 + random.below(150), random.below(12))
    let end = await ChaosLoad(life, history, operations: Self.operations) {
      if $0 == threshold { disk.losePower(afterCalls: calls) }
    }.run()
    if end == .fatal {
      report.hit("power lost under load")
    } else {
      report.complain("cycle \(cycle): the power was not lost: \(end)")
    }
    let acked = history.acked - before
    if acked < 100 { report.complain("cycle \(cycle): only \(acked) were acknowledged") }
    var fate = drawFate()
    disk.losePower(fate)
    note(
      "cycle \(cycle): power lost \(calls) calls after answer \(threshold), unsynchronized: "
        + "\(fate)")

    let after = "\(root)/\(cycle)"
    var thrown: [TenantID] = []
    for tenant in ChaosHistory.tenants {
      if random.below(2) == 0 {
        thrown.append(tenant)
      } else {
        try FileTree.copy("\(rest)/tenants/\(tenant)", to: "\(after)/tenants/\(tenant)")
      }
    }
    note("cycle \(cycle): files thrown away: \(thrown.map(\.rawValue).joined(separator: " "))")
    if cycle % 3 == 0 {
      let calls = 1 + random.below(12)
      disk.losePower(afterCalls: calls)
      if (try? await ChaosEngine("\(work)-again", disk, seed: random.uint64())) == nil {
        report.hit("power lost while recovering")
      } else {
        report.complain("cycle \(cycle): the power was not lost while recovering")
      }
      fate = drawFate()
      disk.losePower(fate)
      note("cycle \(cycle): power lost at call \(calls + 1) of recovery, unsynchronized: \(fate)")
    }
    let next = try await ChaosEngine(after, disk, seed: random.uint64())
    _ = await ChaosCheck.run(next, history, mayBeReported: false, &report)
    await next.close()
    FileTree.remove(rest)
  }

  private func drawFate() -> SimulatedDisk.Fate {
    random.below(3) == 0 ? .lost : .mixed(seed: random.uint64())
  }
}
