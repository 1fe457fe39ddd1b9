import Wire

/// What keeps a stalled tenant from running: its files are not what the journal says, or one of
/// them does not open.
enum Lack {
  /// The last record, which was durable when COMMIT and its replay failed; and what its commands
  /// wanted done after the commit.
  case record(SealedRecord, effects: [@Sendable () -> Void])
  /// What a start could not replay.
  case records
  /// Nothing but a file that opens.
  case file(FileKind)
}

extension TenantCore {
  /// Tries again what the machine refused; answers what is to be done now that it went through.
  ///
  /// Throws what stood in the way this time. Then the tenant lacks what it lacked before.
  func catchUp() throws -> [@Sendable () -> Void] {
    guard let lack else { return [] }
    var effects: [@Sendable () -> Void] = []
    switch lack {
    case .record(let record, let after):
      try reapply(record)
      needFlush()
      effects = after
    case .records:
      try replayAll()
      needFlush()
    case .file(let kind): _ = try open(kind)
    }
    self.lack = nil
    return effects
  }

  /// The copy of a stopped tenant's records, if one was made, stays until a flush.
  private func needFlush() { context.heads.replayed(tenant, from: head.cellSeq) }

  /// Applies what was copied out of the journal, then what the journal has from the first record
  /// that the files may lack.
  private func replayAll() throws {
    closeFiles()
    if let head = context.heads[tenant] { self.head = head }
    // Before the copy is read: what is copied out meanwhile, and trimmed, is then missed in the
    // journal as a file that has gone, not passed over.
    let first = context.heads.unflushed(tenant)
    let journal = try first.map { try context.journal.records(from: $0) }
    guard context.heads.unflushed(tenant) == first else { return try replayAll() }
    try replayCopied()
    if var records = journal {
      while let record = try records.next() {
        guard record.identity.tenant == tenant, record.identity.lineage == head.lineage else {
          continue
        }
        try replay(record.identity, try record.decodedPayload())
      }
    }
    context.metrics.replayed(try finishReplay())
  }

  /// Applies the copy that was made when the tenant was stopped; answers whether there is one.
  @discardableResult
  func replayCopied() throws -> Bool {
    let directory = context.directory(tenant)
    guard var copied = try StoppedRecords.Reader(directory: directory, files: context.files) else {
      return false
    }
    defer { copied.close() }
    while let record = try copied.next() {
      guard record.identity.tenant == tenant, record.identity.lineage == head.lineage else {
        throw StorageError.replay("a copied record of another tenant or lineage")
      }
      try replay(record.identity, try record.decodedPayload())
    }
    return true
  }
}
