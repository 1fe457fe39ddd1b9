import Chaos
import Testing

extension SystemChaosTests {
  /// Control planes are lost, and the rule of their return is broken once.
  @Suite struct ControlPlane {
    private func controlPlane(cycles: Int, sabotage: String? = nil) async throws -> ChaosReport {
      try await SystemChaosTests.withDirectory(sabotage == nil) { directory in
        await ControlPlaneMode(
          SystemChaosTests.plan(cycles, seed: 4, sabotage: sabotage, in: directory)
        ).run()
      }
    }

    @Test func `a control plane that dies, also with its disk, issues nothing twice`() async throws
    {
      let cycles = SystemChaosTests.isLong ? 500 : 2
      let report = try await controlPlane(cycles: cycles)
      #expect(report.isOK, "\(report)")
      #expect(report.cycles == cycles && report.acked >= 100 * cycles)
      #expect(report.ownersMax == 1 && report.faultsHit.count == 2)
    }

    @Test func `a control plane that does not ask the cells is seen`() async throws {
      let report = try await controlPlane(cycles: 1, sabotage: "skip-survey")
      // Rivals got what others hold, or those who hold it were refused.
      #expect(!report.isOK && report.faultsHit.count == 1, "\(report)")
    }
  }
}
