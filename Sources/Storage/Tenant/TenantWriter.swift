import Platform
import Synchronization
import Wire

/// One tenant on this cell: its mailbox, its writer, its readers.
///
/// Closed, it holds no descriptor, thread or timer.
final class TenantWriter: Sendable {
  let tenant: TenantID
  let context: EngineContext
  let schema: SchemaIndex
  let mailbox: Mutex<Mailbox>
  private let core: Mutex<TenantCore>
  /// Held by COMMIT, and by a read while it takes its snapshots: they see one moment.
  private let latch = Mutex(())
  /// The last record whose COMMIT is done: what a checkpoint now would hold.
  private let committed: Mutex<TenantHead>
  let readers: TenantReaders
  /// Where a move takes the records that become true; nil while none is under way.
  let tap = Mutex<MoveTap?>(nil)

  struct Mailbox {
    var machine = TenantMachine()
    var commands = Deque<any Command>()
    var bytes = 0
    /// Why nothing is taken up; nil while the tenant is served.
    var problem: Obstacle?
    /// Whether the followers have acknowledged the record in flight after it was late.
    var isAcknowledgedLate = false
    /// Commands wait, and no run begins: a record of a move is being written.
    var isHeld = false
    /// The tenant is another cell's: nothing is taken up.
    var isAway = false

    /// Whether a run is to follow.
    var isRunWanted: Bool { !isHeld && !isAway && !commands.isEmpty }
  }

  init(tenant: TenantID, context: EngineContext, schema: SchemaIndex, head: TenantHead) {
    self.tenant = tenant
    self.context = context
    self.schema = schema
    mailbox = Mutex(Mailbox())
    committed = Mutex(head)
    core = Mutex(TenantCore(tenant: tenant, context: context, schema: schema, head: head))
    readers = TenantReaders(tenant: tenant, context: context, schema: schema)
  }

  // Commands.

  /// Puts a command into the mailbox; where that is refused, answers it at once.
  func submit(_ command: any Command) {
    let refusal = mailbox.withLock { box -> Failure?? in
      if box.isAway { return .some(Self.isAway) }
      if let problem = box.problem { return .some(Self.refusal(problem)) }
      if let full = admission(box, command) { return .some(full) }
      box.commands.append(command)
      box.bytes += command.bytes
      context.queuedCommands.wrappingAdd(1, ordering: .relaxed)
      context.queuedBytes.wrappingAdd(command.bytes, ordering: .relaxed)
      return !box.isHeld && box.machine.submitted() ? .some(nil) : nil
    }
    switch refusal {
    case nil: break
    case .some(nil): context.writers.push(.run(self))
    case .some(let failure?):
      command.refuse(failure)
      command.reply()
    }
  }

  private func admission(_ box: borrowing Mailbox, _ command: any Command) -> Failure? {
    let limits = context.configuration
    if box.commands.count >= limits.mailboxCommands
      || box.bytes + command.bytes > limits.mailboxBytes
    {
      context.metrics.shed(.mailbox)
      return Failure(
        .mailboxFull, "too many commands of this tenant wait", retryAfterMilliseconds: 1_000)
    }
    if context.queuedCommands.load(ordering: .relaxed) >= limits.cellCommands
      || context.queuedBytes.load(ordering: .relaxed) + command.bytes > limits.cellBytes
    {
      context.metrics.shed(.cell)
      return Failure(
        .overloaded, "too many commands wait in this cell", retryAfterMilliseconds: 1_000)
    }
    return nil
  }

  // The run, on a writer thread.

  func run() {
    let batch = mailbox.withLock { box in
      box.machine.runBegan()
      return take(&box)
    }
    context.openTenants.used(self)
    context.running?.enter(tenant)
    defer { context.running?.leave() }
    CrashSwitch.commandsOf(tenant.rawValue)
    let (result, leftover) = core.withLock { core in
      let (result, leftover) = core.run(batch)
      return (result, Array(leftover))
    }
    putBack(leftover)
    switch result {
    case .sealed(let record):
      mailbox.withLock { $0.machine.sealed() }
      append(record)
    case .nothing(let commands, let effects):
      runEnded()
      answer(commands, effects)
    case .refused(let commands, let failure):
      for command in commands { command.refuse(failure) }
      if failure.code == .outcomeUnknown { context.metrics.outcomeUnknown(commands.count) }
      runEnded()
      answer(commands, [])
    case .again: runEnded()
    case .stop(let commands, let reason):
      stop(reason)
      for command in commands { command.refuse(Self.refusal(reason)) }
      answer(commands, [])
    }
    context.writers.runs.wrappingSubtract(1, ordering: .relaxed)
  }

  func take(_ box: inout Mailbox) -> [any Command] {
    var batch: [any Command] = []
    var bytes = 0
    batch.reserveCapacity(min(box.commands.count, context.configuration.batchCommands))
    while batch.count < context.configuration.batchCommands, let next = box.commands.popFirst() {
      bytes += next.bytes
      batch.append(next)
    }
    box.bytes -= bytes
    context.queuedCommands.wrappingSubtract(batch.count, ordering: .relaxed)
    context.queuedBytes.wrappingSubtract(bytes, ordering: .relaxed)
    return batch
  }

  private func putBack(_ leftover: [any Command]) {
    guard !leftover.isEmpty else { return }
    let bytes = leftover.reduce(0) { $0 + $1.bytes }
    let problem = mailbox.withLock { box -> Obstacle? in
      // Stopped meanwhile: nobody would take them out again.
      if let problem = box.problem { return problem }
      box.commands.prepend(leftover)
      box.bytes += bytes
      context.queuedCommands.wrappingAdd(leftover.count, ordering: .relaxed)
      context.queuedBytes.wrappingAdd(bytes, ordering: .relaxed)
      return nil
    }
    guard let problem else { return }
    for command in leftover { command.refuse(Self.refusal(problem)) }
    answer(leftover, [])
  }

  /// Refuses what waits for a run that will not come: the pool has ended.
  func refuseWaiting() {
    let waiting = mailbox.withLock { box -> [any Command] in
      box.machine.runBegan()
      var rest: [any Command] = []
      while !box.commands.isEmpty { rest += take(&box) }
      _ = box.machine.runEnded(waiting: false)
      return rest
    }
    for command in waiting {
      command.refuse(Failure(.shuttingDown, "this cell is shutting down"))
    }
    answer(waiting, [])
  }

  private func runEnded() {
    if mailbox.withLock({ $0.machine.runEnded(waiting: $0.isRunWanted) }) {
      context.writers.push(.run(self))
    }
  }

  private func append(_ record: SealedRecord) {
    let more = context.writers.runs.load(ordering: .relaxed) > 1
    context.journal.append(record, more: more) { [self] outcome in
      if case .durable(let position) = outcome {
        let before = context.heads[tenant]
        context.heads.durable(
          tenant, TenantHead(after: before, record.identity, hash: record.hash, at: position))
        let isHeld = context.journal.gate.hold(tenant, at: position) { [self] verdict in
          switch verdict {
          case .acknowledged: context.writers.push(.settle(self, outcome))
          case .late: context.writers.push(.settle(self, .unacknowledged(position)))
          case .acknowledgedLate: acknowledgedLate()
          }
        }
        if isHeld { return }
      }
      context.writers.push(.settle(self, outcome))
    }
  }

  /// The record that was late is true now: the files are brought up to it.
  private func acknowledgedLate() {
    let isNext = mailbox.withLock { box in
      box.isAcknowledgedLate = true
      return box.machine.followerAcknowledged()
    }
    if isNext { context.writers.push(.catchUp(self)) }
  }

  /// Undoes the transaction of a record that is neither lost nor true, and closes for writing.
  private func postpone() {
    let settled = core.withLock { core -> TenantCore.Settled in
      guard let head = context.heads[tenant] else {
        preconditionFailure("a durable record whose tenant has no head")
      }
      return core.postpone(head)
    }
    context.metrics.outcomeUnknown(settled.commands.count)
    let (waiting, isNext) = mailbox.withLock { box -> ([any Command], Bool) in
      box.machine.awaitsFollower()
      box.problem = box.problem ?? .unacknowledged
      var rest: [any Command] = []
      while !box.commands.isEmpty { rest += take(&box) }
      return (rest, box.isAcknowledgedLate && box.machine.followerAcknowledged())
    }
    context.problems.add(.tenantUnacknowledged(tenant, since: context.now))
    for command in waiting { command.refuse(Self.refusal(.unacknowledged)) }
    answer(settled.commands + waiting, [])
    if isNext { context.writers.push(.catchUp(self)) }
  }

  // The record's fate, on a writer thread.

  func settle(_ outcome: AppendOutcome) {
    context.running?.enter(tenant)
    defer { context.running?.leave() }
    mailbox.withLock { $0.machine.journalAnswered() }
    if case .unacknowledged = outcome { return postpone() }
    let settled = core.withLock { core -> TenantCore.Settled in
      switch outcome {
      case .durable:
        guard let head = context.heads[tenant] else {
          preconditionFailure("a durable record whose tenant has no head")
        }
        let due = core.head.nextDue
        let settled = latch.withLock { _ in
          let settled = core.commit(head)
          // Before the latch is given up: one file may have the record, another not.
          if let reason = settled.stop { stop(reason) }
          // Under the latch as well: a snapshot must not note a record that it lacks.
          if settled.stop == nil {
            committed.withLock { $0 = head }
            if let record = settled.record { tap.withLock { $0 }?.add(record) }
          }
          return settled
        }
        if head.nextDue != due { context.due.set(tenant, head.nextDue) }
        return settled
      case .unacknowledged: preconditionFailure("postponed above")
      case .cut:
        return core.undo(Failure(.outcomeUnknown, "the record may not be durable; try again"))
      case .refused(let reason): return core.undo(Self.refusal(reason))
      }
    }
    if case .cut = outcome { context.metrics.outcomeUnknown(settled.commands.count) }
    if settled.stop != nil {
      context.metrics.outcomeUnknown(settled.commands.count)
    } else if mailbox.withLock({ $0.machine.settled(waiting: $0.isRunWanted) }) {
      context.writers.push(.run(self))
    }
    if !settled.longFiles.isEmpty { context.flusher.request(tenant, settled.longFiles) }
    answer(settled.commands, settled.effects)
  }

  func answer(_ commands: [any Command], _ effects: [@Sendable () -> Void]) {
    for effect in effects { effect() }
    for command in commands { command.reply() }
  }

  // Life.

  /// Refuses everything from here on; reported with its runbook.
  ///
  /// Where the reason may pass, ``catchUp()`` ends that; where it is damage, a restart or a repair.
  func stop(_ reason: Obstacle, _ problem: Problem? = nil) {
    if reason.isFailedSync { context.fatal(.filesNotSynchronized(reason.detail)) }
    let (waiting, isStalled) = mailbox.withLock { box -> ([any Command], Bool) in
      // Damage that was found once is not forgotten over a full disk.
      let isStalled = reason.mayPass && box.machine.state != .stopped
      if isStalled {
        box.machine.stalled(at: MonotonicTime.nanoseconds())
      } else {
        box.machine.stopped()
      }
      if isStalled || !reason.mayPass { box.problem = reason }
      var rest: [any Command] = []
      while !box.commands.isEmpty { rest += take(&box) }
      return (rest, isStalled)
    }
    context.log.critical(
      isStalled ? "tenant stalled" : "tenant stopped",
      metadata: ["tenant": "\(tenant)", "reason": "\(reason.detail)"])
    if isStalled {
      context.problems.add(.tenantStalled(tenant, detail: reason.detail, since: context.now))
      context.stalled.add(tenant)
    } else {
      context.stalled.remove(tenant)
      context.problems.resolve("tenant_stalled", tenant)
      context.problems.add(
        problem ?? .tenantStopped(tenant, detail: reason.detail, since: context.now))
    }
    for command in waiting {
      command.refuse(Self.refusal(reason))
      command.reply()
    }
  }

  func stop(_ detail: String, _ problem: Problem? = nil) { stop(Obstacle(detail), problem) }

  /// Queues an attempt to go on where its time has come; answers whether it did.
  func attempt() -> Bool {
    let now = MonotonicTime.nanoseconds()
    guard mailbox.withLock({ $0.machine.attemptAsked(at: now) }) else { return false }
    context.writers.push(.catchUp(self))
    return true
  }

  /// Brings a stalled tenant's files up to the journal and serves it again; on a writer thread.
  func catchUp() {
    context.openTenants.used(self)
    context.running?.enter(tenant)
    defer { context.running?.leave() }
    do {
      let (effects, head) = try core.withLock { core in
        (try core.catchUp(), core.head)
      }
      committed.withLock { $0 = head }
      context.due.set(tenant, head.nextDue)
      // Before anybody is served: they may say that what was remembered is no longer true.
      for effect in effects { effect() }
      let isServed = mailbox.withLock { box in
        guard box.machine.caughtUp() else { return false }
        box.problem = nil
        box.isAcknowledgedLate = false
        return true
      }
      guard isServed else { return }
      context.stalled.remove(tenant)
      context.problems.resolve("tenant_unacknowledged", tenant)
      context.problems.resolve("tenant_stalled", tenant)
      context.log.notice("tenant goes on", metadata: ["tenant": "\(tenant)"])
    } catch {
      stop(Obstacle("another attempt", error))
    }
  }

  /// A follower's files hold everything up to here.
  func didApply(through head: TenantHead) { committed.withLock { $0 = head } }

  /// Nil for a stopped or stalled tenant: its files lack records, whatever is checkpointed.
  var committedThrough: CellSeq? { problem == nil ? committed.withLock { $0.cellSeq } : nil }
  /// The last record whose COMMIT is done.
  var committedHead: TenantHead { committed.withLock { $0 } }
  /// Why the tenant is not served; nil where it is.
  var problem: Obstacle? { mailbox.withLock { $0.problem } }
  /// Whether a record of the tenant is on its way to being durable in its mode.
  var waitsForDurability: Bool {
    mailbox.withLock { $0.machine.state == .journaling || $0.problem?.allowsReads == true }
  }
  /// Whether anything is queued or under way.
  var isActive: Bool {
    mailbox.withLock { $0.problem == nil && $0.machine.state != .idle }
  }
  var depth: Int { mailbox.withLock { $0.commands.count } }

  /// Closes the files where nothing is under way; answers whether it did.
  func evict() -> Bool {
    guard mailbox.withLock({ $0.machine.evictionAsked() }) else { return false }
    readers.close()
    core.withLock { $0.closeFiles() }
    if mailbox.withLock({ $0.machine.closed(waiting: $0.isRunWanted) }) {
      context.writers.push(.run(self))
    }
    return true
  }

  /// Work on the core while no command runs: replay at a start, and closing at the end.
  func withCore<T: Sendable>(_ body: (TenantCore) throws -> T) rethrows -> T {
    try core.withLock { try body($0) }
  }

  /// The same where nobody has it now; nil where somebody has.
  func withCoreIfFree<T: Sendable>(_ body: (TenantCore) -> T) -> T? {
    core.withLockIfAvailable { body($0) }
  }

  /// Runs `body` while no COMMIT of this tenant is under way.
  func withLatch<T>(_ body: () throws -> T) rethrows -> T {
    try latch.withLock { _ in try body() }
  }
}
