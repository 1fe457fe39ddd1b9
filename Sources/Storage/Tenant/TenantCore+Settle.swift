import Wire

extension TenantCore {
  /// What there is to answer after a transaction was settled.
  struct Settled: Sendable {
    var commands: [any Command] = []
    var effects: [@Sendable () -> Void] = []
    /// Why the tenant cannot go on.
    var stop: Obstacle?
    /// Files whose WAL has grown long.
    var longFiles: Set<FileKind> = []
    /// What became true.
    var record: SealedRecord?
  }

  /// The record is durable: the transaction is committed, whatever COMMIT says.
  ///
  /// Where COMMIT fails, the files are closed, the record applied to them anew, and only then the
  /// stored results are answered.
  func commit(_ head: TenantHead) -> Settled {
    guard let batch = inFlight else { preconditionFailure("nothing to commit") }
    inFlight = nil
    self.head = head
    var settled = Settled(
      commands: batch.commands, effects: batch.effects, record: batch.record)
    do {
      try commitFiles(batch)
    } catch {
      // A WAL that begins anew is fsynced within COMMIT.
      if FailedSync.isCause(of: error) { return ended(batch, error) }
      context.log.error(
        "COMMIT failed after the record was durable; replaying",
        metadata: ["tenant": "\(tenant)", "error": "\(error)"])
      context.metrics.commitFailed()
      do {
        try reapply(batch.record)
      } catch {
        if FailedSync.isCause(of: error) { return ended(batch, error) }
        // The record stays true and will be replayed; what its callers hear must not deny that.
        for command in batch.commands {
          command.refuse(Failure(.outcomeUnknown, "recorded, but not yet applied; ask again later"))
        }
        settled.effects = []
        settled.stop = Obstacle("COMMIT failed and the replay too", error)
        lack = .record(batch.record, effects: batch.effects)
      }
      return settled
    }
    context.metrics.committed(after: .now - batch.began)
    for (file, _) in batch.touched
    where file.asksForCheckpoint(context.configuration.checkpointFrames) {
      settled.longFiles.insert(file.kind)
    }
    return settled
  }

  /// The process ends, and nobody is answered; the record is replayed by the next one's start.
  private func ended(_ batch: InFlight, _ error: any Error) -> Settled {
    lack = .record(batch.record, effects: batch.effects)
    return Settled(stop: Obstacle("the record is durable, its COMMIT is not known to be", error))
  }

  private func commitFiles(_ batch: InFlight) throws {
    let failing = context.faults.takeFailingCommit(of: tenant)
    for file in enlisted {
      if file.kind == failing {
        throw SQLiteError(extendedCode: 13, message: "injected", sql: "COMMIT")
      }
      try file.store.commit()
      file.isEnlisted = false
    }
    for (file, digest) in batch.touched { file.didCommit(at: head.tenantSeq, digest: digest) }
    for file in enlisted { file.capture.clear() }
    enlisted = []
    if let file = batch.step { try file.stepsChanged() }
  }

  /// The record is durable here and waits for its followers: the transaction is undone, and the
  /// record applied when they have it.
  func postpone(_ head: TenantHead) -> Settled {
    guard let batch = inFlight else { preconditionFailure("nothing to postpone") }
    self.head = head
    for command in batch.commands {
      command.refuse(
        Failure(.outcomeUnknown, "recorded here, and not yet at the follower; ask again later"))
    }
    rollBack()
    lack = .record(batch.record, effects: batch.effects)
    return Settled(commands: batch.commands)
  }

  /// Nothing of the record is durable, or it is not known: the transaction is undone.
  func undo(_ failure: Failure) -> Settled {
    guard let batch = inFlight else { preconditionFailure("nothing to undo") }
    for command in batch.commands { command.refuse(failure) }
    rollBack()
    return Settled(commands: batch.commands)
  }

  func reapply(_ record: SealedRecord) throws {
    closeFiles()
    try replay(record.identity, try record.decodedPayload())
    _ = try finishReplay()
  }
}
