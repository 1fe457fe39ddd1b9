/// An answer that is not waited for longer than can be waited.
public enum BoundedAnswer {
  /// What `body` answers, or nil where it has not by then; a call that hangs is left behind.
  public static func within<T: Sendable>(
    seconds: Int, _ body: @escaping @Sendable () async -> T
  ) async -> T? {
    let (answers, answer) = AsyncStream<T?>.makeStream()
    let asking = Task { answer.yield(await body()) }
    let waiting = Task {
      try await Task.sleep(for: .seconds(seconds))
      answer.yield(nil)
    }
    defer {
      asking.cancel()
      waiting.cancel()
    }
    for await first in answers { return first }
    return nil
  }
}
