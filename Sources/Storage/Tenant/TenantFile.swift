import CSQLite
import Platform
import Wire

/// One of a tenant's files with its writing connection; used by one thread at a time.
final class TenantFile {
  let schema: FileSchema
  let path: String
  let connection: Connection
  let capture: Capture
  let store: TenantFileStore
  private(set) var appliedSeq: TenantSeq
  private(set) var digest: Digest
  /// Steps of this program that the file lacks.
  private(set) var lacking: [SchemaStep]
  private let ceiling: FormatCeiling
  /// Those that the ceiling lets in; each becomes a record before commands run.
  var missingSteps: [SchemaStep] {
    if lacking.isEmpty { return lacking }
    let level = ceiling.level
    return lacking.filter { $0.level <= level }
  }
  let idempotency: IdempotencyStore
  let memory: RowMemory
  private var nextCheckpoint = 0
  private var isReplaying = false

  // The running batch and command.
  var isEnlisted = false
  /// Where the running command began in this file; nil while it has not touched it.
  var commandMark: Capture.Mark?
  /// Whether the running command has a savepoint here; else it was the first and ROLLBACK undoes
  /// it.
  var hasSavepoint = false

  var kind: FileKind { schema.kind }

  /// What stands beside a file that was flushed once: the journal may have been trimmed since, so
  /// that a missing file must not be taken for one that was never made.
  static func keptMarker(_ path: String) -> String { path + ".kept" }

  /// Opens the file, making it with all steps up to `level` where it is missing.
  ///
  /// Throws ``StorageError``.
  init(
    path: String, tenant: TenantID, lineage: Lineage, schema: FileSchema, level: UInt32,
    ceiling: FormatCeiling, files: any FileSystem, vfs: String? = nil
  ) throws {
    self.ceiling = ceiling
    let connection = try Connection(
      path: path, flags: SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, on: vfs)
    let store = TenantFileStore(connection: connection)
    do {
      aim_sqlite_keep_wal(connection.handle)
      try store.configureWriter()
      let capture = Capture(connection: connection, tenant: tenant)
      if try !store.isCreated() {
        guard try !files.exists(Self.keptMarker(path)) else { throw StorageError.fileMissing(path) }
        // The schema's own rows (none are allowed) would have to be captured; DDL alone is not.
        capture.record(false)
        try store.create(
          TenantFileStore.State(
            tenant: tenant, lineage: lineage, kind: schema.kind, appliedSeq: .zero, digest: .zero),
          steps: schema.steps.filter { $0.level <= level })
        capture.record(true)
        capture.clear()
      }
      guard let state = try store.state() else {
        throw StorageError.mismatch(file: path, detail: "its state row is missing")
      }
      guard state.tenant == tenant, state.kind == schema.kind, state.lineage == lineage else {
        throw StorageError.mismatch(
          file: path,
          detail: "it is file \(state.kind.rawValue) of \(state.tenant), lineage "
            + "\(state.lineage.rawValue); expected \(schema.kind.rawValue) of \(tenant), "
            + "\(lineage.rawValue)")
      }
      lacking = try Self.lacking(of: schema, applied: store.appliedSteps(), path: path)
      self.capture = capture
      appliedSeq = state.appliedSeq
      digest = state.digest
    } catch {
      connection.close()
      throw error
    }
    self.schema = schema
    self.path = path
    self.connection = connection
    self.store = store
    idempotency = IdempotencyStore(connection: connection)
    memory = RowMemory(capture: capture.handle)
    do {
      try registerTables()
    } catch {
      connection.close()
      throw error
    }
  }

  private static func lacking(
    of schema: FileSchema, applied: [String: [UInt8]], path: String
  ) throws -> [SchemaStep] {
    var rest = applied
    var missing: [SchemaStep] = []
    for step in schema.steps {
      guard let hash = rest.removeValue(forKey: step.id) else {
        missing.append(step)
        continue
      }
      guard hash == step.ddlHash.bytes else {
        throw StorageError.unknownStep(file: path, step: step.id)
      }
    }
    // A newer program ran here. Its steps are additive, but their rows cannot be captured by us.
    if let unknown = rest.keys.sorted().first {
      throw StorageError.unknownStep(file: path, step: unknown)
    }
    return missing
  }

  /// Tables whose step is missing are registered when it has been applied.
  private func registerTables() throws {
    let present = Set(try tableNames())
    try capture.register(
      schema.tables.filter { present.contains($0.name) }, ignoring: EngineSchema.uncaptured)
    memory.forget()
    capture.allowControl(false)
  }

  private func tableNames() throws -> [String] {
    try connection.rows("SELECT name FROM sqlite_schema WHERE type = 'table'") { $0.text(0) }
  }

  /// Applies a step inside the open transaction; ``stepsChanged()`` follows its commit or undoing.
  func apply(_ step: SchemaStep, at seq: TenantSeq) throws(SQLiteError) {
    try store.apply(step, at: seq)
  }

  /// Reads again which steps and tables there are.
  func stepsChanged() throws {
    lacking = try Self.lacking(
      of: schema, applied: store.appliedSteps(), path: path)
    try registerTables()
  }

  /// Begins a transaction of commands: triggers and foreign keys hold, changes are captured.
  func beginCommands() throws(SQLiteError) {
    replay(false)
    try store.begin()
  }

  /// Begins a transaction of after-images, which hold what triggers and foreign keys did.
  func beginReplay() throws(SQLiteError) {
    replay(true)
    try store.begin()
  }

  /// Only where it changes: each time all statements are prepared anew.
  private func replay(_ on: Bool) {
    guard isReplaying != on else { return }
    isReplaying = on
    aim_sqlite_enforce(connection.handle, on ? 0 : 1)
    capture.record(!on)
  }

  /// The record's changes are in the transaction; COMMIT makes them the file's.
  func advance(to seq: TenantSeq, digest: Digest) throws(SQLiteError) {
    try store.advance(to: seq, digest: digest)
  }

  func didCommit(at seq: TenantSeq, digest: Digest) {
    appliedSeq = seq
    self.digest = digest
  }

  /// Whether the WAL's length is worth a checkpoint now: at the limit, and again after each further
  /// quarter, since one that runs beside the writer may not reach the WAL's end.
  func asksForCheckpoint(_ limit: Int) -> Bool {
    let frames = capture.walFrames
    if frames < limit {
      nextCheckpoint = limit
      return false
    }
    guard frames >= nextCheckpoint else { return false }
    nextCheckpoint = frames + limit / 4
    return true
  }

  func close() { connection.close() }
}
