#if DEBUG
  #if canImport(Glibc)
    import Glibc
  #else
    import Darwin
  #endif
#endif

/// A rule that a test build breaks on purpose, so that the tests prove they would see it broken.
///
/// Chosen by `AIMSTORS_SABOTAGE` at the start of a process. A release build knows no sabotage: the
/// question is a constant there.
public enum Sabotage: String, CaseIterable, Sendable {
  /// Answers before the record is durable.
  case ackBeforeFsync = "ack-before-fsync"
  /// Serves a tenant under any epoch.
  case skipEpochCheck = "skip-epoch-check"
  /// Serves under any generation.
  case skipGenerationCheck = "skip-generation-check"
  /// Runs a command again although its idempotency key has an answer.
  case forgetDedupe = "forget-dedupe"
  /// Refunds a debit once more for a cause that was refunded.
  case doubleRefund = "double-refund"
  /// Sends an intent again whose outcome is not known.
  case resendAmbiguous = "resend-ambiguous"
  /// Fails every second request of a cell.
  case failRequests = "fail-requests"
  /// Issues keys and epochs from an older copy without asking the cells what they hold.
  case skipSurvey = "skip-survey"

  #if DEBUG
    private static let chosen: Sabotage? = getenv("AIMSTORS_SABOTAGE").flatMap {
      Sabotage(rawValue: String(cString: $0))
    }
    /// Whether this process breaks the rule.
    public var isOn: Bool { Sabotage.chosen == self }
  #else
    @inlinable public var isOn: Bool { false }
  #endif
}
