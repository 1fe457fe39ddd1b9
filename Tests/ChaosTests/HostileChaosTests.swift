import Testing

@testable import Chaos

extension SystemChaosTests {
  /// Peers that mean harm, beside honest clients.
  @Suite struct Hostile {
    @Test func `hostile peers at every port cost honest clients nothing`() async throws {
      let cycles = SystemChaosTests.isLong ? 500 : 1
      let report = try await SystemChaosTests.withDirectory { directory in
        await HostileMode(
          AttackPlan(
            cycles: cycles, seed: 5, binaries: SystemChaosTests.binaries, directory: directory,
            say: { _ in }),
          connections: SystemChaosTests.isLong ? 100_000 : 2_000
        ).run()
      }
      #expect(report.isOK, "\(report)")
      #expect(report.acked >= 100 * cycles)
      #expect(report.faultsHit.count == HostilePeer.Manner.allCases.count)
    }
  }
}
