import Synchronization

/// A number that only rises, and those who wait until it has passed one.
///
/// Waiting holds no thread and asks nothing again and again. It ends early when the mark is closed
/// or the waiting task is cancelled.
public final class Watermark: Sendable {
  private struct Waiter {
    let past: UInt64
    let continuation: CheckedContinuation<Bool, Never>
  }
  private struct State {
    var value: UInt64
    var isClosed = false
    var nextID: UInt64 = 0
    var waiters: [UInt64: Waiter] = [:]
    /// Waits that were cancelled before they began.
    var cancelled: Set<UInt64> = []
  }

  private let state: Mutex<State>

  init(_ value: UInt64) { state = Mutex(State(value: value)) }

  public var value: UInt64 { state.withLock { $0.value } }

  /// Raises the mark; a lower value changes nothing.
  func rise(to value: UInt64) {
    let passed = state.withLock { state -> [CheckedContinuation<Bool, Never>] in
      guard value > state.value else { return [] }
      state.value = value
      let passed = state.waiters.filter { $0.value.past < value }
      for id in passed.keys { state.waiters[id] = nil }
      return passed.values.map(\.continuation)
    }
    for continuation in passed { continuation.resume(returning: true) }
  }

  /// Ends all waits; later ones end at once.
  func close() {
    let waiting = state.withLock { state -> [CheckedContinuation<Bool, Never>] in
      state.isClosed = true
      defer { state.waiters = [:] }
      return state.waiters.values.map(\.continuation)
    }
    for continuation in waiting { continuation.resume(returning: false) }
  }

  /// Returns when the mark is over `value`: true; false where that will not be waited for.
  public func wait(past value: UInt64) async -> Bool {
    let id = state.withLock { state in
      state.nextID += 1
      return state.nextID
    }
    // A cancellation that comes after the answer leaves its mark.
    defer { state.withLock { _ = $0.cancelled.remove(id) } }
    return await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let answer = state.withLock { state -> Bool? in
          if state.value > value { return true }
          if state.isClosed || state.cancelled.remove(id) != nil { return false }
          state.waiters[id] = Waiter(past: value, continuation: continuation)
          return nil
        }
        if let answer { continuation.resume(returning: answer) }
      }
    } onCancel: {
      let waiter = state.withLock { state -> Waiter? in
        if let waiter = state.waiters.removeValue(forKey: id) { return waiter }
        state.cancelled.insert(id)
        return nil
      }
      waiter?.continuation.resume(returning: false)
    }
  }
}
