import SimulatedDeployment
import Testing

@Suite struct MoveTests {
  @Test(arguments: [2, 3]) func `a restless tenant loses nothing, whatever ends its moves`(
    _ cells: Int
  ) {
    var options = SimulationOptions.restless
    options.cells = cells
    // Also where disks are full and clocks set; what came up is counted without these.
    #expect(SimulationRun.many(20, options: options).failed == nil, "\(cells) cells")
    let result = SimulationRun.many(20, options: options.plain)
    #expect(result.failed == nil, "\(cells) cells, plain")
    let sometimes = result.sometimes
    #expect(sometimes.replaced > 40)
    #expect(sometimes.returned > 20)
    #expect(sometimes.servedWhileMoving > 200)
    #expect(sometimes.burned > 20)
    #expect(sometimes.refused > 10)
    #expect(sometimes.refusedByTarget > 0)
    #expect(sometimes.releaseResent > 0)
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
    let violation = firstViolation(.skipHashCheck)
    #expect(violation?.contains("has lost records") ?? false, "\(violation ?? "none")")
  }

  @Test func `a source that serves again after its release is seen`() {
    let violation = firstViolation(.resumeAfterRelease)
    #expect(violation != nil)
  }

  /// What a few seeds find where a rule is broken that they find nothing with.
  private func firstViolation(_ rule: SimulationOptions.BrokenRule) -> String? {
    var options = SimulationOptions.restless.plain
    options.brokenRule = rule
    guard let failed = SimulationRun.many(10, options: options).failed else { return nil }
    #expect(SimulationRun.one(seed: failed.seed, options: .restless.plain).violation == nil)
    return failed.violation
  }
}
