import Synchronization

/// A value that arrives once and is awaited once; the first to resolve it wins.
final class OneShot<Value: Sendable>: Sendable {
  private enum State {
    case empty
    case awaited(CheckedContinuation<Value, Never>)
    case resolved(Value)
  }

  private let state = Mutex(State.empty)

  func resolve(_ value: Value) {
    let continuation: CheckedContinuation<Value, Never>? = state.withLock { state in
      switch state {
      case .empty:
        state = .resolved(value)
        return nil
      case .awaited(let continuation):
        state = .resolved(value)
        return continuation
      case .resolved: return nil
      }
    }
    continuation?.resume(returning: value)
  }

  func value() async -> Value {
    await withCheckedContinuation { continuation in
      let ready: Value? = state.withLock { state in
        if case .resolved(let value) = state { return value }
        state = .awaited(continuation)
        return nil
      }
      if let ready { continuation.resume(returning: ready) }
    }
  }

  /// The value, or `late` where it has not come by `deadline`.
  func value(by deadline: ContinuousClock.Instant, else late: Value) async -> Value {
    let alarm = Task {
      try await Task.sleep(until: deadline, clock: .continuous)
      resolve(late)
    }
    defer { alarm.cancel() }
    return await value()
  }
}
