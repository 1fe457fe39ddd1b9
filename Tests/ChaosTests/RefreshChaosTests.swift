import Chaos
import Testing

extension SystemChaosTests {
  /// Sessions are renewed under lost answers.
  @Suite struct Refresh {
    private func refresh(cycles: Int, sabotage: String? = nil) async throws -> ChaosReport {
      try await SystemChaosTests.withDirectory(sabotage == nil) { directory in
        await RefreshMode(
          SystemChaosTests.plan(cycles, seed: 5, sabotage: sabotage, in: directory),
          herd: SystemChaosTests.isLong ? RefreshMode.standardHerd : 200
        ).run()
      }
    }

    @Test func `lost answers, herds and kills log nobody out`() async throws {
      let cycles = SystemChaosTests.isLong ? 100 : 4
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
}
