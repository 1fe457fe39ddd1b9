import Synchronization
import Wire

/// The restore of the control plane's own store for proof: one per operation, beside the rounds,
/// which wait for nothing.
///
/// Kept in memory: a process that starts anew begins it again.
final class StoreDrill: Sendable {
  enum Answer: Hashable, Sendable {
    /// This control plane has no archive.
    case nothing
    case running
    /// The report of a cell's drill, as JSON.
    case done(String)
  }

  private let body: (@Sendable () async -> String)?
  /// The last operation's; another one begins anew.
  private let state = Mutex<(operation: OperationID, answer: Answer)?>(nil)

  /// `body` restores, and answers the report; nil: there is nothing to restore from.
  init(_ body: (@Sendable () async -> String)?) { self.body = body }

  /// How far it is; the first question of an operation begins it.
  func answer(for operation: OperationID) -> Answer {
    guard let body else { return .nothing }
    let known = state.withLock { state -> Answer? in
      if let state, state.operation == operation { return state.answer }
      // One at a time: the next operation waits for the end of this one's.
      if state?.answer == .running { return .running }
      state = (operation, .running)
      return nil
    }
    if let known { return known }
    Task {
      let report = await body()
      state.withLock { $0 = (operation, .done(report)) }
    }
    return .running
  }
}
