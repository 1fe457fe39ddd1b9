import SimulatedDeployment
import Testing

/// Seeds that failed once, each with what it found; they stay here.
///
/// A change of the simulation gives them other events: they go on as seeds like any other, also
/// where tenants move all the time.
@Suite struct RegressionTests {
  /// Add `seed` with the options it failed under; see docs/how-to/replay-a-seed.md.
  @Test(arguments: FailedSeeds.all) func `a seed that failed holds now`(_ seed: UInt64) {
    #expect(SimulationRun.one(seed: seed).violation == nil)
    #expect(SimulationRun.one(seed: seed, options: .restless).violation == nil)
  }
}

enum FailedSeeds {
  static let all: [UInt64] = [20, 34, 77, 81, 106, 116, 1_846, 2_671, 7_071]
}
