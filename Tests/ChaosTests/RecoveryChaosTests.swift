import Chaos
import Testing

/// Promotions and lost control planes: a few cycles, and each rule that they prove, broken once.
extension SystemChaosTests {
  private func promote(cycles: Int, sabotage: String? = nil) async throws -> ChaosReport {
    try await Self.withDirectory(sabotage == nil) { directory in
      await PromoteMode(
        Self.plan(cycles, seed: 3, sabotage: sabotage, in: directory)
      ).run()
    }
  }

  @Test func `a follower takes over, and nobody else serves`() async throws {
    let cycles = Self.isLong ? 500 : 1
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

  private func controlPlane(cycles: Int, sabotage: String? = nil) async throws -> ChaosReport {
    try await Self.withDirectory(sabotage == nil) { directory in
      await ControlPlaneMode(
        Self.plan(cycles, seed: 4, sabotage: sabotage, in: directory)
      ).run()
    }
  }

  @Test func `a control plane that dies, also with its disk, issues nothing twice`() async throws {
    let cycles = Self.isLong ? 500 : 2
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
