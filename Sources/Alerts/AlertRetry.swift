import Wire

/// When a delivery that failed is tried again, and when it is given up.
public enum AlertRetry {
  public static let firstSeconds: Int64 = 5
  /// Between two letters of a channel.
  public static let letterSeconds: Int64 = 60
  public static let longestSeconds: Int64 = 3_600
  /// After so long without success the oldest alert is let go, so that the others have a chance.
  public static let giveUpSeconds: Int64 = 86_400

  /// Seconds after the n-th failure, from 1: doubled each time.
  public static func pause(afterFailures failures: Int) -> Int64 {
    min(longestSeconds, firstSeconds << Int64(min(max(failures, 1), 12) - 1))
  }

  public static func isGivenUp(failingSince: Timestamp?, now: Timestamp) -> Bool {
    failingSince.map { now >= $0.adding(seconds: giveUpSeconds) } ?? false
  }
}
