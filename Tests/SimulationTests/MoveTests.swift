import SimulatedDeployment
import Testing

@Suite struct MoveTests {
  @Test(arguments: [2, 3]) func `a restless tenant loses nothing, whatever ends its moves`(
    _ cells: Int
  ) {
    var options = SimulationOptions.restless
    options.cells = cells
    let result = SimulationRun.many(20, options: options.plain)
    #expect(result.failed == nil, "\(cells) cells")
    let sometimes = result.sometimes
    #expect(sometimes.replaced > 40)
    #expect(sometimes.returned > 20)
    #expect(sometimes.servedWhileMoving > 200)
    #expect(sometimes.burned > 20)
    #expect(sometimes.refused > 10)
    #expect(sometimes.refusedByTarget > 0)
    #expect(sometimes.releaseResent > 0)
  }

  @Test(arguments: [2, 3]) func `nor where disks are full and clocks are set meanwhile`(
    _ cells: Int
  ) {
    var options = SimulationOptions.restless
    options.cells = cells
    let result = SimulationRun.many(20, options: options)
    #expect(result.failed == nil, "\(cells) cells")
    // Low bounds: each says only that the one came up beside the other.
    let sometimes = result.sometimes
    #expect(sometimes.replaced > 10)
    #expect(sometimes.returned > 0)
    #expect(sometimes.trimmed > 0)
    #expect(sometimes.cutForRoom > 0)
    #expect(sometimes.stalled > 0)
    #expect(sometimes.clockBehind > 0)
  }

  @Test func `the same seed moves a tenant in the same way`() {
    var traces: [[String]] = [[], []]
    for index in 0...1 {
      _ = SimulationRun.one(seed: 7, options: .restless) { traces[index].append($0) }
    }
    #expect(traces[0] == traces[1])
    #expect(traces[0].contains { $0.contains("adopted") })
  }

  @Test func `a target that adopts without the last records is seen to lose them`() {
    let violation = firstViolation(.skipHashCheck, SimulationOptions.restless.plain)
    #expect(violation?.contains("has lost records") ?? false, "\(violation ?? "none")")
  }

  @Test func `a source that serves again after its release is seen`() {
    #expect(firstViolation(.resumeAfterRelease, SimulationOptions.restless.plain) != nil)
  }

  /// Other seeds may fail there, and of something else that follows from the same.
  @Test(arguments: [SimulationOptions.BrokenRule.skipHashCheck, .resumeAfterRelease])
  func `full disks and clocks hide neither`(_ rule: SimulationOptions.BrokenRule) {
    #expect(firstViolation(rule, SimulationOptions.restless, among: 40) != nil)
  }

  /// What a few seeds find where a rule is broken that they find nothing with.
  private func firstViolation(
    _ rule: SimulationOptions.BrokenRule, _ options: SimulationOptions, among seeds: Int = 10
  ) -> String? {
    var broken = options
    broken.brokenRule = rule
    guard let failed = SimulationRun.many(seeds, options: broken).failed else { return nil }
    #expect(SimulationRun.one(seed: failed.seed, options: options).violation == nil)
    return failed.violation
  }
}
