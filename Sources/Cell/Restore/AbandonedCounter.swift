import Synchronization

/// Counts while the files are edited on another thread.
final class AbandonedCounter: Sendable {
  private let state = Mutex(AbandonedRecords())

  var value: AbandonedRecords { state.withLock { $0 } }

  func change(_ body: (inout AbandonedRecords) throws -> Void) throws {
    var copy = value
    try body(&copy)
    let changed = copy
    state.withLock { $0 = changed }
  }
}
