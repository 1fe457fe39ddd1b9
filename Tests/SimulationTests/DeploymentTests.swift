import Foundation
import SimulatedDeployment
import Testing

@Suite struct DeploymentTests {
  /// 200; ten thousand with `AIMSTORS_LONG_TESTS=1`.
  private static let seeds =
    ProcessInfo.processInfo.environment["AIMSTORS_LONG_TESTS"] == nil ? 200 : 10_000

  @Test func `many seeds keep every invariant and meet what must be met`() {
    let result = SimulationRun.many(Self.seeds)
    #expect(result.failed == nil, "replay with tools/simulate --seed")
    #expect(result.outcomes == Self.seeds)
    #expect(result.sometimes.missing == [])
    #expect(result.sometimes.acked > 10 * Self.seeds)
    #expect(result.sometimes.replaced > 0)
  }

  @Test func `the same seed gives the same events`() {
    var traces: [[String]] = [[], []]
    let outcomes = [0, 1].map { index in
      SimulationRun.one(seed: 42) { traces[index].append($0) }
    }
    #expect(outcomes[0] == outcomes[1])
    #expect(traces[0] == traces[1])
    #expect(traces[0].count > 500)
  }

  @Test(arguments: SimulationOptions.BrokenRule.allCases)
  func `a broken rule is seen`(_ rule: SimulationOptions.BrokenRule) {
    var options = SimulationOptions()
    options.brokenRule = rule
    let failed = SimulationRun.many(100, options: options).failed
    #expect(failed != nil)
    // The same seed keeps all invariants with the rule in place.
    if let failed { #expect(SimulationRun.one(seed: failed.seed).violation == nil) }
  }
}
