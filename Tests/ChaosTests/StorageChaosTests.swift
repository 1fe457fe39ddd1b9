import Chaos
import Foundation
import Testing

/// A few cycles of each storage mode; the whole count under AIMSTORS_LONG_TESTS=1.
@Suite("Storage chaos", .serialized) struct StorageChaosTests {
  private static let isLong = ProcessInfo.processInfo.environment["AIMSTORS_LONG_TESTS"] == "1"

  private static func cycles(_ few: Int) -> Int { isLong ? 500 : few }

  private func expectClean(_ report: ChaosReport, cycles: Int) {
    #expect(report.isOK, "\(report.json(mode: "storage"))")
    #expect(report.cycles == cycles)
    #expect(report.acked >= 100 * cycles)
  }

  @Test func `power losses lose, double and tear nothing that was acknowledged`() async {
    let cycles = Self.cycles(6)
    let report = await PowerMode().run(cycles: cycles, seed: 1) { _ in }
    expectClean(report, cycles: cycles)
    for fate in ["lost", "kept", "torn"] { #expect(report.faultsHit[fate] ?? 0 > 0) }
  }

  @Test func `a failing call of journal or SQLite costs nothing that was acknowledged`() async {
    let cycles = Self.cycles(8)
    let report = await IOMode().run(cycles: cycles, seed: 1) { _ in }
    expectClean(report, cycles: cycles)
  }

  @Test func `a spoiled journal is found out, and what it lacks is named`() async {
    let cycles = Self.cycles(16)
    let report = await CorruptMode().run(cycles: cycles, seed: 1) { _ in }
    expectClean(report, cycles: cycles)
    #expect(report.faultsHit.count == 8)
  }

  @Test(arguments: ["power", "io", "corrupt"], ["ack-before-fsync", "forget-dedupe"])
  func `a broken rule is caught`(mode: String, sabotage: String) async throws {
    let ended = try await ChaosProcess.run(
      [mode, "--cycles", "6", "--seed", "1", "--sabotage", sabotage])
    #expect(ended.status == 1)
    #expect(ended.report["ok"] as? Bool == false)
    let count = ended.report[sabotage == "forget-dedupe" ? "duplicated" : "lost"] as? Int
    #expect(count ?? 0 > 0, "\(ended.output)")
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

  @Test func `an unknown sabotage is refused`() async throws {
    #expect(try await ChaosProcess.run(["power", "--sabotage", "no-such-rule"]).status != 0)
  }
}
