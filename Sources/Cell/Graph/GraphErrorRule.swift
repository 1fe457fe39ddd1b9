/// When a refused send is tried again: after the first delay, then each time `factor` times later.
public struct GraphRetry: Hashable, Sendable {
  public let firstDelayMilliseconds: Int64
  public let factor: Int64
  /// How many times it is tried again before it fails for good.
  public let attempts: Int
  /// No delay grows past this.
  public static let longestDelayMilliseconds: Int64 = 72 * 3_600_000

  public init(seconds: Int64, factor: Int64 = 2, attempts: Int) {
    firstDelayMilliseconds = seconds * 1000
    self.factor = factor
    self.attempts = attempts
  }

  /// The delay before try number `attempt` (1 = the first repetition); nil when none is left.
  public func delayMilliseconds(attempt: Int) -> Int64? {
    guard attempt >= 1, attempt <= attempts else { return nil }
    var delay = firstDelayMilliseconds
    for _ in 1..<attempt { delay = min(delay * factor, Self.longestDelayMilliseconds) }
    return min(delay, Self.longestDelayMilliseconds)
  }
}

/// What an error stops.
public enum GraphStop: String, Hashable, Sendable, CaseIterable, Comparable {
  /// T: this recipient; sending it again would fail again.
  case recipient = "T"
  /// C: the campaign is paused until a person or a webhook changes what was wrong.
  case campaign = "C"
  /// F: this request; it must be corrected before it is sent again.
  case request = "F"
  /// A: all sends of the number, until account or number are in order again.
  case number = "A"

  public static func < (a: Self, b: Self) -> Bool {
    (allCases.firstIndex(of: a) ?? 0) < (allCases.firstIndex(of: b) ?? 0)
  }
}

/// What else an error means for us.
public enum GraphSideEffect: Hashable, Sendable {
  /// The user refused marketing: recorded, and obeyed by every later campaign.
  case optOut
  /// The number cannot be reached on WhatsApp.
  case unreachable
  /// The number sends too fast: its pace is lowered for a while.
  case slowNumber
  /// Graph may have sent it all the same: statuses are awaited before it is repeated, and it ends
  /// as ambiguous rather than failed.
  case maybeSent
  /// Holds for recipients of the same country.
  case country
}

/// One row of the error table: what a code means, and what is done about it.
public struct GraphErrorRule: Hashable, Sendable {
  public let codes: ClosedRange<Int>
  public let meaning: String
  public let retry: GraphRetry?
  public let stops: Set<GraphStop>
  public let effects: Set<GraphSideEffect>
  /// What the tenant can do; shown beside the failure.
  public let advice: String

  init(
    _ codes: ClosedRange<Int>, _ meaning: String, retry: GraphRetry? = nil,
    _ stops: Set<GraphStop>, effects: Set<GraphSideEffect> = [], _ advice: String
  ) {
    self.codes = codes
    self.meaning = meaning
    self.retry = retry
    self.stops = stops
    self.effects = effects
    self.advice = advice
  }

  /// A row that stops nothing.
  init(
    _ codes: ClosedRange<Int>, _ meaning: String, retry: GraphRetry,
    effects: Set<GraphSideEffect> = [], _ advice: String
  ) {
    self.init(codes, meaning, retry: retry, [], effects: effects, advice)
  }

  /// The action in letters, such as `R`, `R24+C`, `F+C`: retry first, then what is stopped.
  public var letters: String {
    var parts: [String] = []
    if let retry {
      parts.append(retry.firstDelayMilliseconds == 86_400_000 ? "R24" : "R")
    }
    return (parts + stops.sorted().map(\.rawValue)).joined(separator: "+")
  }
}

/// What happens to a message that Graph refused.
public enum RefusalDecision: Hashable, Sendable {
  /// Tried again after a delay, its money still held.
  case retry(afterMilliseconds: Int64)
  /// Back to the queue without a time: it waits for campaign or number to be resumed.
  case requeue
  /// It ends here; its money is released.
  case fail
  /// It may have been sent: it ends open, its money held.
  case ambiguous
}

extension GraphErrorRule {
  /// Decides about a message refused synchronously.
  ///
  /// `attempt` counts the tries so far, this one included; `inCampaign` says whether something can
  /// be resumed later.
  public func decide(attempt: Int, inCampaign: Bool) -> RefusalDecision {
    if let delay = retry?.delayMilliseconds(attempt: attempt) {
      return .retry(afterMilliseconds: delay)
    }
    if effects.contains(.maybeSent) { return .ambiguous }
    if stops.contains(.recipient) || stops.contains(.request) { return .fail }
    if stops.contains(.number) { return .requeue }
    if stops.contains(.campaign), inCampaign, retry == nil { return .requeue }
    return .fail
  }
}
