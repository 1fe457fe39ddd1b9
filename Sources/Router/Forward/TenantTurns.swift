import Synchronization
import Wire

/// Lets a few requests of each tenant be with its cell at a time; its others wait here, in their
/// order.
///
/// What a cell takes at once is everybody's: without turns the many, or the slow, requests of one
/// tenant would hold all of it, and its neighbours' would stand behind them.
final class TenantTurns: Sendable {
  private struct Waiter: Sendable {
    let id: UInt64
    let continuation: CheckedContinuation<Bool, Never>
    var alarm: Task<Void, Never>?
  }
  private struct Line: Sendable {
    var running = 0
    /// Bounded by what the router has in flight of one tenant.
    var waiting: [Waiter] = []
  }
  private struct State: Sendable {
    var lines: [TenantID: Line] = [:]
    var lastID: UInt64 = 0
  }

  private let limit: Int
  private let state = Mutex(State())

  init(limit: Int) { self.limit = limit }

  /// Waits for a turn, which ``leave(_:)`` ends; false, and no turn, where none came by `deadline`.
  func enter(_ tenant: TenantID, by deadline: ContinuousClock.Instant) async -> Bool {
    if state.withLock({ begin(tenant, &$0) }) { return true }
    return await withCheckedContinuation { continuation in
      let id = state.withLock { state -> UInt64? in
        if begin(tenant, &state) { return nil }
        state.lastID += 1
        state.lines[tenant]?.waiting.append(Waiter(id: state.lastID, continuation: continuation))
        return state.lastID
      }
      guard let id else { return continuation.resume(returning: true) }
      let alarm = Task {
        guard (try? await Task.sleep(until: deadline, clock: .continuous)) != nil else { return }
        self.giveUp(tenant, id)
      }
      let waits = state.withLock { state in
        guard let index = state.lines[tenant]?.waiting.firstIndex(where: { $0.id == id }) else {
          return false
        }
        state.lines[tenant]?.waiting[index].alarm = alarm
        return true
      }
      if !waits { alarm.cancel() }
    }
  }

  /// Ends a turn: the next in line has it.
  func leave(_ tenant: TenantID) {
    let next = state.withLock { state -> Waiter? in
      guard var line = state.lines[tenant] else {
        preconditionFailure("nobody of \(tenant) has a turn")
      }
      let next = line.waiting.isEmpty ? nil : line.waiting.removeFirst()
      if next == nil { line.running -= 1 }
      state.lines[tenant] = line.running == 0 ? nil : line
      return next
    }
    next?.alarm?.cancel()
    next?.continuation.resume(returning: true)
  }

  private func begin(_ tenant: TenantID, _ state: inout State) -> Bool {
    let running = state.lines[tenant]?.running ?? 0
    guard running < limit else { return false }
    state.lines[tenant, default: Line()].running = running + 1
    return true
  }

  private func giveUp(_ tenant: TenantID, _ id: UInt64) {
    let waiter = state.withLock { state -> Waiter? in
      guard let index = state.lines[tenant]?.waiting.firstIndex(where: { $0.id == id }) else {
        return nil
      }
      return state.lines[tenant]?.waiting.remove(at: index)
    }
    waiter?.continuation.resume(returning: false)
  }
}
