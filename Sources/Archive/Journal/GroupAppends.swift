import Storage
import Synchronization

/// Groups given to a journal one after the other, and what becomes of each.
///
/// A journal that fails answers nothing any more: whoever waits, or comes later, gets the fatality.
final class GroupAppends: Sendable {
  private typealias Answer = Result<AppendOutcome, JournalFatality>

  private struct State {
    var fatality: JournalFatality?
    var caller: CheckedContinuation<Answer, Never>?
  }
  private let state = Mutex(State())

  /// The journal says that it cannot go on.
  func failed(_ fatality: JournalFatality) {
    let caller = state.withLock { state in
      state.fatality = fatality
      return state.caller.take()
    }
    caller?.resume(returning: .failure(fatality))
  }

  /// Appends one group; one at a time.
  func append(
    _ group: DurableGroup, to journal: Journal
  ) async throws(JournalFatality) -> AppendOutcome {
    let answer = await withCheckedContinuation { (caller: CheckedContinuation<Answer, Never>) in
      let fatality = state.withLock { state in
        if state.fatality == nil { state.caller = caller }
        return state.fatality
      }
      if let fatality { return caller.resume(returning: .failure(fatality)) }
      journal.append(group) { outcome in
        let caller = self.state.withLock { $0.caller.take() }
        caller?.resume(returning: .success(outcome))
      }
    }
    return try answer.get()
  }
}
