import Platform
import Synchronization

/// How many requests this process has answered, how many of them failed here, and how long they
/// took: what an upgrade is judged by.
final class RequestCounts: Sendable {
  struct Standing: Sendable {
    var all: UInt64 = 0
    /// Answered with 500 or more; never more than all.
    var failed: UInt64 = 0
    /// From an envelope's arrival at its handler to its answer.
    var latency = Histogram()
  }

  private let standing = Mutex(Standing())

  func answered(status: Int, in time: Duration) {
    standing.withLock {
      $0.all += 1
      if status >= 500 { $0.failed += 1 }
      $0.latency.record(time)
    }
  }

  var now: Standing { standing.withLock { $0 } }
}
