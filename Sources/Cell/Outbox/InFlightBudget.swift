import Synchronization

/// How many requests to Graph the cell may have on their way, shared by its tenants.
final class InFlightBudget: Sendable {
  private struct State {
    var free: Int
    /// Who waits for a slot, by number; each is called once.
    var waiting: [@Sendable () -> Void] = []
  }
  private let state: Mutex<State>

  init(_ limit: Int) { state = Mutex(State(free: limit)) }

  /// Takes up to `count` slots.
  ///
  /// Where none is free, `wake` is called once when one is.
  func take(upTo count: Int, orWake wake: @escaping @Sendable () -> Void) -> Int {
    state.withLock { state in
      let taken = min(count, state.free)
      state.free -= taken
      if taken == 0, count > 0 { state.waiting.append(wake) }
      return taken
    }
  }

  func giveBack(_ count: Int) {
    guard count > 0 else { return }
    let waiting = state.withLock { state in
      state.free += count
      defer { state.waiting = [] }
      return state.waiting
    }
    for wake in waiting { wake() }
  }
}
