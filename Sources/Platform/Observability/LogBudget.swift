import Synchronization

/// Lets a bounded number of lines per second into the log: what anybody can cause without a
/// credential must not fill a disk.
public final class LogBudget: Sendable {
  private struct State {
    var began: ContinuousClock.Instant?
    var written = 0
    var leftOut = 0
  }

  private let perSecond: Int
  private let state = Mutex(State())

  public init(perSecond: Int = 100) { self.perSecond = perSecond }

  /// How many lines were left out since the last one, where another may be written at `now`; else
  /// nil.
  public func take(at now: ContinuousClock.Instant = .now) -> Int? {
    state.withLock { state in
      if state.began.map({ now - $0 >= .seconds(1) }) ?? true {
        state.began = now
        state.written = 0
      }
      guard state.written < perSecond else {
        state.leftOut += 1
        return nil
      }
      state.written += 1
      defer { state.leftOut = 0 }
      return state.leftOut
    }
  }
}
