/// How long one waits after wrong one-time codes: at first not at all, then twice as long each
/// time, never for good.
///
/// At the longest wait a guesser has 96 tries a day against a million codes, three of them right.
public enum WrongCodeRule {
  /// Wrong codes in a row that cost nothing.
  public static let free = 5
  public static let firstWaitSeconds: Int64 = 30
  public static let longestWaitSeconds: Int64 = 900

  /// Seconds to wait after so many wrong codes in a row.
  public static func waitSeconds(after failures: Int) -> Int64 {
    guard failures >= free else { return 0 }
    // Past the sixth doubling it stays the longest.
    return min(longestWaitSeconds, firstWaitSeconds << Int64(min(failures - free, 6)))
  }

  /// Milliseconds that are left of the wait; 0: a code is looked at.
  ///
  /// A clock that was set back by more than the wait ends it: it tells nothing about the failure.
  public static func remaining(
    failures: Int, lastFailure: Int64, now: Int64
  ) -> Int64 {
    let wait = waitSeconds(after: failures) * 1_000
    guard now >= lastFailure - wait else { return 0 }
    return max(0, min(wait, lastFailure + wait - now))
  }
}
