import ArgumentParser
import Chaos
import Foundation
import Platform

/// What every mode takes, and how every mode ends.
struct ChaosOptions: ParsableArguments {
  @Option(help: "How many cycles; each meets one fault, named on stderr.")
  var cycles = 10
  @Option(help: "Where the faults are drawn from; the same seed draws the same ones.")
  var seed: UInt64 = 1
  @Option(help: "Breaks this rule of the system on purpose: the mode must exit 1.")
  var sabotage: String?

  func validate() throws {
    guard cycles > 0 else { throw ValidationError("--cycles must be at least 1") }
    guard let sabotage else { return }
    guard Sabotage(rawValue: sabotage) != nil else {
      let names = Sabotage.allCases.map(\.rawValue).joined(separator: ", ")
      throw ValidationError("unknown sabotage '\(sabotage)'; there are: \(names)")
    }
  }

  /// Runs a mode under the chosen sabotage, prints its report and exits 1 where it is not ok.
  ///
  /// `body` writes the fault of each cycle through the closure it is given.
  func run(
    _ mode: String, _ body: (@escaping @Sendable (String) -> Void) async throws -> ChaosReport
  ) async throws {
    // Before anything asks for it: the switch is read once. Child processes inherit it.
    if let sabotage { setenv("AIMSTORS_SABOTAGE", sabotage, 1) }
    let clock = ContinuousClock()
    let began = clock.now
    var report = try await body { line in
      FileHandle.standardError.write(Data("\(mode): \(line)\n".utf8))
    }
    report.seconds = (clock.now - began) / .seconds(1)
    FileHandle.standardOutput.write(Data((report.json(mode: mode) + "\n").utf8))
    guard report.isOK else { throw ExitCode(1) }
  }
}
