import Synchronization

/// An answer that is not waited for longer than can be waited.
public enum BoundedAnswer {
  /// What `body` answers, or nil where it has not by then; a call that hangs is left behind.
  ///
  /// Waits also where the calling task is cancelled: what the answer is about goes on.
  public static func within<T: Sendable>(
    seconds: Int, _ body: @escaping @Sendable () async -> T
  ) async -> T? {
    let race = Race<T>()
    return await withUnsafeContinuation { caller in
      race.begin(caller)
      race.run { await body() }
      race.run {
        try? await Task.sleep(for: .seconds(seconds))
        return nil
      }
    }
  }
}

/// Who is first answers; the others are cancelled.
private final class Race<T: Sendable>: Sendable {
  private struct State {
    var caller: UnsafeContinuation<T?, Never>?
    var tasks: [Task<Void, Never>] = []
    var isOver = false
  }
  private let state = Mutex(State())

  func begin(_ caller: UnsafeContinuation<T?, Never>) { state.withLock { $0.caller = caller } }

  func run(_ body: @escaping @Sendable () async -> T?) {
    let task = Task { self.end(await body()) }
    let isOver = state.withLock { state in
      state.tasks.append(task)
      return state.isOver
    }
    if isOver { task.cancel() }
  }

  private func end(_ answer: T?) {
    let (caller, tasks) = state.withLock { state in
      defer { (state.caller, state.tasks, state.isOver) = (nil, [], true) }
      return (state.caller, state.tasks)
    }
    guard let caller else { return }
    for task in tasks { task.cancel() }
    caller.resume(returning: answer)
  }
}
