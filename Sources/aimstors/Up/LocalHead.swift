import GraphSimulator
import Synchronization

/// What `local.json` says beside the processes; some of it comes while the system runs.
final class LocalHead: Sendable {
  private struct State {
    var json: JSON
    var isChanged = false
  }

  private let state: Mutex<State>

  init(_ json: JSON) { state = Mutex(State(json: json)) }

  var json: JSON { state.withLock { $0.json } }

  func set(_ name: String, _ value: JSON) {
    state.withLock { state in
      state.json = state.json.with(name, value)
      state.isChanged = true
    }
  }

  /// Whether it has changed since this was asked last.
  func takeChange() -> Bool {
    state.withLock { state in
      defer { state.isChanged = false }
      return state.isChanged
    }
  }
}
