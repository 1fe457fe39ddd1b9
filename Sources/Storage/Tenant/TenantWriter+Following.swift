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

  /// Whether a follower has the files: what is applied makes them, with the steps that the
  /// primary's have.
  ///
  /// Not while a record is applied: a file is there before its tables are.
  func hasMade(_ files: Set<FileKind>) -> Bool {
    withCore { _ in
      files.allSatisfy { kind in
        let path = "\(context.directory(tenant))/\(schema.file(kind).name)"
        return (try? context.files.exists(path)) == true
      }
    }
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
