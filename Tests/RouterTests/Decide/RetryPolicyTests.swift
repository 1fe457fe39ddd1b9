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

  @Test func `the old owner's word that the tenant moved lets the new one be asked`() {
    var policy = policy()
    _ = policy.decide(after: .unreachable(sent: true), at: owner, now: now)
    _ = policy.decide(after: .moved(isNews: true), at: owner, now: now)
    let elsewhere = RetryPolicy.Owner(cell: CellID(trusted: "b"), generation: Generation(1))
    #expect(policy.refusal(of: elsewhere) == nil)
  }

  /// Said before the key was looked up, or by somebody who does not know it.
  @Test(arguments: [
    RetryPolicy.Outcome.saturated, .tooLarge, .unusable, .timedOut,
    .refused(Failure(.overloaded, "")), .refused(Failure(.mailboxFull, "")),
    .refused(Failure(.rateLimited, "")), .refused(Failure(.deadlineExceeded, "")),
    .refused(Failure(.bodyTooLarge, "")), .refused(Failure(.unauthenticated, "")),
    .refused(Failure(.forbidden, "")), .refused(Failure(.tenantSuspended, "")),
    .refused(Failure(.tenantStopped, "")), .refused(Failure(.internalError, "")),
    .refused(Failure(.unrecognized("newer"), "")),
  ])
  func `a refusal does not end the doubt about an attempt before it`(
    outcome: RetryPolicy.Outcome
  ) {
    var policy = policy()
    _ = policy.decide(after: .unreachable(sent: true), at: owner, now: now)
    #expect(
      policy.decide(after: outcome, at: owner, now: now) == .answer(RetryPolicy.unknownOutcome))
  }

  @Test(arguments: [
    FailureCode.invalidField, .insufficientFunds, .notFound, .idempotencyConflict, .graphRefused,
  ])
  func `what is wrong with a command was so at the attempt before it`(code: FailureCode) {
    var policy = policy()
    _ = policy.decide(after: .unreachable(sent: true), at: owner, now: now)
    let failure = Failure(code, "x")
    #expect(policy.decide(after: .refused(failure), at: owner, now: now) == .answer(failure))
  }

  @Test func `an answer ends a doubt by its status, and stands where there is none`() {
    let stands = [200, 201, 204, 303, 400, 402, 404, 405, 409, 415, 422]
    let doubtful = [401, 403, 408, 413, 423, 429, 431, 500, 502, 503, 504]
    var unsure = policy()
    var read = policy(isRead: true)
    for status in stands + doubtful {
      #expect(unsure.doubt(over: status) == nil)
    }
    _ = unsure.decide(after: .unreachable(sent: true), at: owner, now: now)
    _ = read.decide(after: .unreachable(sent: true), at: owner, now: now)
    for status in stands { #expect(unsure.doubt(over: status) == nil, "\(status)") }
    for status in doubtful {
      #expect(unsure.doubt(over: status) == RetryPolicy.unknownOutcome, "\(status)")
      #expect(read.doubt(over: status) == nil, "\(status)")
    }
    let failure = Failure(.shuttingDown, "x")
    #expect(read.told(failure) == failure)
    #expect(unsure.told(failure) == RetryPolicy.unknownOutcome)
    // What the old owner ran lies at the new one, whose refusal says nothing of it.
    _ = unsure.decide(after: .moved(isNews: true), at: owner, now: now)
    #expect(unsure.told(failure) == RetryPolicy.unknownOutcome)
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
