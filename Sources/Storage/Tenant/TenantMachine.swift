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
    /// Commands run in an open transaction. May become `idle`, `queued`, `journaling` or `stalled`.
    case running
    /// The record is with the journal, the transaction open, no thread held. May become `settling`.
    case journaling
    /// COMMIT or ROLLBACK. May become `idle`, `queued`, `stalled` or `stopped`.
    case settling
    /// Files are being closed. May become `idle` or `queued`.
    case closing
    /// The machine refused what the files need. Nothing runs until a later attempt brings them up
    /// to the journal. May become `catchingUp` or `stopped`.
    case stalled(until: UInt64)
    /// Such an attempt. May become `idle`, `stalled` or `stopped`.
    case catchingUp
    /// Damage; until a restart or repair. What is under way comes to its end without changing that.
    case stopped
  }

  /// The wait before the first attempt after a refusal; twice as long after each further one.
  package static let firstWait: UInt64 = 100_000_000
  package static let longestWait: UInt64 = 30_000_000_000

  package private(set) var state: State = .idle
  /// Refusals of the machine since commands last ran to an end.
  private var refusals: UInt64 = 0

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
    refusals = 0
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
    refusals = 0
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

  /// The machine refused; a stopped tenant stays stopped.
  ///
  /// Times are nanoseconds of a clock that only rises.
  package mutating func stalled(at now: UInt64) {
    if state == .stopped { return }
    let wait = min(Self.firstWait << min(refusals, 20), Self.longestWait)
    refusals += 1
    state = .stalled(until: now + wait)
  }

  /// The record's followers have not acknowledged it; no time brings that about.
  package mutating func awaitsFollower() {
    if state == .stopped { return }
    precondition(state == .settling, "a record is late that was not in flight")
    state = .stalled(until: .max)
  }

  /// They have; answers whether the files are to be brought up to the journal now.
  package mutating func followerAcknowledged() -> Bool {
    guard state == .stalled(until: .max) else { return false }
    state = .catchingUp
    return true
  }

  /// Answers whether the files are to be brought up to the journal now.
  package mutating func attemptAsked(at now: UInt64) -> Bool {
    guard case .stalled(let until) = state, now >= until else { return false }
    state = .catchingUp
    return true
  }

  /// The files are what the journal says; answers whether commands may run.
  package mutating func caughtUp() -> Bool {
    if state == .stopped { return false }
    precondition(state == .catchingUp, "a tenant caught up that was not behind")
    state = .idle
    return true
  }
}
