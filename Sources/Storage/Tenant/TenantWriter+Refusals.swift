import Wire

/// What callers hear when their commands do not run.
extension TenantWriter {
  /// Whoever hears it asks the tenant's owner; nothing of theirs has run.
  static let isAway = Failure(.moved, "the tenant is another cell's")

  /// What callers hear of it; nothing of theirs has run.
  static func refusal(_ reason: Obstacle) -> Failure {
    reason.mayPass
      ? Failure(
        .recovering,
        reason.allowsReads
          ? "this tenant waits for its cell's follower" : "this tenant waits for its cell's disk",
        retryAfterMilliseconds: 1_000)
      : Failure(
        .tenantStopped, "this tenant is stopped until it is repaired",
        retryAfterMilliseconds: 30_000)
  }

  static func refusal(_ reason: AppendOutcome.Refusal) -> Failure {
    switch reason {
    case .queueFull:
      Failure(.overloaded, "the journal's queue is full", retryAfterMilliseconds: 1_000)
    case .closed: Failure(.shuttingDown, "this cell is shutting down")
    case .damaged, .notNext:
      Failure(.recovering, "the journal is damaged and takes no records")
    }
  }
}
