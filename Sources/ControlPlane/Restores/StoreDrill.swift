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

  /// Reports that are kept, the latest; of an operation without one the store is restored again.
  private static let kept = 16

  private struct State {
    var isBusy = false
    /// Of operations that wait for cells still.
    var reports: [OperationID: String] = [:]
  }

  private let body: (@Sendable () async -> String?)?
  private let state = Mutex(State())

  /// `body` restores, and answers the report, nil where that does not work yet; nil: there is
  /// nothing to restore from.
  init(_ body: (@Sendable () async -> String?)?) { self.body = body }

  /// How far it is; a question begins it, where none is under way.
  func answer(for operation: OperationID) -> Answer {
    guard let body else { return .nothing }
    let known = state.withLock { state -> Answer? in
      if let report = state.reports[operation] { return .done(report) }
      guard !state.isBusy else { return .running }
      state.isBusy = true
      return nil
    }
    if let known { return known }
    Task {
      let report = await body()
      state.withLock { state in
        state.isBusy = false
        state.reports[operation] = report
        if state.reports.count > Self.kept, let oldest = state.reports.keys.min() {
          state.reports[oldest] = nil
        }
      }
    }
    return .running
  }

  /// The operation is over.
  func forget(_ operation: OperationID) {
    state.withLock { $0.reports[operation] = nil }
  }
}
