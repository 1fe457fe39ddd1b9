import Wire

/// Whose files a replay brings up: an open tenant, or a restore.
protocol ReplayTarget: AnyObject {
  var schema: SchemaIndex { get }
  /// The open files.
  var files: [FileKind: TenantFile] { get }
  /// Records in one SQLite transaction.
  var replayBatch: Int { get }
  /// `level`: which steps a file has that is made here.
  func open(_ kind: FileKind, creatingAt level: UInt32) throws -> TenantFile
  func closeFiles()
  func digestDiffers()
}

/// Applies records to one tenant's files, each file only where it has not come so far.
///
/// Triggers and foreign keys are off: the after-images hold what they did. Up to a bounded number
/// of records share one SQLite transaction per file.
final class TenantReplay {
  private unowned let core: any ReplayTarget
  /// Files in an open transaction, and the state that COMMIT will leave.
  private var open: [FileKind: (records: Int, seq: TenantSeq, digest: Digest)] = [:]
  private(set) var applied: UInt64 = 0

  init(core: any ReplayTarget) { self.core = core }

  /// Applies one record; throws ``StorageError`` where that cannot be done exactly.
  ///
  /// `commands`: only so many of the record's commands, the first ones; nil: all. A file stands
  /// then where it stood before the record, with another digest than any record says.
  func apply(_ identity: RecordIdentity, _ payload: RecordPayload, commands: Int? = nil) throws {
    guard identity.schemaVersion <= core.schema.version else {
      throw StorageError.replay(
        "schema version \(identity.schemaVersion) is newer than \(core.schema.version)")
    }
    guard identity.kind != .import else { return try demandBase(identity, payload) }
    var counted = false
    for mark in payload.files {
      guard core.schema.files[mark.kind] != nil else {
        throw StorageError.replay("file kind \(mark.kind.rawValue) is unknown")
      }
      // As whoever wrote the record made it: what came later is a record of its own.
      let file = try core.open(
        mark.kind, creatingAt: core.schema.level(of: identity.schemaVersion))
      let at = open[mark.kind]?.seq ?? file.appliedSeq
      switch mark.replay(of: identity.tenantSeq, over: at) {
      case .skip: continue
      case .apply: break
      case .gap:
        throw StorageError.replay(
          "\(file.path) stands at \(at.rawValue), the record follows \(mark.previousSeq.rawValue)")
      }
      try apply(identity, payload, mark, to: file, commands)
      counted = true
    }
    if counted { applied += 1 }
  }

  /// Throws where the files are not those that came with a move, or what became of them: no record
  /// makes them, and others in their place would look like a tenant without a history.
  private func demandBase(_ identity: RecordIdentity, _ payload: RecordPayload) throws {
    for base in try MoveDetail(decoding: payload.detail).base {
      guard core.schema.files[base.kind] != nil else {
        throw StorageError.replay("file kind \(base.kind.rawValue) is unknown")
      }
      let file = try core.open(
        base.kind, creatingAt: core.schema.level(of: identity.schemaVersion))
      let at = open[base.kind].map { ($0.seq, $0.digest) } ?? (file.appliedSeq, file.digest)
      guard at.0 > base.appliedSeq || at == (base.appliedSeq, base.digest) else {
        throw StorageError.replay(
          "\(file.path) stands at \(at.0.rawValue); the one that came with the move stood at "
            + "\(base.appliedSeq.rawValue)")
      }
    }
  }

  private func apply(
    _ identity: RecordIdentity, _ payload: RecordPayload, _ mark: FileMark, to file: TenantFile,
    _ commands: Int?
  ) throws {
    if open[mark.kind] == nil {
      file.capture.clear()
      try file.beginReplay()
      open[mark.kind] = (0, file.appliedSeq, file.digest)
    }
    if identity.kind == .schemaStep {
      try applyStep(payload, identity.tenantSeq, to: file)
    }
    for command in payload.commands.prefix(commands ?? payload.commands.count) {
      try command.changes.withUnsafeBytes { changes in
        do {
          try RowChanges.apply(changes, to: file.capture, known: core.schema.tableIDs)
        } catch {
          throw StorageError.replay("\(file.path): \(error)")
        }
      }
    }
    if let fault = file.capture.fault { throw StorageError.replay("\(file.path): \(fault)") }
    let digest = file.digest + file.capture.delta
    guard digest.value == mark.digest || commands != nil else {
      core.digestDiffers()
      throw StorageError.digestMismatch(file: file.path, seq: identity.tenantSeq)
    }
    let records = (open[mark.kind]?.records ?? 0) + 1
    let before = open[mark.kind]?.seq ?? file.appliedSeq
    open[mark.kind] = (records, commands == nil ? identity.tenantSeq : before, digest)
    if records >= core.replayBatch { try commit(mark.kind) }
  }

  private func applyStep(
    _ payload: RecordPayload, _ seq: TenantSeq, to file: TenantFile
  ) throws {
    let detail = try SchemaStepDetail(decoding: payload.detail)
    guard detail.file == file.kind else { return }
    guard let step = file.schema.steps.first(where: { $0.id == detail.id }),
      step.ddlHash == detail.hash
    else { throw StorageError.unknownStep(file: file.path, step: detail.id) }
    // A file that was made anew has all steps from the start.
    guard file.lacking.contains(where: { $0.id == detail.id }) else { return }
    try file.apply(step, at: seq)
    try file.stepsChanged()
  }

  private func commit(_ kind: FileKind) throws {
    guard let state = open.removeValue(forKey: kind), let file = core.files[kind] else { return }
    try file.store.advance(to: state.seq, digest: state.digest)
    try file.store.commit()
    file.didCommit(at: state.seq, digest: state.digest)
    file.capture.clear()
  }

  /// Commits what is open.
  ///
  /// Without it nothing since the last full batch is kept.
  func finish() throws {
    for kind in open.keys.sorted() { try commit(kind) }
  }

  /// Undoes what is open, after an error.
  func abandon() {
    open = [:]
    core.closeFiles()
  }
}

extension TenantCore: ReplayTarget {
  var replayBatch: Int { context.configuration.replayBatch }
  func digestDiffers() { context.metrics.digestMismatch() }

  /// Applies one record where the files lack it; ``finishReplay()`` makes it stay.
  func replay(_ identity: RecordIdentity, _ payload: RecordPayload) throws {
    let current = replaying ?? TenantReplay(core: self)
    replaying = current
    do {
      try current.apply(identity, payload)
    } catch {
      current.abandon()
      replaying = nil
      throw error
    }
  }

  /// Commits what was replayed; answers how many records some file lacked.
  func finishReplay() throws -> UInt64 {
    guard let current = replaying.take() else { return 0 }
    do {
      try current.finish()
    } catch {
      current.abandon()
      throw error
    }
    return current.applied
  }

  /// What the files have.
  func appliedFiles(isUnbroken: Bool) throws -> AppliedFiles {
    defer { closeFiles() }
    var seqs: [TenantSeq] = []
    for file in schema.files.values
    where try context.files.exists("\(context.directory(tenant))/\(file.name)") {
      seqs.append(try open(file.kind).appliedSeq)
    }
    return AppliedFiles(seqs, isUnbroken: isUnbroken)
  }
}
