import Chaos
import Foundation
import Testing

/// A few cycles of the modes that attack a whole system; all of them, with
/// `AIMSTORS_LONG_TESTS=1`.
///
/// Each mode is a suite within this one: one after the other here, and each an invocation of its
/// own, with its own time, in `tools/test --long`.
@Suite(.serialized) struct SystemChaosTests {
  static let isLong = ProcessInfo.processInfo.environment["AIMSTORS_LONG_TESTS"] == "1"

  /// Where the programs of this build stand: beside the test program.
  static var binaries: String {
    let own = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
    return URL(fileURLWithPath: own).deletingLastPathComponent().path
  }

  /// A directory of its own, which stays where the report is not what was expected.
  static func withDirectory(
    _ expected: Bool = true, _ body: (String) async throws -> ChaosReport
  ) async throws -> ChaosReport {
    let directory =
      FileManager.default.temporaryDirectory.path + "/aimstors-chaos-\(UUID().uuidString)"
    let report = try await body(directory)
    if report.isOK == expected { try? FileManager.default.removeItem(atPath: directory) }
    return report
  }

  static func plan(
    _ cycles: Int, seed: UInt64, sabotage: String? = nil, in directory: String
  ) -> AttackPlan {
    AttackPlan(
      cycles: cycles, seed: seed, sabotage: sabotage, binaries: binaries, directory: directory,
      say: { _ in })
  }
}
