import Simulation
import Testing
import Wire

@testable import Cell

@Suite("Rate limit") struct RateLimitTests {
  /// In any window of length t at most burst + rate · t pass, and a refusal changes nothing.
  @Test(arguments: 1...60)
  func `no window holds more than burst and rate allow`(seed: Int) throws {
    let dice = Dice(seed: UInt64(seed))
    let limit = try RateLimit(
      perSecond: 1 + Int64(dice.below(300)), burst: 1 + Int64(dice.below(40)))
    var meter = RateMeter(now: 0, limit: limit, withBurst: dice.below(2) == 0)
    var now: Int64 = 0
    var passed: [Int64] = []
    for _ in 0..<600 {
      now += Int64(dice.below(3) == 0 ? dice.below(40_000_000) : dice.below(2_000))
      let before = meter
      switch meter.take(now: now, limit: limit) {
      case .allowed: passed.append(now)
      case .refused(let wait):
        #expect(meter == before)
        var later = meter
        #expect(wait > 0)
        guard case .refused = later.take(now: now + wait - 1, limit: limit) else {
          Issue.record("a request came through before the wait was over")
          return
        }
        guard case .allowed = later.take(now: now + wait, limit: limit) else {
          Issue.record("a request was refused after the wait")
          return
        }
      }
    }
    #expect(passed.count > 10)
    for start in passed.indices {
      for end in start..<passed.count {
        let window = passed[end] - passed[start]
        let allowed = limit.burst + window * limit.perSecond / 1_000_000_000
        #expect(Int64(end - start + 1) <= allowed)
      }
    }
  }

  @Test func `the whole burst passes at once, and no more`() throws {
    let limit = try RateLimit(perSecond: 10, burst: 5)
    var meter = RateMeter(now: 0, limit: limit, withBurst: true)
    let verdicts = (0..<6).map { _ in meter.take(now: 0, limit: limit) }
    #expect(
      verdicts == [
        .allowed(remaining: 4), .allowed(remaining: 3), .allowed(remaining: 2),
        .allowed(remaining: 1), .allowed(remaining: 0),
        .refused(retryAfterNanoseconds: 100_000_000),
      ])
  }

  @Test func `after a crash there is no burst`() throws {
    let limit = try RateLimit(perSecond: 10, burst: 5)
    var meter = RateMeter(now: 0, limit: limit, withBurst: false)
    #expect(meter.take(now: 0, limit: limit) == .allowed(remaining: 0))
    #expect(meter.take(now: 0, limit: limit) == .refused(retryAfterNanoseconds: 100_000_000))
  }
}
