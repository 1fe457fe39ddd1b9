import Simulation

/// kill -9 of a process that takes the place of a killed one, a moment after it was started: while
/// it replays, writes its journal anew, or is just ready.
struct StartStrike: Hashable, Sendable, CustomStringConvertible {
  /// Of so many cycles one strikes a start; the victims take turns in it, too.
  static let every = 5
  /// Later than this a start is over.
  static let longestDelay = 400

  /// Milliseconds that each start is given; one that is struck twice has two.
  let delays: [Int]

  /// Nil: this cycle, counted from 0, lets the killed come back.
  init?(_ cycle: Int, _ random: SeededRandomSource) {
    guard cycle % Self.every == 1 else { return nil }
    let times = random.below(3) == 0 ? 2 : 1
    delays = (0..<times).map { _ in random.below(Self.longestDelay) }
  }

  var description: String {
    "in its place " + delays.map { "after \($0) ms" }.joined(separator: " and ")
  }

  /// Strikes what is started in the place of `killed`; answers whom.
  func run(
    _ system: SystemUnderAttack, _ killed: SystemUnderAttack.Member,
    _ report: inout ChaosReport
  ) async throws -> Set<Int32> {
    var struck: Set<Int32> = []
    var last = killed.pid
    for delay in delays {
      let before = last
      try await wait("\(killed.id) is started again", seconds: SystemUnderAttack.startSeconds) {
        try system.lastStarted(killed.id) != before
      }
      last = try system.lastStarted(killed.id)
      try await Task.sleep(for: .milliseconds(delay))
      let wasReady = try system.isLastReady(killed.id)
      try system.killLast(killed.id)
      struck.insert(last)
      report.hit("kill_during_start")
      report.hit("kill_during_start \(killed.id)")
      if !wasReady { report.hit("killed before it was ready") }
    }
    if delays.count > 1 { report.hit("kill_during_start twice") }
    return struck
  }
}
