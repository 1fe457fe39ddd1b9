import Chaos
import Foundation
import Testing

/// A few cycles of each storage mode; the whole count under AIMSTORS_LONG_TESTS=1.
@Suite("Chaos of the storage", .serialized) struct StorageModesTests {
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
  func `a broken rule is caught`(mode: String, sabotage: String) throws {
    let run = try chaos([mode, "--cycles", "6", "--seed", "1", "--sabotage", sabotage])
    #expect(run.status == 1)
    let report = try #require(
      JSONSerialization.jsonObject(with: Data(run.last.utf8)) as? [String: Any])
    #expect(report["ok"] as? Bool == false)
    let count = report[sabotage == "forget-dedupe" ? "duplicated" : "lost"] as? Int
    #expect(count ?? 0 > 0, "\(run.last)")
  }

  @Test func `the command ends with one JSON object, and names each fault on stderr`() throws {
    let run = try chaos(["power", "--cycles", "1", "--seed", "3"])
    #expect(run.status == 0)
    let report = try #require(
      JSONSerialization.jsonObject(with: Data(run.last.utf8)) as? [String: Any])
    #expect(report["mode"] as? String == "power")
    #expect(report["cycles"] as? Int == 1)
    #expect(run.errors.contains("cycle 1: unsynced writes"))
  }

  @Test func `an unknown sabotage is refused`() throws {
    #expect(try chaos(["power", "--sabotage", "no-such-rule"]).status != 0)
  }
}

/// Runs the chaos command that stands beside the test program.
private func chaos(
  _ arguments: [String]
) throws -> (status: Int32, last: String, errors: String) {
  let program = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
  let process = Process()
  process.executableURL = program.deletingLastPathComponent().appendingPathComponent(
    "ChaosCommand")
  process.arguments = arguments
  let directory = FileManager.default.temporaryDirectory
  let output = directory.appendingPathComponent("chaos-\(UUID().uuidString)")
  let errors = directory.appendingPathComponent("chaos-\(UUID().uuidString)")
  for file in [output, errors] { try Data().write(to: file) }
  defer { for file in [output, errors] { try? FileManager.default.removeItem(at: file) } }
  process.standardOutput = try FileHandle(forWritingTo: output)
  process.standardError = try FileHandle(forWritingTo: errors)
  try process.run()
  process.waitUntilExit()
  let lines = String(decoding: try Data(contentsOf: output), as: UTF8.self).split(separator: "\n")
  return (
    process.terminationStatus, lines.last.map(String.init) ?? "",
    String(decoding: try Data(contentsOf: errors), as: UTF8.self)
  )
}
