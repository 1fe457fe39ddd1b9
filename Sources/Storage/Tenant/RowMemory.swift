import CSQLite

/// Values made of rows that seldom change, kept beside the writer until one of those rows changes.
///
/// The one writer sees every change through its capture, so that nothing else can make a value
/// stale. What is read while the open transaction has changed its tables is not kept: the
/// transaction may yet be undone.
final class RowMemory {
  /// Values kept per file; beyond it the memory starts over.
  static let capacity = 64

  private struct Kept {
    let value: any Sendable
    let changed: UInt64
  }

  private let capture: OpaquePointer
  private var values: [AnyHashable: Kept] = [:]

  init(capture: OpaquePointer) { self.capture = capture }

  /// The value under `key` where it still holds and `isValid` says so; else made and kept.
  func value<Key: Hashable & Sendable, Value: Sendable>(
    _ key: Key, tables: [UInt16], isValid: (Value) -> Bool, make: () throws -> Value
  ) rethrows -> Value {
    let changed = tables.reduce(0) { max($0, aim_capture_changed(capture, $1)) }
    if let kept = values[key], kept.changed == changed, let value = kept.value as? Value,
      isValid(value)
    {
      return value
    }
    let value = try make()
    guard changed <= aim_capture_changes_before(capture) else { return value }
    if values.count >= Self.capacity { values = [:] }
    values[key] = Kept(value: value, changed: changed)
    return value
  }

  /// Forgets everything: the file has other tables now.
  func forget() { values = [:] }
}
