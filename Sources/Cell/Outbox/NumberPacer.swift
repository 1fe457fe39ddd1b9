/// The pace of one number: a token bucket that never lets more than its rate go in any second.
///
/// A tenth of the rate may go at once and nine tenths are refilled per second, so that burst and
/// refill together stay within the rate in every window of a second. Times are nanoseconds of a
/// clock that never goes back.
struct NumberPacer: Hashable, Sendable {
  private(set) var ratePerSecond: Int
  /// Billionths of a token.
  private var tokens: Int64
  private var updatedAt: UInt64
  /// Nothing goes before this moment.
  private var pausedUntil: UInt64 = 0
  /// Half the rate until this moment.
  private var slowUntil: UInt64 = 0

  /// How long a number that was told to slow down keeps to half its rate.
  static let slowNanoseconds: UInt64 = 60_000_000_000
  /// More than any number of WhatsApp's may send; what another cell says is held below it.
  static let largestRate = 1_000_000
  private static let one: Int64 = 1_000_000_000

  init(ratePerSecond: Int, now: UInt64) {
    self.ratePerSecond = max(1, ratePerSecond)
    tokens = Int64(max(1, ratePerSecond / 10)) * Self.one
    updatedAt = now
  }

  /// Tokens that may gather.
  var burst: Int { max(1, ratePerSecond / 10) }

  mutating func setRate(_ rate: Int) {
    ratePerSecond = max(1, rate)
    tokens = min(tokens, Int64(burst) * Self.one)
  }

  /// How many may go now.
  mutating func available(_ now: UInt64) -> Int {
    refill(now)
    return now < pausedUntil ? 0 : Int(tokens / Self.one)
  }

  /// Takes tokens that are available.
  mutating func take(_ count: Int, _ now: UInt64) {
    refill(now)
    tokens -= Int64(count) * Self.one
  }

  /// Graph said that the number sends too fast: nothing for a while, then half the rate.
  mutating func slowDown(nanoseconds: UInt64, _ now: UInt64) {
    refill(now)
    tokens = 0
    pausedUntil = max(pausedUntil, now + nanoseconds)
    slowUntil = max(slowUntil, now + nanoseconds + Self.slowNanoseconds)
  }

  /// How long until `count` tokens are there; more than the burst never gather.
  mutating func wait(for count: Int, _ now: UInt64) -> UInt64 {
    refill(now)
    let missing = Int64(min(count, burst)) * Self.one - tokens
    let refillTime =
      missing > 0 ? UInt64((missing + perNanosecond(now) - 1) / perNanosecond(now)) : 0
    let pause = pausedUntil > now ? pausedUntil - now : 0
    return max(refillTime, pause)
  }

  /// Billionths of a token that are refilled per nanosecond: tokens per second.
  private func perNanosecond(_ now: UInt64) -> Int64 {
    let full = Int64(max(1, ratePerSecond - (ratePerSecond >= 10 ? burst : 0)))
    return now < slowUntil ? max(1, full / 2) : full
  }

  private mutating func refill(_ now: UInt64) {
    guard now > updatedAt else { return }
    // A long idle time is capped before it is multiplied.
    let elapsed = Int64(min(now - updatedAt, 10_000_000_000))
    tokens = min(Int64(burst) * Self.one, tokens + elapsed * perNanosecond(now))
    updatedAt = now
  }

  /// Whether it may do all that a new one may.
  func isRested(_ now: UInt64) -> Bool {
    let left = left(now)
    return left.pausedFor == 0 && left.slowFor == 0 && left.tokens == Int64(burst) * Self.one
  }

  // On its way to another cell, whose clock is another.

  /// The state as of now.
  struct Left: Hashable, Sendable {
    let ratePerSecond: Int
    /// Billionths of a token.
    let tokens: Int64
    /// Nanoseconds.
    let pausedFor: UInt64
    let slowFor: UInt64
  }

  /// The longest pause that another cell may ask for.
  static let longestPauseNanoseconds: UInt64 = 3_600_000_000_000

  func left(_ now: UInt64) -> Left {
    var current = self
    current.refill(now)
    return Left(
      ratePerSecond: ratePerSecond, tokens: current.tokens,
      pausedFor: pausedUntil > now ? pausedUntil - now : 0,
      slowFor: slowUntil > now ? slowUntil - now : 0)
  }

  init(_ left: Left, now: UInt64) {
    self.init(ratePerSecond: min(left.ratePerSecond, Self.largestRate), now: now)
    tokens = min(tokens, max(0, left.tokens))
    pausedUntil = now + min(left.pausedFor, Self.longestPauseNanoseconds)
    slowUntil = now + min(left.slowFor, Self.longestPauseNanoseconds + Self.slowNanoseconds)
  }
}
