import Testing
import Wire

@testable import Router

@Suite("Retry policy") struct RetryPolicyTests {
  private let limits = RouterLimits()
  private let now = ContinuousClock.now
  private let owner = RetryPolicy.Owner(cell: CellID(trusted: "a"), generation: Generation(1))

  private func policy(isRead: Bool = false) -> RetryPolicy {
    RetryPolicy(isRead: isRead, limits: limits)
  }

  @Test func `news of a move is followed at once, a loop of moves is parked`() {
    var policy = policy()
    for _ in 0..<4 {
      #expect(policy.decide(after: .moved(isNews: true), at: owner, now: now) == .again)
    }
    #expect(
      policy.decide(after: .moved(isNews: true), at: owner, now: now)
        == .park(limits.firstBackoff))
  }

  @Test func `a move that the map knew already is parked`() {
    var policy = policy()
    #expect(
      policy.decide(after: .moved(isNews: false), at: owner, now: now)
        == .park(limits.firstBackoff))
  }

  @Test(arguments: [
    FailureCode.recovering, .shuttingDown, .epochStale, .generationFenced, .moved,
  ])
  func `a refusal before anything ran is waited out`(code: FailureCode) {
    var policy = policy()
    #expect(
      policy.decide(after: .refused(Failure(code, "")), at: owner, now: now)
        == .park(limits.firstBackoff))
    #expect(policy.ambiguousAt == nil)
  }

  @Test(arguments: [FailureCode.overloaded, .mailboxFull, .outcomeUnknown, .tenantStopped])
  func `other refusals are the client's to hear`(code: FailureCode) {
    var policy = policy()
    let failure = Failure(code, "x")
    #expect(
      policy.decide(after: .refused(failure), at: owner, now: now) == .answer(failure))
  }

  @Test func `what the link does not carry is answered at once`() {
    for isRead in [false, true] {
      for (outcome, code) in [
        (RetryPolicy.Outcome.saturated, FailureCode.overloaded), (.tooLarge, .bodyTooLarge),
        (.unusable, isRead ? FailureCode.cellUnavailable : .outcomeUnknown),
      ] {
        var policy = policy(isRead: isRead)
        guard case .answer(let failure) = policy.decide(after: outcome, at: owner, now: now) else {
          Issue.record("\(outcome) is not answered")
          continue
        }
        #expect(failure.code == code)
        #expect(code.httpStatus != 503 || failure.retryAfterMilliseconds != nil, "\(outcome)")
      }
    }
  }

  @Test func `what was sent and lost is repeated at the same cell and generation only`() {
    var policy = policy()
    guard case .park = policy.decide(after: .unreachable(sent: true), at: owner, now: now) else {
      Issue.record("not parked")
      return
    }
    #expect(policy.refusal(of: owner) == nil)
    let promoted = RetryPolicy.Owner(cell: owner.cell, generation: Generation(2))
    #expect(policy.refusal(of: promoted)?.code == .outcomeUnknown)
    let elsewhere = RetryPolicy.Owner(cell: CellID(trusted: "b"), generation: Generation(1))
    #expect(policy.refusal(of: elsewhere)?.code == .outcomeUnknown)
  }

  @Test func `a read may be repeated anywhere`() {
    var policy = policy(isRead: true)
    _ = policy.decide(after: .unreachable(sent: true), at: owner, now: now)
    let elsewhere = RetryPolicy.Owner(cell: CellID(trusted: "b"), generation: Generation(1))
    #expect(policy.refusal(of: elsewhere) == nil)
    #expect(
      policy.decide(after: .timedOut, at: owner, now: now)
        == .answer(Failure(.deadlineExceeded, "the request took too long")))
  }

  @Test func `the old owner's word that the tenant moved ends the doubt`() {
    var policy = policy()
    _ = policy.decide(after: .unreachable(sent: true), at: owner, now: now)
    _ = policy.decide(after: .moved(isNews: true), at: owner, now: now)
    let elsewhere = RetryPolicy.Owner(cell: CellID(trusted: "b"), generation: Generation(1))
    #expect(policy.refusal(of: elsewhere) == nil)
  }

  @Test func `waiting doubles to its limit and ends after ten seconds`() {
    var policy = policy()
    var waits: [Duration] = []
    var time = now
    while case .park(let wait) = policy.decide(
      after: .unreachable(sent: false), at: owner, now: time)
    {
      waits.append(wait)
      time += wait
    }
    #expect(waits.prefix(3) == [.milliseconds(5), .milliseconds(10), .milliseconds(20)])
    #expect(waits.max() == limits.longestBackoff)
    #expect(time - now >= limits.parkTime && time - now < limits.parkTime + limits.longestBackoff)
  }

  @Test func `after the wait a doubt is told as one`() {
    var sure = policy()
    _ = sure.decide(after: .unreachable(sent: false), at: owner, now: now)
    #expect(
      sure.decide(after: .unreachable(sent: false), at: owner, now: now + limits.parkTime)
        == .answer(RetryPolicy.unavailable))
    var unsure = policy()
    _ = unsure.decide(after: .unreachable(sent: true), at: owner, now: now)
    #expect(
      unsure.decide(after: .unreachable(sent: false), at: owner, now: now + limits.parkTime)
        == .answer(RetryPolicy.unknownOutcome))
    #expect(
      unsure.decide(after: .timedOut, at: owner, now: now) == .answer(RetryPolicy.unknownOutcome))
  }
}
