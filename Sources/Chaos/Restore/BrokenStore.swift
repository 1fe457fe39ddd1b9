import Archive
import Synchronization

/// An object store in memory that is slow, errs and lies as it is told.
final class BrokenStore: ObjectStore {
  enum Fault: String, CaseIterable, Sendable {
    case slow = "a slow store"
    case errors = "a store that errs"
    case lies = "a store that lies about success"
    case halves = "a store that keeps half"
    case fails = "a store that stores and errs"
  }
  private struct State {
    var objects: [String: [UInt8]] = [:]
    var fault: Fault?
    var left = 0
    var hits = 0
  }
  private let state = Mutex(State())

  /// The next `count` calls that store meet the fault.
  func fail(_ fault: Fault, _ count: Int) {
    state.withLock { state in
      state.fault = fault
      state.left = count
      state.hits = 0
    }
  }

  var hits: Int { state.withLock { $0.hits } }
  var names: [String] { state.withLock { $0.objects.keys.sorted() } }
  func edit(_ body: (inout [String: [UInt8]]) -> Void) { state.withLock { body(&$0.objects) } }

  private func next() -> Fault? {
    state.withLock { state in
      guard state.left > 0 else { return nil }
      state.left -= 1
      state.hits += 1
      return state.fault
    }
  }

  func put(_ name: String, _ bytes: [UInt8]) async throws(ArchiveError) {
    let fault = next()
    switch fault {
    case .slow: try? await Task.sleep(for: .milliseconds(300))
    case .errors: throw .unreachable("it errs")
    case .lies: return
    case .halves:
      state.withLock { $0.objects[name] = Array(bytes.prefix(bytes.count / 2)) }
      throw .unreachable("it kept half")
    case .fails, nil: break
    }
    let isStored = state.withLock { state in
      if let known = state.objects[name] { return known == bytes }
      state.objects[name] = bytes
      return true
    }
    guard isStored else { throw .conflict(name: name) }
    if case .fails = fault { throw .unreachable("it errs after it stored") }
  }

  func get(_ name: String) async throws(ArchiveError) -> [UInt8]? {
    state.withLock { $0.objects[name] }
  }

  func list(_ prefix: String, after: String?) async throws(ArchiveError) -> [StoredObject] {
    state.withLock { state in
      state.objects.filter { $0.key.hasPrefix(prefix) && $0.key > after ?? "" }.sorted {
        $0.key < $1.key
      }
      .map { StoredObject(name: $0.key, bytes: UInt64($0.value.count)) }
    }
  }

  func remove(_ name: String) async throws(ArchiveError) {
    state.withLock { _ = $0.objects.removeValue(forKey: name) }
  }
}
