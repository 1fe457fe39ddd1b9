import Chaos
import Foundation
import Testing

/// A few cycles of the modes that attack a whole system; all of them, with
/// `AIMSTORS_LONG_TESTS=1`.
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

  private func kill(cycles: Int, sabotage: String? = nil) async throws -> ChaosReport {
    try await Self.withDirectory(sabotage == nil) { directory in
      await KillMode(
        Self.plan(cycles, seed: 11, sabotage: sabotage, in: directory)
      ).run()
    }
  }

  @Test func `nothing acknowledged is lost or doubled by kill -9`() async throws {
    let cycles = Self.isLong ? 500 : 2
    let report = try await kill(cycles: cycles)
    #expect(report.isOK, "\(report)")
    #expect(report.cycles == cycles)
    #expect(report.acked >= 100 * cycles)
  }

  private func move(cycles: Int, sabotage: String? = nil) async throws -> ChaosReport {
    try await Self.withDirectory(sabotage == nil) { directory in
      await MoveMode(
        Self.plan(cycles, seed: 12, sabotage: sabotage, in: directory)
      ).run()
    }
  }

  @Test func `tenants move and nothing is lost, doubled or owned twice`() async throws {
    let cycles = Self.isLong ? 500 : 2
    let report = try await move(cycles: cycles)
    #expect(report.isOK, "\(report)")
    #expect(report.cycles == cycles)
    #expect(report.ownersMax == 1)
    #expect(report.orphans == 0)
    #expect((report.moves ?? 0) >= 3 * cycles)
    // Something happened to one move of each tenant, and not twice the same.
    #expect(report.faultsHit.count == min(2 * cycles, 81), "\(report.faultsHit)")
  }

  @Test func `a cell is lost, and its tenants go to the others by follower or archive`()
    async throws
  {
    let cycles = Self.isLong ? 500 : 3
    let report = try await Self.withDirectory { directory in
      await DrainMode(
        Self.plan(cycles, seed: 14, in: directory)
      ).run()
    }
    #expect(report.isOK, "\(report)")
    #expect(report.cycles == cycles)
    #expect(report.acked >= 100 * cycles)
  }

  @Test func `a follower takes over in the middle of a move, and nothing is lost`() async throws {
    let cycles = Self.isLong ? 50 : 1
    let report = try await Self.withDirectory { directory in
      await TakeoverMode(
        Self.plan(cycles, seed: 13, in: directory)
      ).run()
    }
    #expect(report.isOK, "\(report)")
    #expect(report.cycles == cycles && report.ownersMax == 1)
  }

  @Test func `a source that goes on after its release is seen`() async throws {
    let report = try await move(cycles: 1, sabotage: "skip-epoch-check")
    #expect(!report.isOK, "\(report)")
    #expect(report.lost + report.duplicated + report.diverged > 0, "\(report)")
  }

  @Test(arguments: ["forget-dedupe", "double-refund", "resend-ambiguous"])
  func `a broken rule is seen`(sabotage: String) async throws {
    let report = try await kill(cycles: 1, sabotage: sabotage)
    #expect(!report.isOK)
    #expect(report.cycles == 1, "\(report.complaints)")
    #expect(
      sabotage == "double-refund" ? report.diverged > 0 : report.duplicated > 0, "\(report)")
  }

  private func refresh(cycles: Int, sabotage: String? = nil) async throws -> ChaosReport {
    try await Self.withDirectory(sabotage == nil) { directory in
      await RefreshMode(
        Self.plan(cycles, seed: 5, sabotage: sabotage, in: directory),
        herd: Self.isLong ? RefreshMode.standardHerd : 200
      ).run()
    }
  }

  @Test func `lost answers, herds and kills log nobody out`() async throws {
    let cycles = Self.isLong ? 100 : 4
    let report = try await refresh(cycles: cycles)
    #expect(report.isOK, "\(report)")
    #expect(report.cycles == cycles && report.acked >= 100 * cycles)
    #expect(report.faultsHit["spent token replayed"] == cycles)
  }

  @Test func `a token that forgets its successor is seen`() async throws {
    let report = try await refresh(cycles: 1, sabotage: "forget-dedupe")
    #expect(!report.isOK && report.lost > 0, "\(report)")
  }
}
