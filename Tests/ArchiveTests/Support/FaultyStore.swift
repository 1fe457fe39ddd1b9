import Synchronization

@testable import Archive

/// Objects in memory, with the faults of a real store.
final class FaultyStore: ObjectStore {
  enum Fault: Sendable {
    /// Does not answer.
    case down
    /// Says that it stored, and does not.
    case lies
    /// Stores half of it.
    case halves
  }
  private struct State {
    var objects: [String: [UInt8]] = [:]
    /// Of the next calls that put an object of a journal; consumed one by one.
    var faults: [Fault] = []
    var isDown = false
    var isHeld = false
    var puts = 0
    var gets: [String] = []
  }
  private let state = Mutex(State())

  func fail(_ faults: [Fault]) { state.withLock { $0.faults += faults } }
  func setDown(_ isDown: Bool) { state.withLock { $0.isDown = isDown } }
  /// Whether puts of a journal's objects wait without an end.
  func setHeld(_ isHeld: Bool) { state.withLock { $0.isHeld = isHeld } }
  var puts: Int { state.withLock { $0.puts } }
  /// What was read since it was asked last.
  func takeGets() -> [String] {
    state.withLock { state in
      defer { state.gets = [] }
      return state.gets
    }
  }
  var faultsLeft: Int { state.withLock { $0.faults.count } }
  var names: [String] { state.withLock { $0.objects.keys.sorted() } }

  /// Changes what is stored, behind everybody's back.
  func edit(_ body: (inout [String: [UInt8]]) -> Void) { state.withLock { body(&$0.objects) } }

  func put(_ name: String, _ bytes: [UInt8]) async throws(ArchiveError) {
    while name.hasPrefix("journal/"), state.withLock({ $0.isHeld }), !Task.isCancelled {
      try? await Task.sleep(for: .milliseconds(5))
    }
    let result = state.withLock { state -> Result<Void, ArchiveError> in
      state.puts += 1
      if state.isDown { return .failure(.unreachable("down")) }
      if !state.faults.isEmpty, name.hasPrefix("journal/") {
        switch state.faults.removeFirst() {
        case .down: return .failure(.unreachable("down for once"))
        case .lies: return .success(())
        case .halves:
          state.objects[name] = Array(bytes.prefix(bytes.count / 2))
          return .success(())
        }
      }
      if let known = state.objects[name] {
        return known == bytes ? .success(()) : .failure(.conflict(name: name))
      }
      state.objects[name] = bytes
      return .success(())
    }
    try result.get()
  }

  func get(_ name: String) async throws(ArchiveError) -> [UInt8]? {
    let result = state.withLock { state -> Result<[UInt8]?, ArchiveError> in
      state.gets.append(name)
      return state.isDown ? .failure(.unreachable("down")) : .success(state.objects[name])
    }
    return try result.get()
  }

  func list(_ prefix: String, after: String?) async throws(ArchiveError) -> [StoredObject] {
    let result = state.withLock { state -> Result<[StoredObject], ArchiveError> in
      if state.isDown { return .failure(.unreachable("down")) }
      return .success(
        state.objects.filter { $0.key.hasPrefix(prefix) && $0.key > after ?? "" }.sorted {
          $0.key < $1.key
        }
        .map { StoredObject(name: $0.key, bytes: UInt64($0.value.count)) })
    }
    return try result.get()
  }

  func remove(_ name: String) async throws(ArchiveError) {
    state.withLock { _ = $0.objects.removeValue(forKey: name) }
  }
}
