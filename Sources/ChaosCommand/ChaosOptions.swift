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
  /// `body` writes the fault of each cycle through the closure it is given. Throws a usage error
  /// for a sabotage that the mode cannot show: its success would say nothing.
  func run(
    _ mode: Mode, _ body: (@escaping @Sendable (String) -> Void) async throws -> ChaosReport
  ) async throws {
    if let sabotage {
      guard mode.shows.contains(where: { $0.rawValue == sabotage }) else {
        throw ValidationError(mode.cannotShow(sabotage))
      }
      // Before anything asks for it: the switch is read once. Child processes inherit it.
      setenv("AIMSTORS_SABOTAGE", sabotage, 1)
    }
    let clock = ContinuousClock()
    let began = clock.now
    var report = try await body { line in
      FileHandle.standardError.write(Data("\(mode.rawValue): \(line)\n".utf8))
    }
    report.seconds = (clock.now - began) / .seconds(1)
    FileHandle.standardOutput.write(Data((report.json(mode: mode.rawValue) + "\n").utf8))
    guard report.isOK else { throw ExitCode(1) }
  }
}

/// A way of breaking things.
enum Mode: String, CaseIterable {
  case kill, promote, move, hostile, diskfull, corrupt, power, io, restore, archive, refresh
  case upgrade, partition, drain, takeover
  case still = "static"
  case controlPlane = "control-plane"

  /// The broken rules that its checks see.
  var shows: [Sabotage] {
    switch self {
    case .kill: [.forgetDedupe, .doubleRefund, .resendAmbiguous]
    case .promote:
      [
        .skipGenerationCheck, .skipEpochCheck, .forgetDedupe, .doubleRefund, .resendAmbiguous,
      ]
    case .move: [.skipEpochCheck, .forgetDedupe, .doubleRefund, .resendAmbiguous]
    case .upgrade, .still, .partition, .drain, .takeover: []
    case .controlPlane: [.skipSurvey, .doubleRefund]
    case .hostile, .restore, .archive: []
    case .power, .io: [.ackBeforeFsync, .forgetDedupe]
    case .diskfull, .corrupt, .refresh: [.forgetDedupe]
    }
  }

  func cannotShow(_ sabotage: String) -> String {
    let others = Self.allCases.filter { $0.shows.contains { $0.rawValue == sabotage } }
    let places = others.map { "tools/chaos \($0.rawValue)" }
    // The fences between owners need more than one owner: only the simulation moves tenants.
    let hint = places.isEmpty ? "tools/simulate does" : places.joined(separator: ", ") + " do"
    return "chaos \(rawValue) cannot show '\(sabotage)'; \(hint)"
  }
}
