/// A rate with a burst, exact: GCRA over integer milliseconds times 1,000.
struct RateMeter: Sendable {
  /// Microseconds that one event costs.
  let costMicroseconds: Int64
  /// Events that may come at once.
  let burst: Int64
  private var full: Int64 = .min

  init(perSecond: Int64, burst: Int64) {
    self.init(costMicroseconds: 1_000_000 / max(1, perSecond), burst: burst)
  }

  init(costMicroseconds: Int64, burst: Int64) {
    self.costMicroseconds = costMicroseconds
    self.burst = burst
  }

  /// Whether one more event fits at `now` (milliseconds of a clock that does not go back).
  ///
  /// A refusal changes nothing.
  mutating func admit(at now: Int64) -> Bool {
    let now = now * 1000
    let start = max(full, now)
    guard start - now <= costMicroseconds * (burst - 1) else { return false }
    full = start + costMicroseconds
    return true
  }
}
