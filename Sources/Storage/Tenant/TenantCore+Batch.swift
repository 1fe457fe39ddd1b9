import Wire

/// What a run left to do.
enum RunResult: Sendable {
  /// Nothing changed: answer now.
  case nothing([any Command], effects: [@Sendable () -> Void])
  /// Give this record to the journal; the answers wait in ``TenantCore/inFlight``.
  case sealed(SealedRecord)
  /// Undone as a whole; the commands are refused with what is said here.
  case refused([any Command], Failure)
  /// Undone as a whole; the commands run again.
  case again
  /// The tenant cannot go on.
  case stop([any Command], Obstacle)
}

extension TenantCore {
  /// Runs commands in one transaction up to the sealed record; what did not fit is left over.
  func run(_ commands: [any Command]) -> (result: RunResult, leftover: ArraySlice<any Command>) {
    precondition(lack == nil, "commands ran on files that lack records")
    if let file = files.values.first(where: { !$0.missingSteps.isEmpty }) {
      let result = runStep(of: file, waiting: commands)
      // Where the tenant stops they are answered with that, and are not left over as well.
      if case .stop = result { return (result, []) }
      return (result, commands[...])
    }
    let began = ContinuousClock.now
    let limits = context.configuration
    let transaction = Transaction(
      tenant: tenant, now: now, source: self)
    encoder.begin()
    effects = []
    nextDueIsStale = false
    addedDue = nil
    interruption = nil
    var done = 0
    loop: for command in commands {
      if let deadline = command.origin.deadline, deadline < ContinuousClock.now {
        context.metrics.shed(.deadline)
        command.refuse(Failure(.deadlineExceeded, "the deadline passed before the command ran"))
        done += 1
        continue
      }
      switch runOne(command, transaction) {
      case .done: done += 1
      case .deferred: break loop
      case .interrupted: return interrupted(commands)
      }
      if encoder.commandBytes >= limits.batchBytes { break }
      if ContinuousClock.now - began > limits.batchTime { break }
    }
    context.metrics.batch(commands: done)
    return finish(Array(commands[..<done]), commands[done...], transaction, began)
  }

  private enum OneResult { case done, deferred, interrupted }

  private func runOne(_ command: any Command, _ transaction: Transaction) -> OneResult {
    let (effectsBefore, dueBefore) = (effects.count, addedDue)
    let succeeded = command.execute(transaction, self)
    if interruption != nil { return .interrupted }
    guard enlisted.allSatisfy({ !$0.connection.isAutocommit }) else {
      interruption = .transactionLost
      return .interrupted
    }
    var keep = succeeded
    if succeeded, let refusal = refusal(command) {
      command.refuse(refusal)
      keep = false
    }
    let bytes = capturedBytes()
    if keep, bytes > context.configuration.commandBytes {
      command.refuse(Failure(.bodyTooLarge, "the command changes more than one record can hold"))
      keep = false
    }
    // A record has room for this many bytes; what does not fit runs again in the next batch.
    let deferred =
      keep && encoder.commandBytes > 0
      && encoder.commandBytes + bytes > context.configuration.commandBytes
    do {
      if keep, !deferred {
        try keepCommand(command)
      } else {
        effects.removeSubrange(effectsBefore...)
        addedDue = dueBefore
        try undoCommand()
      }
    } catch {
      interruption = .transactionLost
      return .interrupted
    }
    return deferred ? .deferred : .done
  }

  /// Why a command that returned normally is refused all the same.
  private func refusal(_ command: any Command) -> Failure? {
    for file in enlisted where file.commandMark != nil {
      if let fault = file.capture.fault {
        report(fault, command.origin)
        return Failure(.internalError, "the command changed what cannot be journaled")
      }
      if file.connection.sawError {
        return Failure(.internalError, "a statement of the command failed")
      }
    }
    return nil
  }

  private func capturedBytes() -> Int {
    var bytes = 0
    for file in enlisted {
      if let mark = file.commandMark { bytes += file.capture.length - mark.length }
    }
    return bytes
  }

  private func keepCommand(_ command: any Command) throws(SQLiteError) {
    var changed: [(file: TenantFile, mark: Capture.Mark)] = []
    for file in enlisted {
      guard let mark = file.commandMark else { continue }
      if file.hasSavepoint { try file.store.release() }
      file.commandMark = nil
      file.capture.finish(mark)
      if file.capture.length > mark.length { changed.append((file, mark)) }
    }
    let origin = command.origin
    switch changed.count {
    case 0: break
    case 1:
      changed[0].file.capture.withBytes(since: changed[0].mark) {
        encoder.command(requestID: origin.requestID, traceID: origin.traceID, changes: $0)
      }
    default:
      var all: [UInt8] = []
      for (file, mark) in changed {
        file.capture.withBytes(since: mark) { all.append(contentsOf: $0) }
      }
      encoder.command(requestID: origin.requestID, traceID: origin.traceID, changes: all)
    }
  }

  /// Takes the running command back out of every file it touched.
  private func undoCommand() throws(SQLiteError) {
    var leaving = false
    for file in enlisted {
      guard let mark = file.commandMark else { continue }
      file.commandMark = nil
      file.connection.sawError = false
      file.idempotency.commandUndone()
      if file.hasSavepoint {
        try file.store.rollbackToSavepoint()
        file.capture.cut(to: mark)
      } else {
        // The first to touch the file: nothing of anybody else's is in its transaction.
        try file.store.rollback()
        file.capture.clear()
        file.isEnlisted = false
        leaving = true
      }
    }
    if leaving { enlisted.removeAll { !$0.isEnlisted } }
  }

  private func interrupted(
    _ commands: [any Command]
  ) -> (RunResult, ArraySlice<any Command>) {
    // A transaction that outgrows the cache begins the WAL before its COMMIT does.
    let failedSync = enlisted.lazy.compactMap(\.connection.failedSync).first
    rollBack()
    if let failedSync {
      // Nobody is answered: the process ends.
      return (.stop([], Obstacle("a transaction", failedSync)), [])
    }
    switch interruption {
    case .schemaSteps: return (.again, commands[...])
    case .unopened(let kind, let reason):
      lack = .file(kind)
      return (.stop(commands, reason), [])
    case .transactionLost, nil:
      let failure = Failure(.outcomeUnknown, "the transaction was lost; try again with the key")
      return (.refused(commands, failure), [])
    }
  }

  private func finish(
    _ done: [any Command], _ leftover: ArraySlice<any Command>, _ transaction: Transaction,
    _ began: ContinuousClock.Instant
  ) -> (RunResult, ArraySlice<any Command>) {
    guard encoder.commandBytes > 0 else {
      rollBack()
      return (.nothing(done, effects: effects), leftover)
    }
    let due = nextDueIsStale ? nextDue(transaction) : earlier(head.nextDue, addedDue)
    if interruption != nil { return interrupted(done + leftover) }
    do {
      let record = try seal(.commands, time: transaction.now, nextDue: due, detail: [])
      inFlight = InFlight(
        record: record, commands: done, effects: effects, touched: touched(), step: nil,
        began: began)
      return (.sealed(record), leftover)
    } catch {
      context.log.error(
        "a batch could not be sealed", metadata: ["tenant": "\(tenant)", "error": "\(error)"])
      interruption = .transactionLost
      return interrupted(done + leftover)
    }
  }

  private func touched() -> [(file: TenantFile, digest: Digest)] {
    enlisted.filter { $0.capture.length > 0 }.map { ($0, $0.digest + $0.capture.delta) }
  }

  /// Writes the files' state rows and ends the record.
  private func seal(
    _ kind: RecordKind, time: Timestamp, nextDue: Timestamp?, detail: [UInt8],
    always: TenantFile? = nil
  ) throws -> SealedRecord {
    let seq = head.tenantSeq.next
    var marks: [FileMark] = []
    for file in enlisted where file.capture.length > 0 || file === always {
      let digest = file.digest + file.capture.delta
      try file.store.advance(to: seq, digest: digest)
      marks.append(
        FileMark(kind: file.kind, previousSeq: file.appliedSeq, digest: digest.value))
    }
    return try encoder.seal(
      RecordIdentity(
        tenant: tenant, lineage: head.lineage, epoch: head.epoch, tenantSeq: seq,
        previousHash: head.hash, time: time,
        schemaVersion: schema.version(at: context.configuration.ceiling.level), kind: kind,
        nextDue: nextDue),
      files: marks, detail: detail)
  }

  private func earlier(_ a: Timestamp?, _ b: Timestamp?) -> Timestamp? {
    guard let a, let b else { return a ?? b }
    return min(a, b)
  }

  /// The earliest moment at which a context has work; now where one cannot say, so that it looks.
  private func nextDue(_ transaction: Transaction) -> Timestamp? {
    var earliest: Timestamp?
    for ask in schema.nextDue {
      do {
        guard let due = try ask(transaction) else { continue }
        earliest = earliest.map { min($0, due) } ?? due
      } catch {
        report(error, CommandOrigin(requestID: "next-due", traceID: ""))
        earliest = transaction.now
      }
    }
    for file in enlisted {
      guard let mark = file.commandMark else { continue }
      file.commandMark = nil
      // A question that writes is a defect of its context; nothing of it may reach the record.
      precondition(file.capture.length == mark.length, "nextDue changed rows")
      if file.connection.isAutocommit { interruption = .transactionLost }
      if file.hasSavepoint, (try? file.store.release()) == nil { interruption = .transactionLost }
    }
    return earliest
  }

  /// One schema step as its own record.
  private func runStep(of file: TenantFile, waiting: [any Command]) -> RunResult {
    let step = file.missingSteps[0]
    interruption = nil
    do {
      try file.beginCommands()
      file.isEnlisted = true
      enlisted = [file]
      file.capture.clear()
      encoder.begin()
      try file.apply(step, at: head.tenantSeq.next)
      let record = try seal(
        .schemaStep, time: now, nextDue: head.nextDue,
        detail: SchemaStepDetail(file: file.kind, id: step.id, hash: step.ddlHash).bytes,
        always: file)
      inFlight = InFlight(
        record: record, commands: [], effects: [], touched: [(file, file.digest)], step: file,
        began: .now)
      return .sealed(record)
    } catch {
      rollBack()
      lack = .file(file.kind)
      return .stop(waiting, Obstacle("schema step \(step.id)", error))
    }
  }

  /// Undoes the open transaction in every file.
  func rollBack() {
    for file in enlisted {
      if !file.connection.isAutocommit {
        do {
          try file.store.rollback()
        } catch {
          // The connection is in no state to go on with; the next use opens the file anew.
          files[file.kind] = nil
          file.close()
          continue
        }
      }
      file.capture.clear()
      file.connection.sawError = false
      file.connection.needsTransaction = false
      file.isEnlisted = false
      file.commandMark = nil
      file.idempotency.transactionUndone()
    }
    enlisted = []
    inFlight = nil
  }
}
