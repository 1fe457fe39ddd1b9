import Synchronization

/// Callers that each keep one operation in flight, for a time.
enum Callers {
  /// Operations per second of `count` callers over `seconds`, after a warm-up of a quarter of it.
  ///
  /// `operation` gets the caller's number and its turn.
  static func rate(
    _ count: Int, seconds: Int, _ operation: @escaping @Sendable (Int, Int) async throws -> Void
  ) async throws -> (perSecond: Double, operations: Int) {
    let clock = ContinuousClock()
    let begin = clock.now + .seconds(max(1, seconds / 4))
    let end = begin + .seconds(seconds)
    let counted = try await withThrowingTaskGroup(of: Int.self) { group in
      for caller in 0..<count {
        group.addTask {
          var counted = 0
          var turn = 0
          while true {
            try await operation(caller, turn)
            turn += 1
            let now = clock.now
            if now >= end { return counted }
            if now >= begin { counted += 1 }
          }
        }
      }
      return try await group.reduce(0, +)
    }
    return (Double(counted) / Double(seconds), counted)
  }
}
