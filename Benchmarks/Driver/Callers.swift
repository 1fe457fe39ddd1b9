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

  /// A slice of time in which all callers do the same of two things.
  static let slice = Duration.milliseconds(250)

  /// Operations per second of two ways to do a thing, in turns so short that whatever the machine
  /// does in the background (flushing what the other way has written, too) meets both alike.
  ///
  /// `operation` gets the way (0 or 1), the caller's number and its turn.
  static func rates(
    _ count: Int, seconds: Int,
    _ operation: @escaping @Sendable (Int, Int, Int) async throws -> Void
  ) async throws -> [Double] {
    let clock = ContinuousClock()
    let start = clock.now
    let begin = start + .seconds(max(1, seconds / 4))
    let end = begin + .seconds(seconds)
    let counted = try await withThrowingTaskGroup(of: [Int].self) { group in
      for caller in 0..<count {
        group.addTask {
          var counted = [0, 0]
          var turn = 0
          while true {
            let way = Int((clock.now - start) / slice) % 2
            try await operation(way, caller, turn)
            turn += 1
            let now = clock.now
            if now >= end { return counted }
            // What ends in another slice counts where it began.
            if now >= begin { counted[way] += 1 }
          }
        }
      }
      return try await group.reduce(into: [0, 0]) { sum, one in
        sum[0] += one[0]
        sum[1] += one[1]
      }
    }
    return counted.map { 2 * Double($0) / Double(seconds) }
  }
}
