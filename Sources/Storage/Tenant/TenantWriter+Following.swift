import Wire

extension TenantWriter {
  /// Opens files for readers while a record waits; false where one lacks a schema step, which only
  /// the writer can make.
  func openForReading(_ files: Set<FileKind>) throws(Failure) -> Bool {
    do {
      return try withCore { core in
        try files.allSatisfy { try core.open($0).missingSteps.isEmpty }
      }
    } catch {
      throw Self.refusal(Obstacle("a file does not open", error))
    }
  }

  /// Why a follower's files are not read; nil where what was applied has made them, with the steps
  /// that the primary's have.
  ///
  /// A file is there before its tables are: while records are applied it is not looked at, and
  /// nobody waits for that on the shared pool.
  func unmade(_ files: Set<FileKind>) -> Failure? {
    // First: whatever comes meanwhile makes the answer the one that passes.
    let hasAll = committedHead == context.heads[tenant]
    let areThere = withCoreIfFree { _ in
      files.allSatisfy { kind in
        let path = "\(context.directory(tenant))/\(schema.file(kind).name)"
        return (try? context.files.exists(path)) == true
      }
    }
    if areThere == true { return nil }
    guard areThere == false, hasAll else {
      return Failure(
        .recovering, "this follower does not have the tenant's files yet",
        retryAfterMilliseconds: 500)
    }
    // The primary makes an empty file for a read; no record says so.
    return Failure(
      .invalidState, "the tenant has written none of this: ask without read=follower")
  }

  /// Applies records of another journal, which this one has now, in order; `head` is the last's.
  ///
  /// A tenant that is stopped or stalled is left behind: its journal keeps what it lacks.
  func applyCopied(_ records: [JournalRecord], head: TenantHead) {
    context.openTenants.used(self)
    context.running?.enter(tenant)
    defer { context.running?.leave() }
    do {
      try withCore { core in
        guard core.lack == nil, problem == nil else { return }
        core.head = head
        for record in records { try core.replay(record.identity, try record.decodedPayload()) }
        let applied = try withLatch {
          let applied = try core.finishReplay()
          didApply(through: head)
          return applied
        }
        context.metrics.replayed(applied)
      }
    } catch {
      let reason = Obstacle("a follower's replay", error)
      if reason.mayPass { withCore { $0.lack = .records } }
      stop(reason)
    }
  }
}
