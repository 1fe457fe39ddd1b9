import Wire

/// Kinds of operations and the steps each goes through, in order.
enum OperationKind: String, Hashable, Sendable, CaseIterable {
  case tenantCreate = "tenant.create"
  case tenantState = "tenant.state"
  case sendStop = "send_stop"
  case cellPromote = "cell.promote"
  case cellRestore = "cell.restore"
  case cellSpread = "cell.spread"
  case tenantRestore = "tenant.restore"
  case tenantSnapshot = "tenant.snapshot"
  case tenantMove = "tenant.move"
  case cellDrain = "cell.drain"
  case cellRetire = "cell.retire"
  case rebalance
  case cellUpgrade = "cell.upgrade"
  case cellRollback = "cell.rollback"
  case drill

  /// Whether a cell does it as long work and is asked until it has ended.
  var isCellWork: Bool {
    switch self {
    case .cellRestore, .cellSpread, .tenantRestore, .tenantSnapshot, .tenantMove, .drill: true
    case .tenantCreate, .tenantState, .sendStop, .cellPromote, .cellDrain, .cellRetire,
      .rebalance, .cellUpgrade, .cellRollback:
      false
    }
  }

  /// `isSafeToCancel`: nothing outside the control plane has been told yet.
  struct Step: Hashable, Sendable {
    let name: String
    let isSafeToCancel: Bool
  }

  var steps: [Step] {
    switch self {
    case .tenantCreate:
      [
        Step(name: "provision", isSafeToCancel: false),
        Step(name: "announce", isSafeToCancel: false),
      ]
    case .cellPromote:
      [
        Step(name: "register", isSafeToCancel: false),
        Step(name: "refuse", isSafeToCancel: false),
        Step(name: "serve", isSafeToCancel: false),
      ]
    case .cellRestore:
      [
        Step(name: "claim", isSafeToCancel: false), Step(name: "serve", isSafeToCancel: false),
        Step(name: "restore", isSafeToCancel: false),
      ]
    case .cellSpread:
      ["claim", "plan", "restore", "spool"].map { Step(name: $0, isSafeToCancel: false) }
    case .tenantState, .sendStop: [Step(name: "apply", isSafeToCancel: false)]
    case .tenantRestore:
      [Step(name: "restore", isSafeToCancel: false), Step(name: "register", isSafeToCancel: false)]
    // As the source names them; it is cancelled there, up to its fence.
    case .tenantMove:
      [
        "begin", "copy", "import", "stream", "quiesce", "fence", "release", "adopt", "announce",
      ].map { Step(name: $0, isSafeToCancel: false) }
    // Cancelled, it begins no more moves; those under way come to their end.
    case .cellDrain, .rebalance:
      ["measure", "plan", "move"].map { Step(name: $0, isSafeToCancel: true) }
    // Cancelled, it goes to no more processes; those that were told run what they were told.
    case .cellUpgrade:
      ["check", "baseline", "canary", "waves"].map { Step(name: $0, isSafeToCancel: true) }
    case .cellRollback: ["check", "waves"].map { Step(name: $0, isSafeToCancel: true) }
    case .cellRetire: [Step(name: "retire", isSafeToCancel: false)]
    case .tenantSnapshot: [Step(name: "copy", isSafeToCancel: false)]
    case .drill: [Step(name: "restore", isSafeToCancel: false)]
    }
  }
}

/// A durable, resumable admin action.
///
/// Decides; its caller stores the new value and acts.
struct Operation: Hashable, Sendable {
  enum State: String, Hashable, Sendable, CaseIterable {
    /// Recorded; may become running, cancelled.
    case planned
    /// At a step; may become succeeded, failed, cancelled where the step allows it.
    case running
    case succeeded, failed, cancelled

    var isFinal: Bool { self == .succeeded || self == .failed || self == .cancelled }
  }

  let id: OperationID
  let kind: OperationKind
  /// What it is about: a tenant, a cell, a stop.
  let subject: String
  private(set) var state: State
  /// Index of the step it is at, or of the last one.
  private(set) var step: Int
  var progress: Progress
  private(set) var error: Failure?
  /// JSON object, once succeeded; also of a refusal that lists what it refuses.
  private(set) var result: String?
  let createdAt: Timestamp
  private(set) var updatedAt: Timestamp

  struct Progress: Hashable, Sendable {
    var done: Int64
    var total: Int64
    var unit: String
  }

  init(
    id: OperationID, kind: OperationKind, subject: String, total: Int64, unit: String,
    at now: Timestamp
  ) {
    self.init(
      id: id, kind: kind, subject: subject, state: .planned, step: 0,
      progress: Progress(done: 0, total: total, unit: unit), error: nil, result: nil,
      createdAt: now, updatedAt: now)
  }

  /// As read from the store.
  init(
    id: OperationID, kind: OperationKind, subject: String, state: State, step: Int,
    progress: Progress, error: Failure?, result: String?, createdAt: Timestamp,
    updatedAt: Timestamp
  ) {
    self.id = id
    self.kind = kind
    self.subject = subject
    self.state = state
    self.step = step
    self.progress = progress
    self.error = error
    self.result = result
    self.createdAt = createdAt
    self.updatedAt = updatedAt
  }

  var stepName: String { kind.steps[min(step, kind.steps.count - 1)].name }

  /// Begins, or goes on after a restart: idempotent.
  mutating func start(at now: Timestamp) throws(Failure) {
    switch state {
    case .planned:
      state = .running
      updatedAt = now
    case .running: break
    case .succeeded, .failed, .cancelled: throw over()
    }
  }

  /// The step named `name` is done.
  ///
  /// A repeat of an earlier step's end changes nothing.
  mutating func finished(step name: String, at now: Timestamp) throws(Failure) {
    guard state == .running else { throw over() }
    guard let index = kind.steps.firstIndex(where: { $0.name == name }) else {
      throw Failure(.invalidState, "\(kind.rawValue) has no step \(name)")
    }
    if index < step { return }
    guard index == step else {
      throw Failure(.invalidState, "step \(name) ended while at \(stepName)")
    }
    step = index + 1
    updatedAt = now
  }

  /// Whoever does it has come to this step, over those before it; never back.
  mutating func reached(step name: String, done: Int64, total: Int64, at now: Timestamp) {
    guard state == .running, let index = kind.steps.firstIndex(where: { $0.name == name }),
      index >= step
    else { return }
    step = index
    progress.done = done
    progress.total = total
    updatedAt = now
  }

  /// What there is to read of it so far.
  mutating func reports(_ result: String) {
    guard state == .running else { return }
    self.result = result
  }

  /// Whoever did it has given it up, as was asked.
  mutating func wasCancelled(at now: Timestamp) {
    guard !state.isFinal else { return }
    state = .cancelled
    updatedAt = now
  }

  /// Every step is done.
  mutating func succeeded(result: String, at now: Timestamp) throws(Failure) {
    guard state == .running else { throw over() }
    guard step == kind.steps.count else {
      throw Failure(.invalidState, "step \(stepName) is not done")
    }
    state = .succeeded
    progress.done = progress.total
    self.result = result
    updatedAt = now
  }

  mutating func failed(
    _ failure: Failure, result: String? = nil, at now: Timestamp
  ) throws(Failure) {
    guard !state.isFinal else { throw over() }
    state = .failed
    self.result = result
    error = failure
    updatedAt = now
  }

  /// Cancels while nothing outside has been told; a repeat changes nothing.
  mutating func cancel(at now: Timestamp) throws(Failure) {
    switch state {
    case .cancelled: return
    case .planned: break
    case .running:
      guard step < kind.steps.count, kind.steps[step].isSafeToCancel else {
        throw Failure(.invalidState, "cannot be cancelled at step \(stepName)")
      }
    case .succeeded, .failed: throw over()
    }
    state = .cancelled
    updatedAt = now
  }

  private func over() -> Failure {
    Failure(.invalidState, "the operation is \(state.rawValue)")
  }
}
