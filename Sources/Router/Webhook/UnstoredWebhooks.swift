import Edge
import Wire

/// The webhooks of late that nobody could store; Meta sends them again.
struct UnstoredWebhooks: Hashable, Sendable {
  /// How long after the last one they are a problem.
  static let memorySeconds: Int64 = 600

  private var count = 0
  private var first: Timestamp?
  private var last: Timestamp?

  mutating func note(at now: Timestamp) {
    if problem(now: now) == nil { (count, first) = (0, now) }
    count += 1
    last = now
  }

  func problem(now: Timestamp) -> HealthReport.Problem? {
    guard let first, let last, now < last.adding(seconds: Self.memorySeconds) else { return nil }
    return HealthReport.Problem(
      code: "webhooks_not_stored", since: first,
      runbook: "docs/runbooks/webhooks-not-stored.md",
      detail: "\(count) answered 503, the last at \(last.rfc3339)")
  }
}
