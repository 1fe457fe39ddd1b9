import Chaos
import Testing

extension SystemChaosTests {
  /// Machines are lost in the middle of moves.
  @Suite struct Takeover {
    @Test func `a follower takes over in the middle of a move, and nothing is lost`() async throws {
      let cycles = SystemChaosTests.isLong ? 50 : 1
      let report = try await SystemChaosTests.withDirectory { directory in
        await TakeoverMode(
          SystemChaosTests.plan(cycles, seed: 13, in: directory)
        ).run()
      }
      #expect(report.isOK, "\(report)")
      #expect(report.cycles == cycles && report.ownersMax == 1)
    }
  }
}
