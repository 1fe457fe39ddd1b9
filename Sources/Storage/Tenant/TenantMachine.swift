/// Where one tenant's writer stands.
///
/// Decides; ``TenantWriter`` acts.
///
/// One record is in flight at most: no command runs before the one ahead is durable and committed.
package struct TenantMachine: Hashable, Sendable {
  package enum State: Hashable, Sendable {
    /// Nothing to do; files may be open. May become `queued`, `closing` or `stopped`.
    case idle
    /// A run waits for a thread. May become `running`.
    case queued
    /// Commands run in an open transaction. May become `idle`, `queued` or `journaling`.
    case running
    /// The record is with the journal, the transaction open, no thread held. May become `settling`.
    case journaling
    /// COMMIT or ROLLBACK. May become `idle`, `queued` or `stopped`.
    case settling
    /// Files are being closed. May become `idle` or `queued`.
    case closing
    /// Damage, or a commit that cannot be repeated; until a restart or repair. What is under way
    /// comes to its end without changing that.
    case stopped
  }

  package private(set) var state: State = .idle

  package init() {}

  /// A command came in; answers whether a run is to be scheduled for it.
  package mutating func submitted() -> Bool {
    guard state == .idle else { return false }
    state = .queued
    return true
  }

  package mutating func runBegan() {
    if state == .stopped { return }
    precondition(state == .queued, "a run began that was not queued")
    state = .running
  }

  /// The run changed nothing, or was interrupted; answers whether to schedule another.
  package mutating func runEnded(waiting: Bool) -> Bool {
    if state == .stopped { return false }
    precondition(state == .running, "a run ended that had not begun")
    state = waiting ? .queued : .idle
    return waiting
  }

  package mutating func sealed() {
    if state == .stopped { return }
    precondition(state == .running, "a record was sealed outside a run")
    state = .journaling
  }

  package mutating func journalAnswered() {
    if state == .stopped { return }
    precondition(state == .journaling, "the journal answered what was not asked")
    state = .settling
  }

  /// The transaction is committed or undone; answers whether to schedule a run.
  package mutating func settled(waiting: Bool) -> Bool {
    if state == .stopped { return false }
    precondition(state == .settling, "a transaction was settled that was not in flight")
    state = waiting ? .queued : .idle
    return waiting
  }

  /// Room is wanted; answers whether the files are to be closed now.
  package mutating func evictionAsked() -> Bool {
    guard state == .idle else { return false }
    state = .closing
    return true
  }

  package mutating func closed(waiting: Bool) -> Bool {
    if state == .stopped { return false }
    precondition(state == .closing, "files were closed that nobody asked to close")
    state = waiting ? .queued : .idle
    return waiting
  }

  package mutating func stopped() { state = .stopped }
}
