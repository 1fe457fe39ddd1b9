import Synchronization

/// What wakes a tenant's outbox: a bounded set of reasons, not a queue that grows.
final class OutboxEvents: Sendable {
  private struct State {
    var results: [SendResult] = []
    var isNudged = false
    var isStopping = false
    var waiter: CheckedContinuation<Void, Never>?
  }
  private let state = Mutex(State())

  struct Batch {
    var results: [SendResult]
    var isStopping: Bool
  }

  func nudge() { update { $0.isNudged = true } }

  func stop() {
    update {
      $0.isStopping = true
      $0.isNudged = true
    }
  }

  /// Bounded by the requests in flight.
  func add(_ result: SendResult) { update { $0.results.append(result) } }

  private func update(_ change: (inout State) -> Void) {
    let waiter = state.withLock { state in
      change(&state)
      defer { state.waiter = nil }
      return state.waiter
    }
    waiter?.resume()
  }

  /// What happened since the last call.
  func take(limit: Int) -> Batch {
    state.withLock { state in
      state.isNudged = false
      let results = Array(state.results.prefix(limit))
      state.results.removeFirst(results.count)
      return Batch(results: results, isStopping: state.isStopping)
    }
  }

  /// Returns when something happened that was not taken yet.
  ///
  /// One caller at a time.
  func wait() async {
    await withCheckedContinuation { continuation in
      let isReady = state.withLock { state in
        if state.isNudged || !state.results.isEmpty { return true }
        state.waiter = continuation
        return false
      }
      if isReady { continuation.resume() }
    }
  }
}
