import Platform

/// How a copy leaves room for whoever is served beside it: it rests after each piece of work, and
/// takes no more than its share of disk and network.
///
/// A piece takes longer on a busy machine, and so does the rest after it: a copy works half of its
/// time whatever the machine has to do, and is hardly longer where there is nothing else.
struct MovePace: Sendable {
  /// When the first piece began that sent something.
  private var began: UInt64?
  /// What was sent.
  private(set) var bytes: UInt64 = 0

  /// Does one piece of work, then rests.
  ///
  /// `sends`: bytes that it sends.
  mutating func work<T: Sendable>(
    sends count: Int = 0, _ body: () async throws -> T
  ) async throws -> T {
    let start = MonotonicTime.nanoseconds()
    if count > 0, began == nil { began = start }
    let result = try await body()
    bytes += UInt64(count)
    let end = MonotonicTime.nanoseconds()
    let rest = Self.rest(after: end - start, bytes: bytes, in: end - (began ?? end))
    if rest > 0 { try await Task.sleep(for: .nanoseconds(Int64(rest))) }
    return result
  }

  /// The rest after a piece that took `piece`, where `bytes` were sent in `whole` until now; all
  /// times in nanoseconds.
  static func rest(
    after piece: UInt64, bytes: UInt64, in whole: UInt64,
    bytesPerSecond: UInt64 = MoveLimits.copyBytesPerSecond
  ) -> UInt64 {
    let turn = min(piece * MoveLimits.restPerWork, MoveLimits.longestRestNanoseconds)
    let due = bytes * 1_000 / max(bytesPerSecond / 1_000_000, 1)
    return max(turn, due - min(due, whole))
  }
}
