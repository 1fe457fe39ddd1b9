import Platform
import Wire

/// When each tenant of this cell next has work to do; one thread for all of them.
final class DueIndex: Sendable {
  private struct State: Sendable {
    var schedule = DueSchedule()
    var isClosed = false
    var wasChanged = Flag()
  }

  private struct Flag: Sendable {
    var isSet = false
    mutating func take() -> Bool {
      defer { isSet = false }
      return isSet
    }
  }

  /// The longest the thread sleeps: the wall clock may be set.
  static let longestWaitNanoseconds: UInt64 = 1_000_000_000

  private let monitor = Monitor(State())
  private let clock: any WallClock
  private let repeatMilliseconds: Int64
  private let announce: @Sendable (TenantID) -> Void

  init(
    clock: any WallClock, repeatMilliseconds: Int64,
    announce: @escaping @Sendable (TenantID) -> Void
  ) {
    self.clock = clock
    self.repeatMilliseconds = repeatMilliseconds
    self.announce = announce
  }

  func set(_ tenant: TenantID, _ due: Timestamp?) {
    let wake = monitor.withLock { state -> Bool in
      let isEarliest = state.schedule.set(tenant, due)
      if isEarliest { state.wasChanged.isSet = true }
      return isEarliest
    }
    if wake { monitor.signal() }
  }

  /// When a tenant is announced next; nil: not at all.
  func next(of tenant: TenantID) -> Timestamp? { monitor.withLock { $0.schedule[tenant] } }

  /// Announces who is due by now.
  ///
  /// The thread does this; tests with a clock that stands still too.
  func check() {
    let now = Timestamp(milliseconds: clock.milliseconds())
    let again = now.adding(milliseconds: repeatMilliseconds)
    for tenant in monitor.withLock({ $0.schedule.take(now: now, again: again) }) {
      announce(tenant)
    }
  }

  /// Serves until ``close()``.
  func run() {
    while true {
      let wait = monitor.withLock { state -> UInt64? in
        if state.isClosed { return nil }
        guard let next = state.schedule.next else { return Self.longestWaitNanoseconds }
        let milliseconds = max(1, next.milliseconds - clock.milliseconds())
        return min(Self.longestWaitNanoseconds, UInt64(milliseconds) * 1_000_000)
      }
      guard let wait else { return }
      // An earlier due time or the end cut the wait short.
      _ = monitor.wait(nanoseconds: wait) { state -> Bool? in
        state.isClosed || state.wasChanged.take() ? true : nil
      }
      check()
    }
  }

  func close() {
    monitor.withLock { $0.isClosed = true }
    monitor.broadcast()
  }
}
