import Chaos
import Foundation
import Testing

/// A few cycles of each storage mode; the whole count under AIMSTORS_LONG_TESTS=1.
@Suite("Storage chaos", .serialized) struct StorageChaosTests {
  private static let isLong = ProcessInfo.processInfo.environment["AIMSTORS_LONG_TESTS"] == "1"

  private func run<Mode: StorageMode>(_: Mode.Type, _ few: Int) async -> ChaosReport {
    let cycles = Self.isLong ? 500 : few
    let report = await StorageChaos<Mode>(cycles: cycles, seed: 1, say: { _ in }).run()
    #expect(report.isOK, "\(report.json(mode: Mode.name))")
    #expect(report.cycles == cycles)
    #expect(report.acked >= 100 * cycles)
    return report
  }

  @Test func `power losses lose, double and tear nothing that was acknowledged`() async {
    let hit = await run(PowerMode.self, 6).faultsHit
    for fault in [
      "sqlite lost", "sqlite kept", "sqlite torn", "journal lost", "journal torn",
      "power lost while recovering", "segment sealed", "segment trimmed", "heads written",
    ] {
      #expect(hit[fault] ?? 0 > 0, "\(hit)")
    }
  }

  @Test func `a failing call of journal or SQLite costs nothing that was acknowledged`() async {
    // Each kind, on both layers, once and for good.
    let hit = await run(IOMode.self, 16).faultsHit
    for layer in ["journal", "sqlite"] {
      for kind in ["EIO", "ENOSPC", "short-write", "fsync-EIO"] {
        #expect(hit.keys.contains { $0.hasPrefix(layer) && $0.hasSuffix(kind) }, "\(hit)")
      }
    }
    for fault in [
      "healed without a restart", "ended by a failed fsync", "segment sealed", "segment trimmed",
      "heads written",
    ] {
      #expect(hit[fault] ?? 0 > 0, "\(hit)")
    }
  }

  @Test func `a spoiled journal is found out, and what it lacks is named`() async {
    let hit = await run(CorruptMode.self, 16).faultsHit
    for damage in [
      "bit flip", "truncation", "dropped group", "doubled group", "swapped groups",
      "zeroed 4 KiB block", "journal of another cell", "journal of another generation",
      "segment sealed",
    ] {
      #expect(hit[damage] ?? 0 > 0, "\(hit)")
    }
  }

  @Test(arguments: [
    ("power", "ack-before-fsync"), ("power", "forget-dedupe"), ("corrupt", "forget-dedupe"),
    ("io", "ack-before-fsync"), ("io", "forget-dedupe"),
  ])
  func `a broken rule is caught`(_ mode: String, _ sabotage: String) async throws {
    let ended = try await ChaosProcess.run(
      [mode, "--cycles", "6", "--seed", "1", "--sabotage", sabotage])
    #expect(ended.status == 1)
    #expect(ended.report["ok"] as? Bool == false)
    let count = ended.report[sabotage == "forget-dedupe" ? "duplicated" : "lost"] as? Int
    #expect(count ?? 0 > 0, "\(ended.output)")
  }

  @Test(arguments: [
    ("power", "skip-epoch-check"), ("kill", "skip-generation-check"), ("io", "double-refund"),
    ("hostile", "forget-dedupe"), ("corrupt", "nonsense"),
  ])
  func `a sabotage that a mode cannot show is a wrong call`(
    _ mode: String, _ sabotage: String
  ) async throws {
    let ended = try await ChaosProcess.run([mode, "--cycles", "1", "--sabotage", sabotage])
    #expect(ended.status == 2)
    #expect(ended.output.isEmpty, "\(ended.output)")
  }

  @Test func `the command ends with one JSON object, and names each fault on stderr`()
    async throws
  {
    let ended = try await ChaosProcess.run(["power", "--cycles", "1", "--seed", "3"])
    #expect(ended.status == 0)
    #expect(ended.report["mode"] as? String == "power")
    #expect(ended.report["cycles"] as? Int == 1)
    #expect(ended.errors.contains("cycle 1: unsynced writes"))
  }
}
