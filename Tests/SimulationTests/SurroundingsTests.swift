import SimulatedDeployment
import Testing

/// Trimming, full disks and clocks that are set, each alone.
@Suite struct SurroundingsTests {
  private static let seeds = 30

  @Test func `a trimmed journal and its heads are all that a start needs`() {
    var options = SimulationOptions()
    options.fullDisks = 0
    options.clockSteps = 0
    let result = SimulationRun.many(Self.seeds, options: options)
    #expect(result.failed == nil)
    #expect(result.sometimes.trimmed > Self.seeds)
    #expect(result.sometimes.startedTrimmed > Self.seeds)
  }

  @Test func `a full disk refuses, and goes on once it has room`() {
    var options = SimulationOptions()
    options.trims = false
    options.clockSteps = 0
    let result = SimulationRun.many(Self.seeds, options: options)
    #expect(result.failed == nil)
    #expect(result.sometimes.cutForRoom > 0)
    #expect(result.sometimes.stalled > 0)
    #expect(result.sometimes.caughtUp > 0)
    #expect(result.sometimes.trimmed == 0)
  }

  /// Short writes and errors are drawn there as everywhere: they are no witnesses of a full disk.
  @Test func `a call that fails while there is room is not a full disk's doing`() {
    var options = SimulationOptions()
    options.trims = false
    options.clockSteps = 0
    options.roomLeft = 1 << 40
    let result = SimulationRun.many(Self.seeds, options: options)
    #expect(result.failed == nil)
    let sometimes = result.sometimes
    #expect(sometimes.cut > 0)
    #expect(sometimes.cutForRoom == 0)
    #expect(sometimes.stalled == 0)
    #expect(sometimes.caughtUp == 0)
    #expect(sometimes.usedReserve == 0)
    #expect(sometimes.importWithoutRoom == 0)
  }

  /// The trace of a seed, but for what is said of clocks.
  private func trace(_ seed: UInt64, _ options: SimulationOptions) -> [String] {
    var lines: [String] = []
    let outcome = SimulationRun.one(seed: seed, options: options) { line in
      if !line.contains("clock") { lines.append(line) }
    }
    #expect(outcome.violation == nil)
    return lines
  }

  @Test(arguments: [7, 42, 7_071] as [UInt64])
  func `clocks that are set change a tenant's time, and no other choice`(_ seed: UInt64) {
    var options = SimulationOptions().plain
    let plain = trace(seed, options)
    options.clockSteps = 1_000
    #expect(plain.count > 500)
    #expect(trace(seed, options) == plain)
    #expect(SimulationRun.one(seed: seed, options: options).sometimes.clockBehind > 0)
  }
}
