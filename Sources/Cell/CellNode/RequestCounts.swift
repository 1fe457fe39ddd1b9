import Synchronization

/// How many requests this process has answered, and how many of them failed here: what an upgrade
/// is judged by.
final class RequestCounts: Sendable {
  private let all = Atomic<UInt64>(0)
  private let failed = Atomic<UInt64>(0)

  /// Answers how many there are by now.
  @discardableResult
  func answered(status: Int) -> UInt64 {
    if status >= 500 { failed.wrappingAdd(1, ordering: .relaxed) }
    return all.wrappingAdd(1, ordering: .relaxed).newValue
  }

  var now: (all: UInt64, failed: UInt64) {
    // In this order: never more failed than all.
    let failed = failed.load(ordering: .relaxed)
    return (all.load(ordering: .relaxed), failed)
  }
}
