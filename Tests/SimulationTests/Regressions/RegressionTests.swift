import SimulatedDeployment
import Testing

/// Seeds that failed once, each with what it found; they stay here.
///
/// `SimulationOptions.plain` gives them the choices and events that they have had since before
/// trimming, full disks and clocks were simulated. With those, and after any other change of the
/// simulation, they have other events and go on as seeds like any other, also where tenants move
/// all the time.
@Suite struct RegressionTests {
  /// Add `seed` with the options it failed under; see docs/how-to/replay-a-seed.md.
  @Test(arguments: FailedSeeds.all) func `a seed that failed holds now`(_ seed: UInt64) {
    for options in [SimulationOptions(), .restless] {
      #expect(SimulationRun.one(seed: seed, options: options.plain).violation == nil)
      #expect(SimulationRun.one(seed: seed, options: options).violation == nil)
    }
  }
}

enum FailedSeeds {
  static let all: [UInt64] = [20, 34, 77, 81, 106, 116, 1_846, 2_671, 7_071]
}
