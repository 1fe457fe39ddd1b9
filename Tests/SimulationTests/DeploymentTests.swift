import SimulatedDeployment
import Testing

@Suite struct DeploymentTests {
  @Test func `two hundred seeds keep every invariant and meet what must be met`() {
    let result = SimulationRun.many(200)
    #expect(result.failed == nil, "replay with tools/simulate --seed")
    #expect(result.sometimes.missing == [])
    #expect(result.sometimes.acked > 2_000)
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
