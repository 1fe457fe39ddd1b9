import Wire

/// What a presented refresh token leads to.
///
/// A refresh token is used once. A client whose answer was lost presents it again, and gets the
/// same pair again within ``graceMilliseconds``, as long as nobody has used that pair's refresh
/// token; anything else with a used token means that two hold it, and ends the session.
public enum RefreshRule {
  public static let graceMilliseconds: Int64 = 10_000

  /// What is stored of the presented token and its session.
  public struct Known: Hashable, Sendable {
    public var expiresAt: Timestamp
    public var usedAt: Timestamp?
    /// Whether the successor's refresh token was used.
    public var isSuccessorUsed: Bool
    public var sessionEndedAt: Timestamp?
    /// The latest moment of the whole session.
    public var sessionExpiresAt: Timestamp

    public init(
      expiresAt: Timestamp, usedAt: Timestamp?, isSuccessorUsed: Bool,
      sessionEndedAt: Timestamp?, sessionExpiresAt: Timestamp
    ) {
      self.expiresAt = expiresAt
      self.usedAt = usedAt
      self.isSuccessorUsed = isSuccessorUsed
      self.sessionEndedAt = sessionEndedAt
      self.sessionExpiresAt = sessionExpiresAt
    }
  }

  /// A time in which nobody was answered: it does not count for the grace.
  public struct Outage: Hashable, Sendable {
    /// A longer one is taken for so long: what was used before it is replayed, not repeated.
    public static let maximumMilliseconds: Int64 = 120_000

    public let from: Timestamp
    public let until: Timestamp

    public init(from: Timestamp, until: Timestamp) {
      self.until = until
      self.from = max(from, Timestamp(milliseconds: until.milliseconds - Self.maximumMilliseconds))
    }

    /// How much of the time between two moments it took.
    func milliseconds(from start: Timestamp, to end: Timestamp) -> Int64 {
      max(0, min(until, end).milliseconds - max(from, start).milliseconds)
    }
  }

  public enum Decision: Hashable, Sendable {
    /// Claim it, and make the next pair.
    case rotate
    /// Answer the successor once more.
    case repeatAnswer
    /// End the session: somebody else holds the token too.
    case reuse
    case expired
    case ended
  }

  /// - Parameter outage: The last one of those who answer.
  public static func decide(
    _ known: Known, now: Timestamp, outage: Outage? = nil
  ) -> Decision {
    guard known.sessionEndedAt == nil else { return .ended }
    if let usedAt = known.usedAt {
      let silent = outage?.milliseconds(from: usedAt, to: now) ?? 0
      let age = now.milliseconds - usedAt.milliseconds - silent
      return age <= graceMilliseconds && !known.isSuccessorUsed ? .repeatAnswer : .reuse
    }
    guard now < known.expiresAt, now < known.sessionExpiresAt else { return .expired }
    return .rotate
  }
}
