import Testing
import Wire

@testable import Cell

/// Compares values of calls that mutate, which `#expect` cannot take in.
private func expect<T: Equatable>(
  _ actual: T, _ expected: T, sourceLocation: SourceLocation = #_sourceLocation
) {
  #expect(actual == expected, sourceLocation: sourceLocation)
}

@Suite("Pacing") struct PacingTests {
  private static let second: UInt64 = 1_000_000_000

  /// Sends as fast as the pacer lets; answers the moments.
  private func moments(rate: Int, seconds: UInt64) -> [UInt64] {
    var pacer = NumberPacer(ratePerSecond: rate, now: 0)
    var now: UInt64 = 0
    var sent: [UInt64] = []
    while now < seconds * Self.second {
      let count = pacer.available(now)
      pacer.take(count, now)
      sent += Array(repeating: now, count: count)
      now += pacer.wait(for: 1, now)
    }
    return sent
  }

  @Test(arguments: [1, 20, 80, 1000])
  func `no second sees more than the rate, and nearly all of it is used`(rate: Int) {
    let sent = moments(rate: rate, seconds: 5)
    for (index, start) in sent.enumerated() where index + rate < sent.count {
      #expect(sent[index + rate] - start >= Self.second)
    }
    #expect(sent.count >= rate * 5 * 9 / 10)
  }

  @Test func `a number that was too fast rests and then goes at half its rate`() {
    var pacer = NumberPacer(ratePerSecond: 80, now: 0)
    pacer.slowDown(nanoseconds: Self.second, 0)
    expect(pacer.available(Self.second - 1), 0)
    pacer.take(pacer.available(2 * Self.second), 2 * Self.second)
    let wait = pacer.wait(for: 1, 2 * Self.second)
    #expect(wait > Self.second / 72)
    #expect(wait <= Self.second / 36 + 1)
  }

  @Test func `a pair may borrow 45 messages and then waits six seconds for each`() {
    var pairs = PairLimiter(limit: 10)
    for _ in 0..<45 { expect(pairs.admit("n", "a", now: 0), nil) }
    expect(pairs.admit("n", "a", now: 0), 6_000)
    expect(pairs.admit("n", "b", now: 0), nil)
    expect(pairs.admit("n", "a", now: 6_000), nil)
    expect(pairs.admit("n", "a", now: 6_000), 12_000)
  }

  @Test func `a message that does not leave borrows nothing, and a clock set back neither`() {
    var pairs = PairLimiter(limit: 10)
    for _ in 0..<100 {
      expect(pairs.admit("n", "a", now: 600_000), nil)
      pairs.giveBack("n", "a")
    }
    for _ in 0..<45 { expect(pairs.admit("n", "a", now: 600_000), nil) }
    // Ten minutes back: it waits for one message, not for ten minutes.
    expect(pairs.admit("n", "a", now: 0), 6_000)
  }

  @Test func `a number below the usual rate waits until it has paid its first batch back`() {
    var pace = SendPace(pairs: 10)
    for _ in 0..<8 { pace.take("n", ratePerSecond: 20, 0) }
    expect(pace.available("n", 0), -6)
    expect(pace.waitForBatch("n", 0) == nil, false)
  }

  @Test func `slots and tokens bound what is claimed`() {
    var schedule = OutboxSchedule(
      OutboxConfiguration(), pace: HeldPace(SendPace(pairs: 100)))
    let candidates = (0..<40).map {
      SendCandidate(
        id: RowID(Int64($0) + 1), phoneNumberID: $0 < 30 ? "a" : "b", contact: "\($0)",
        unclaimedOf: nil)
    }
    let claims = schedule.plan(candidates, slots: 12, now: 0, time: .zero)
    #expect(claims.filter { $0.candidate.phoneNumberID == "a" }.count == 8)
    #expect(claims.filter { $0.candidate.phoneNumberID == "b" }.count == 4)
    let jobs = claims.map { claim in
      SendJob(
        id: claim.candidate.id,
        number: SenderNumber(
          phoneNumberID: claim.candidate.phoneNumberID, accessToken: "", ratePerSecond: 80),
        body: [], traceID: "")
    }
    schedule.begin(jobs, 0)
    expect(schedule.busy(0), ["a"])
    let wait = schedule.nextTokens(0)
    #expect(wait != nil)
    let more = schedule.plan(candidates, slots: 12, now: 0, time: .zero)
    #expect(more.count == 4)
    // A store that refuses, again and again, costs nobody's pair anything.
    schedule.abandon(more)
    for _ in 0..<100 {
      let again = schedule.plan(candidates, slots: 12, now: 0, time: .zero)
      #expect(again == more)
      schedule.abandon(again)
    }
  }
}
