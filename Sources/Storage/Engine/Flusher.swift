import CSQLite
import Wire

/// Brings files to the disk so that the journal may be trimmed: a checkpoint and its fsyncs on a
/// connection and a thread of its own, beside the writers.
struct Flusher {
  /// Tenants flushed in one pass.
  static let tenantsPerPass = 256

  let context: EngineContext
  let writer: @Sendable (TenantID) -> TenantWriter?

  func run() {
    let interval = UInt64(context.configuration.flushInterval / .nanoseconds(1))
    let idle = Int64(context.configuration.idleTime / .milliseconds(1))
    while true {
      let work = context.flusher.next(nanoseconds: interval)
      if work.isClosed { return }
      for (tenant, files) in work.files { shorten(tenant, files) }
      look()
      context.stalled.look(writer)
      context.journal.gate.expire()
      context.openTenants.closeIdle(idle, now: context.clock.milliseconds())
    }
  }

  /// Makes a pass where the journal has grown long, and says who cannot be helped.
  ///
  /// While it is short nobody is asked: with ten thousand tenants that alone kept a cell busy.
  func look() {
    let limit = context.configuration.replayBytes
    guard bytesKept > limit else {
      context.problems.resolve("journal_pinned", nil)
      return
    }
    let stopped = stoppedPinning
    // Those that are stopped stay where they are: without them, or each look would make a pass.
    let movable = context.heads.flushedThrough(without: Set(stopped))
    if context.journal.bytesNeeded(from: movable.next) > limit { pass() }
    // Where nothing may be trimmed, copies of stopped tenants' records would make no room.
    if !stopped.isEmpty, !context.journal.keepsEvidence, bytesKept > limit {
      copyOut(stopped)
      trim()
    }
    let kept = bytesKept
    if context.journal.keepsEvidence, kept > limit {
      context.problems.add(
        .journalPinned(
          "damage that is not repaired keeps \(kept) bytes of the journal", since: context.now))
    } else if kept > limit, let first = stoppedPinning.first {
      context.problems.add(
        .journalPinned(
          "stopped tenants, first \(first), keep \(kept) bytes of the journal",
          since: context.now))
    } else {
      context.problems.resolve("journal_pinned", nil)
    }
  }

  private var bytesKept: UInt64 {
    context.journal.bytesNeeded(
      from: context.journal.keepsEvidence ? CellSeq(0) : context.heads.flushedThrough.next)
  }

  /// Stopped tenants that need the journal, the longest first.
  private var stoppedPinning: [TenantID] {
    context.heads.pinning.filter { writer($0)?.problem != nil }
  }

  /// Flushes those who pin the journal the longest, then trims it.
  func pass(limit: Int = tenantsPerPass) {
    // A stopped tenant's files lack records, whatever is flushed; it must not take others' turn.
    let pinning = context.heads.pinning.lazy.filter { writer($0)?.problem == nil }
    for tenant in pinning.prefix(limit) { flush(tenant) }
    if !context.isEnding { trim() }
  }

  /// Stores the heads and removes what nobody needs; a journal that keeps evidence of damage leaves
  /// both as they are.
  func trim() {
    let trimming = context.heads.trimming
    do {
      // Directories of new tenants, before the records that could bring them back are gone.
      try context.files.synchronizeDirectory(
        TenantDirectory.all(in: context.configuration.directory))
      try context.journal.trim(trimming)
      context.problems.resolve("flush_failed", nil)
    } catch {
      report(nil, error)
    }
  }

  /// Checkpoints files whose WAL has grown long; the writer then begins it anew.
  private func shorten(_ tenant: TenantID, _ kinds: Set<FileKind>) {
    guard !context.isEnding, let schema = writer(tenant)?.schema else { return }
    for kind in kinds {
      do {
        _ = try checkpoint("\(context.directory(tenant))/\(schema.file(kind).name)", of: tenant)
      } catch {
        report(tenant, error)
      }
    }
  }

  /// Makes every file of one tenant durable up to what is committed now; answers whether it could.
  @discardableResult
  func flush(_ tenant: TenantID) -> Bool {
    // A second fsync would say that all is well, and the journal be trimmed.
    guard !context.isEnding else { return false }
    guard let writer = writer(tenant), let through = writer.committedThrough else { return true }
    let directory = context.directory(tenant)
    do {
      for file in writer.schema.files.values {
        let path = "\(directory)/\(file.name)"
        let marker = TenantFile.keptMarker(path)
        guard try context.files.exists(path) else {
          // Flushed once, and taken away since.
          guard try !context.files.exists(marker) else { throw StorageError.fileMissing(path) }
          continue
        }
        guard try checkpoint(path, of: tenant) else { return false }
        if try !context.files.exists(marker) { try context.files.open(marker, .create).close() }
      }
      if try !context.files.exists(directory) {
        let mark = context.keptMark(tenant)
        guard try !context.files.exists(mark) else { throw StorageError.fileMissing(directory) }
      } else {
        try context.files.synchronizeDirectory(directory)
        try keep(tenant)
        // Everything in it is on disk in the files now.
        let copied = "\(directory)/\(StoppedRecords.name)"
        if try context.files.exists(copied) { try context.files.remove(copied) }
      }
    } catch {
      if case StorageError.fileMissing = error { writer.stop("\(error)") }
      report(tenant, error)
      return false
    }
    context.heads.flushed(tenant, through: through)
    context.problems.resolve("flush_failed", tenant)
    context.metrics.flushed()
    return true
  }

  /// Notes durably, outside of the tenant's directory, that it has one.
  private func keep(_ tenant: TenantID) throws {
    let mark = context.keptMark(tenant)
    guard try !context.files.exists(mark) else { return }
    try context.files.createDirectory(context.keptDirectory)
    try context.files.open(mark, .create).close()
    try context.files.synchronizeDirectory(context.keptDirectory)
    try context.files.synchronizeDirectory(context.configuration.directory)
  }

  /// Says what failed; it is tried again by a later pass, but for an fsync, which ends the process.
  func report(_ tenant: TenantID?, _ error: any Error) {
    context.log.error("flush failed", metadata: ["error": "\(error)"])
    context.problems.add(.flushFailed(tenant, detail: "\(error)", since: context.now))
    context.end(ifFailedSync: error)
  }

  /// Copies the WAL into the file and fsyncs both; false where a reader held part of it back.
  private func checkpoint(_ path: String, of tenant: TenantID) throws -> Bool {
    try context.running.during(tenant) { try checkpoint(path) }
  }

  private func checkpoint(_ path: String) throws -> Bool {
    let connection = try Connection(
      path: path, flags: SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX,
      on: context.configuration.vfs)
    defer { connection.close() }
    aim_sqlite_keep_wal(connection.handle)
    try TenantFileStore(connection: connection).configureCheckpoint()
    var frames: Int32 = 0
    var copied: Int32 = 0
    let result = sqlite3_wal_checkpoint_v2(
      connection.handle, nil, SQLITE_CHECKPOINT_PASSIVE, &frames, &copied)
    // Busy: another checkpoint runs. The next pass comes again.
    if result == SQLITE_BUSY { return false }
    guard result == SQLITE_OK else {
      throw SQLiteError(extendedCode: result, message: "checkpoint failed", sql: path)
    }
    return frames == copied
  }
}
