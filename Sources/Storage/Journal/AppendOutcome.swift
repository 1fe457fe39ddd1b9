import Wire

/// What became of one record given to the journal.
///
/// After a failed fsync, or a truncation that failed, nothing is ever answered: the process ends.
public enum AppendOutcome: Hashable, Sendable {
  /// Durable on this machine, at this position.
  case durable(CellSeq)
  /// Durable on this machine, and not acknowledged by the followers in time: it is neither undone
  /// nor true until they do, or are not asked any more.
  case unacknowledged(CellSeq)
  /// The append failed and was truncated durably: nothing of it is there. The caller cannot tell
  /// its client a refusal, for it began: `outcome_unknown`.
  case cut
  /// Never written: the queue is full, the journal is closed, or damage stopped it.
  case refused(Refusal)

  public enum Refusal: String, Hashable, Sendable {
    case queueFull, closed, damaged
    /// Another journal's group that does not follow this one's last.
    case notNext
  }
}

/// Why the process must end now: it cannot know what is on its disk.
public enum JournalFatality: Error, Hashable, Sendable, CustomStringConvertible {
  case synchronizeFailed(String)
  case truncateFailed(String)
  /// The journal is whole; of tenants' files, or of what lets it be trimmed, nobody knows.
  case filesNotSynchronized(String)

  public var description: String {
    switch self {
    case .synchronizeFailed(let detail): "journal fsync failed, the process must end: \(detail)"
    case .truncateFailed(let detail): "journal truncation failed, the process must end: \(detail)"
    case .filesNotSynchronized(let detail): "an fsync failed, the process must end: \(detail)"
    }
  }
}
