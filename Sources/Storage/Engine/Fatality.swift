import Synchronization

/// The moment at which the journal says that its process must end; others wait for it beside what
/// the journal will never answer then.
final class Fatality: Sendable {
  private struct State: Sendable {
    var isMet = false
    var waiting: [@Sendable () -> Void] = []
  }
  private let state = Mutex(State())

  var isMet: Bool { state.withLock { $0.isMet } }

  func meet() {
    let waiting = state.withLock { state in
      state.isMet = true
      defer { state.waiting = [] }
      return state.waiting
    }
    for body in waiting { body() }
  }

  /// Runs `body` once it is met; at once where it has been.
  func then(_ body: @escaping @Sendable () -> Void) {
    let isMet = state.withLock { state in
      if !state.isMet { state.waiting.append(body) }
      return state.isMet
    }
    if isMet { body() }
  }
}
