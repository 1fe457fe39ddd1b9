import ArgumentParser
import Foundation
import GraphSimulator

/// `tools/chaos kill`: kill -9 of one process after another under load, against a private system.
struct KillCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "chaos-kill", abstract: "kill -9 under load.", shouldDisplay: false)

  @Option(help: "How many processes are killed, one per cycle.") var cycles = 20
  @Option(help: "Chooses what is killed and when.") var seed: UInt64 = 1
  @Option(help: "A rule that the processes break on purpose (test builds).") var sabotage: String?
  @Option(help: "Leave logs and data in this directory.") var keep: String?

  func run() async throws {
    guard cycles > 0 else {
      throw CommandFailure(.usage, code: "usage", detail: "--cycles must be at least 1")
    }
    let directory =
      try keep.map { (path) throws(CommandFailure) in try LocalSystem.absolute(path) }
      ?? SmokeCommand.temporary()
    var report = KillReport()
    let started = ContinuousClock.now
    do throws(CommandFailure) {
      let system = try await PrivateSystem.start(in: directory, sabotage: sabotage)
      var journey = try await KillJourney(system, seed: seed)
      do throws(CommandFailure) {
        try await journey.run(cycles: cycles)
        report = journey.report
      } catch {
        report = journey.report
        report.complaints.append("\(error.code): \(error.detail)")
      }
      await system.stop()
    } catch {
      report.complaints.append("\(error.code): \(error.detail)")
    }
    let elapsed = (ContinuousClock.now - started).components
    report.seconds = Double(elapsed.seconds) + Double(elapsed.attoseconds) / 1e18
    for line in report.complaints { Console.error("kill: \(line)") }
    if keep == nil, report.isOK {
      try? FileManager.default.removeItem(atPath: directory)
    } else {
      Console.error("kill: logs and data are in \(directory)")
    }
    Console.out(report.json.serialized())
    if !report.isOK { exitProcess(.refused) }
  }
}
