import Chaos
import Testing

extension SystemChaosTests {
  /// Processes are killed under load.
  @Suite struct Kill {
    private func kill(cycles: Int, sabotage: String? = nil) async throws -> ChaosReport {
      try await SystemChaosTests.withDirectory(sabotage == nil) { directory in
        await KillMode(
          SystemChaosTests.plan(cycles, seed: 11, sabotage: sabotage, in: directory)
        ).run()
      }
    }

    @Test func `nothing acknowledged is lost or doubled by kill -9`() async throws {
      let cycles = SystemChaosTests.isLong ? 500 : 2
      let report = try await kill(cycles: cycles)
      #expect(report.isOK, "\(report)")
      #expect(report.cycles == cycles)
      #expect(report.acked >= 100 * cycles)
    }

    @Test(arguments: ["forget-dedupe", "double-refund", "resend-ambiguous"])
    func `a broken rule is seen`(sabotage: String) async throws {
      let report = try await kill(cycles: 1, sabotage: sabotage)
      #expect(!report.isOK)
      #expect(report.cycles == 1, "\(report.complaints)")
      #expect(
        sabotage == "double-refund" ? report.diverged > 0 : report.duplicated > 0, "\(report)")
    }
  }
}
