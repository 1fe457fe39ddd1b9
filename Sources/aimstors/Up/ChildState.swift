/// Where one child stands.
///
/// Decides; the supervisor acts.
struct ChildState: Hashable {
  /// The wait before the first restart of a child in milliseconds; it doubles with every quick
  /// death.
  static let leastWait: Int64 = 100
  static let mostWait: Int64 = 10_000
  /// A child that ran this long in milliseconds starts again with the least wait.
  static let steadyAfter: Int64 = 30_000

  enum Phase: Hashable {
    /// May become `running` or `stopped`.
    case waiting(until: Int64)
    /// May become `waiting` or `stopped`.
    case running(since: Int64)
    case stopped
  }

  private(set) var phase = Phase.waiting(until: 0)
  private(set) var restarts = 0
  private var quickDeaths = 0

  /// Whether the child is to be started at `now`.
  func isDue(at now: Int64) -> Bool {
    if case .waiting(let until) = phase { now >= until } else { false }
  }

  mutating func started(at now: Int64) { phase = .running(since: now) }

  /// The child ended by itself.
  ///
  /// Returns the wait before it is started again, in milliseconds.
  mutating func died(at now: Int64) -> Int64 {
    if case .running(let since) = phase, now - since >= Self.steadyAfter { quickDeaths = 0 }
    let wait = min(Self.leastWait << Int64(min(quickDeaths, 20)), Self.mostWait)
    quickDeaths += 1
    restarts += 1
    phase = .waiting(until: now + wait)
    return wait
  }

  mutating func stop() { phase = .stopped }
}
