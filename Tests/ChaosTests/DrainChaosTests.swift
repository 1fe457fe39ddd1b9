import Chaos
import Testing

extension SystemChaosTests {
  /// Cells are lost, with a follower and without.
  @Suite struct Drain {
    @Test func `a cell is lost, and its tenants go to the others by follower or archive`()
      async throws
    {
      let cycles = SystemChaosTests.isLong ? 500 : 3
      let report = try await SystemChaosTests.withDirectory { directory in
        await DrainMode(
          SystemChaosTests.plan(cycles, seed: 14, in: directory)
        ).run()
      }
      #expect(report.isOK, "\(report)")
      #expect(report.cycles == cycles)
      #expect(report.acked >= 100 * cycles)
    }
  }
}
