import Chaos
import Testing

extension SystemChaosTests {
  /// Tenants move, and one goes on where it must not.
  @Suite struct Move {
    private func move(cycles: Int, sabotage: String? = nil) async throws -> ChaosReport {
      try await SystemChaosTests.withDirectory(sabotage == nil) { directory in
        await MoveMode(
          SystemChaosTests.plan(cycles, seed: 12, sabotage: sabotage, in: directory)
        ).run()
      }
    }

    @Test func `tenants move and nothing is lost, doubled or owned twice`() async throws {
      let cycles = SystemChaosTests.isLong ? 500 : 2
      let report = try await move(cycles: cycles)
      #expect(report.isOK, "\(report)")
      #expect(report.cycles == cycles)
      #expect(report.ownersMax == 1)
      #expect(report.orphans == 0)
      #expect((report.moves ?? 0) >= 3 * cycles)
      // Something happened to one move of each tenant, and not twice the same.
      #expect(report.faultsHit.count == min(2 * cycles, 81), "\(report.faultsHit)")
    }

    @Test func `a source that goes on after its release is seen`() async throws {
      let report = try await move(cycles: 1, sabotage: "skip-epoch-check")
      #expect(!report.isOK, "\(report)")
      #expect(report.lost + report.duplicated + report.diverged > 0, "\(report)")
    }
  }
}
