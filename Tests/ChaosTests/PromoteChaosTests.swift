import Chaos
import Testing

extension SystemChaosTests {
  /// Followers take over, and each rule of that is broken once.
  @Suite struct Promote {
    private func promote(cycles: Int, sabotage: String? = nil) async throws -> ChaosReport {
      try await SystemChaosTests.withDirectory(sabotage == nil) { directory in
        await PromoteMode(
          SystemChaosTests.plan(cycles, seed: 3, sabotage: sabotage, in: directory)
        ).run()
      }
    }

    @Test func `a follower takes over, and nobody else serves`() async throws {
      let cycles = SystemChaosTests.isLong ? 500 : 1
      let report = try await promote(cycles: cycles)
      #expect(report.isOK, "\(report)")
      #expect(report.cycles == cycles && report.acked >= 100 * cycles)
      #expect(report.ownersMax == 1 && report.moves == 1)
    }

    @Test func `a primary that serves on under its old generation is seen`() async throws {
      let report = try await promote(cycles: 1, sabotage: "skip-generation-check")
      #expect(!report.isOK && report.ownersMax ?? 0 > 1, "\(report)")
    }

    @Test func `a cell that serves a tenant that has left it is seen`() async throws {
      let report = try await promote(cycles: 1, sabotage: "skip-epoch-check")
      #expect(!report.isOK, "\(report)")
      #expect(report.lost + report.duplicated + report.diverged > 0, "\(report)")
    }
  }
}
