import CSQLite

/// Values made of rows that seldom change, kept beside the writer until one of those rows changes.
///
/// The one writer sees every change through its capture, so that nothing else can make a value
/// stale. What is read while the open transaction has changed its tables is not kept: the
/// transaction may yet be undone.
final class RowMemory {
  /// Values of a kind that are kept per file; beyond it the kind starts over.
  static let capacity = 64

  /// Values of one kind under keys of one kind, so that a look at them boxes nothing.
  private final class Shelf<Key: Hashable, Value> {
    struct Kept {
      let value: Value
      let changed: UInt64
    }
    var values: [Key: Kept] = [:]
  }

  private let capture: OpaquePointer
  private var shelves: [ObjectIdentifier: AnyObject] = [:]

  init(capture: OpaquePointer) { self.capture = capture }

  /// The value under `key` where it still holds and `isValid` says so; else made and kept.
  func value<Key: Hashable & Sendable, Value: Sendable>(
    _ key: Key, tables: [UInt16], isValid: (Value) -> Bool, make: () throws -> Value
  ) rethrows -> Value {
    var changed: UInt64 = 0
    for table in tables { changed = max(changed, aim_capture_changed(capture, table)) }
    let shelf = shelf(Key.self, Value.self)
    if let kept = shelf.values[key], kept.changed == changed, isValid(kept.value) {
      return kept.value
    }
    let value = try make()
    guard changed <= aim_capture_changes_before(capture) else { return value }
    if shelf.values.count >= Self.capacity { shelf.values = [:] }
    shelf.values[key] = .init(value: value, changed: changed)
    return value
  }

  private func shelf<Key, Value>(_: Key.Type, _: Value.Type) -> Shelf<Key, Value> {
    let kind = ObjectIdentifier(Shelf<Key, Value>.self)
    if let shelf = shelves[kind] { return unsafeDowncast(shelf, to: Shelf<Key, Value>.self) }
    let shelf = Shelf<Key, Value>()
    shelves[kind] = shelf
    return shelf
  }

  /// Forgets everything: the file has other tables now.
  func forget() { shelves = [:] }
}
