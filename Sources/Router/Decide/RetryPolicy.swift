import Wire

/// What becomes of one forwarded request after each attempt.
///
/// Decides; the forwarder acts.
///
/// A request is sent again only where that cannot run it twice:
/// - the cell said that it ran nothing (`moved`, not ready, fenced), or nothing was sent; or
/// - it changes nothing (GET, HEAD); or
/// - it carries an idempotency key and goes to the cell and generation that may have run it: the
///   effect is stored there under the key. A cell of another generation may be a copy that lost it.
///
/// Once an attempt may have run, a later one's refusal says nothing about it unless the key was
/// looked up first: the client is told that the outcome is unknown, because one that hears a
/// refusal repeats under another key, and acts twice.
package struct RetryPolicy: Sendable {
  package enum Outcome: Hashable, Sendable {
    /// `isNews` where the map did not know it.
    case moved(isNews: Bool)
    case refused(Failure)
    case unreachable(sent: Bool)
    case timedOut
    case saturated
    case tooLarge
    /// The answer could not be read, or the peer speaks no version of ours.
    case unusable
    /// The map has no address for the cell.
    case unplaced
  }

  package enum Decision: Hashable, Sendable {
    case again
    case park(Duration)
    case answer(Failure)
  }

  /// A cell of one generation: who may have run the request.
  package struct Owner: Hashable, Sendable {
    let cell: CellID
    let generation: Generation

    package init(cell: CellID, generation: Generation) {
      self.cell = cell
      self.generation = generation
    }
  }

  /// Moves followed at once before they are taken for a loop.
  private static let moveLimit = 4

  private let isRead: Bool
  private let limits: RouterLimits
  private var backoff: Duration
  private var moves = 0
  private var waitingSince: ContinuousClock.Instant?
  /// Who may have run it: the only one that may be asked again.
  package private(set) var ambiguousAt: Owner?
  /// Whether anybody may have run it.
  ///
  /// A move ends no doubt of that: what the old owner ran lies at the new one, which may refuse
  /// before it has looked.
  private var mayHaveRun = false

  package init(isRead: Bool, limits: RouterLimits) {
    self.isRead = isRead
    self.limits = limits
    backoff = limits.firstBackoff
  }

  /// Asked before each attempt; answers why it must not be made.
  package func refusal(of owner: Owner) -> Failure? {
    guard let ambiguousAt, ambiguousAt != owner, !isRead else { return nil }
    return Self.unknownOutcome
  }

  package mutating func decide(
    after outcome: Outcome, at owner: Owner?, now: ContinuousClock.Instant
  ) -> Decision {
    let decision = next(after: outcome, at: owner, now: now)
    guard case .answer(let failure) = decision else { return decision }
    return .answer(told(failure))
  }

  /// What a client is told that is refused with `failure`.
  package func told(_ failure: Failure) -> Failure {
    doubt(over: failure.code.httpStatus) ?? failure
  }

  /// What a client is told in place of an answer with `status`; nil where the answer stands.
  ///
  /// After an attempt that may have run, success is the effect that is stored under the key, and
  /// what is wrong with the command itself would have stopped that attempt too. All else may have
  /// been said before the key was looked up: no room, no time, not let in any more.
  package func doubt(over status: Int) -> Failure? {
    guard mayHaveRun else { return nil }
    switch status {
    case 200..<400, 400, 402, 404, 405, 409, 415, 422: return nil
    default: return Self.unknownOutcome
    }
  }

  private mutating func next(
    after outcome: Outcome, at owner: Owner?, now: ContinuousClock.Instant
  ) -> Decision {
    switch outcome {
    case .moved(let isNews):
      // The old owner lives and has let go of all it ran: the new one has it.
      if ambiguousAt == owner { ambiguousAt = nil }
      moves += 1
      return isNews && moves <= Self.moveLimit ? .again : park(now, Self.unavailable)
    case .refused(let failure):
      return Self.ranNothing(failure.code) ? park(now, failure) : .answer(failure)
    case .unreachable(sent: false), .unplaced:
      return park(now, Self.unavailable)
    case .unreachable(sent: true):
      if !isRead {
        ambiguousAt = owner
        mayHaveRun = true
      }
      return park(now, Self.unavailable)
    case .timedOut:
      return .answer(
        isRead ? Failure(.deadlineExceeded, "the request took too long") : Self.unknownOutcome)
    case .saturated: return .answer(Self.saturated)
    case .tooLarge: return .answer(Failure(.bodyTooLarge, "the request is too large"))
    case .unusable: return .answer(isRead ? Self.unavailable : Self.unknownOutcome)
    }
  }

  private mutating func park(_ now: ContinuousClock.Instant, _ last: Failure) -> Decision {
    let since = waitingSince ?? now
    waitingSince = since
    guard now - since < limits.parkTime else {
      return .answer(mayHaveRun ? Self.unknownOutcome : last)
    }
    let wait = backoff
    backoff = min(backoff * 2, limits.longestBackoff)
    return .park(wait)
  }

  /// Refusals that a cell gives before it runs anything, and that pass.
  private static func ranNothing(_ code: FailureCode) -> Bool {
    switch code {
    case .moved, .recovering, .shuttingDown, .epochStale, .generationFenced: true
    default: false
    }
  }

  static let unavailable = Failure(
    .cellUnavailable, "the part of the platform with this data does not answer; try again",
    retryAfterMilliseconds: 2_000)
  static let saturated = Failure(
    .overloaded, "the cell takes no more requests now", retryAfterMilliseconds: 1_000)
  static let unknownOutcome = Failure(
    .outcomeUnknown, "the request may have been executed; repeat it with the same Idempotency-Key",
    retryAfterMilliseconds: 1_000)
}
