import Simulation

/// kill -9 of a process that takes the place of a killed one, a moment after it was started: while
/// it replays, writes its journal anew, or is just ready.
struct StartStrike: Hashable, Sendable, CustomStringConvertible {
  /// Of so many cycles one strikes a start; the victims take turns in it, too.
  static let every = 5
  /// Later than this a start is over.
  static let longestDelay = 400
  /// No process is ready as soon as this; every second strike comes so soon.
  static let shortestDelay = 20

  /// Milliseconds that each start is given; one that is struck twice has two.
  let delays: [Int]

  /// Nil: this cycle, counted from 0, lets the killed come back.
  init?(_ cycle: Int, _ random: SeededRandomSource) {
    guard cycle % Self.every == 1 else { return nil }
    let times = random.below(3) == 0 ? 2 : 1
    let isSoon = cycle / Self.every % 2 == 1
    let most = isSoon ? Self.shortestDelay : Self.longestDelay
    delays = (0..<times).map { _ in random.below(most) }
  }

  var description: String {
    "in its place " + delays.map { "after \($0) ms" }.joined(separator: " and ")
  }

  /// Notes that a process was killed: in its start, or when it was just ready.
  static func note(_ id: String, wasReady: Bool, _ report: inout ChaosReport) {
    let name = wasReady ? justReady : duringStart
    report.hit(name)
    report.hit("\(name) \(id)")
  }

  /// What a run did not show that should have; few cycles may find everybody ready.
  static func complaint(about report: ChaosReport) -> String? {
    let (starting, ready) = (report.faultsHit[duringStart], report.faultsHit[justReady])
    if report.cycles > 1, starting == nil, ready == nil {
      return "nobody was killed in the place of another"
    }
    return report.cycles >= leastCycles && starting == nil
      ? "nobody was killed before it was ready" : nil
  }

  private static let duringStart = "kill_during_start"
  private static let justReady = "kill_just_ready"
  /// With so many cycles two strikes come soon.
  static let leastCycles = 25

  /// Strikes what is started in the place of `killed`; answers whom.
  func run(
    _ system: SystemUnderAttack, _ killed: SystemUnderAttack.Member,
    _ report: inout ChaosReport
  ) async throws -> Set<Int32> {
    var struck: Set<Int32> = []
    var last = killed.pid
    var starting = 0
    for delay in delays {
      let before = last
      try await wait("\(killed.id) is started again", seconds: SystemUnderAttack.startSeconds) {
        try system.lastStarted(killed.id) != before
      }
      last = try system.lastStarted(killed.id)
      try await Task.sleep(for: .milliseconds(delay))
      let wasReady = try system.isLastReady(killed.id)
      struck.insert(last)
      guard try system.killLast(killed.id) else {
        report.hit("ended by itself before the strike")
        continue
      }
      Self.note(killed.id, wasReady: wasReady, &report)
      if !wasReady { starting += 1 }
    }
    if starting > 1 { report.hit("\(Self.duringStart) twice") }
    return struck
  }
}
