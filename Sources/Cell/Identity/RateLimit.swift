import Wire

/// How many requests a key may make: a sustained rate and what may come at once.
struct RateLimit: Hashable, Sendable {
  let perSecond: Int64
  let burst: Int64
  /// Nanoseconds that one request takes of the rate; rounded up, so that the rate is never passed.
  let interval: Int64

  /// Where a key's creator names none.
  static let standard = RateLimit(trusted: 1_000, burst: 1_000)
  static let largestRate: Int64 = 1_000_000
  static let largestBurst: Int64 = 1_000_000

  /// For rows that were checked when they were written.
  init(trusted perSecond: Int64, burst: Int64) {
    self.perSecond = perSecond
    self.burst = burst
    interval = (1_000_000_000 + perSecond - 1) / perSecond
  }

  /// A rate of less than one a second.
  init(interval: Int64, burst: Int64) {
    perSecond = 1
    self.burst = burst
    self.interval = interval
  }

  /// Throws `invalid_field` outside 1 to ``largestRate`` and ``largestBurst``.
  init(perSecond: Int64, burst: Int64) throws(Failure) {
    guard (1...Self.largestRate).contains(perSecond) else {
      throw Failure(.invalidField, "rate.per_second must be between 1 and \(Self.largestRate)")
    }
    guard (1...Self.largestBurst).contains(burst) else {
      throw Failure(.invalidField, "rate.burst must be between 1 and \(Self.largestBurst)")
    }
    self.init(trusted: perSecond, burst: burst)
  }
}

/// The exact generic cell rate algorithm, in integer nanoseconds with one timestamp as its state.
///
/// In any window of length t at most burst + rate · t requests pass. A refusal changes nothing.
struct RateMeter: Hashable, Sendable {
  enum Verdict: Hashable, Sendable {
    /// How many more could come now.
    case allowed(remaining: Int64)
    case refused(retryAfterNanoseconds: Int64)
  }

  /// When the bucket is empty again: the theoretical arrival time of the next request.
  private(set) var emptyAt: Int64

  /// A meter at `now`; without a burst where what came before is not known.
  init(now: Int64, limit: RateLimit, withBurst: Bool) {
    emptyAt = withBurst ? now : now + (limit.burst - 1) * limit.interval
  }

  /// A meter that was another cell's.
  init(emptyAt: Int64) { self.emptyAt = emptyAt }

  mutating func take(now: Int64, limit: RateLimit) -> Verdict {
    let tolerance = (limit.burst - 1) * limit.interval
    let base = max(emptyAt, now)
    let early = base - now - tolerance
    guard early <= 0 else { return .refused(retryAfterNanoseconds: early) }
    emptyAt = base + limit.interval
    return .allowed(remaining: (tolerance - (base - now)) / limit.interval)
  }
}
