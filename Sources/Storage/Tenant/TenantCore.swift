import Platform
import Wire

/// What one tenant's writer works on: files, the open transaction, the record in flight.
///
/// Confined to the thread that runs the tenant's job; ``TenantWriter`` holds it behind a lock.
final class TenantCore: TransactionSource {
  let tenant: TenantID
  let context: EngineContext
  let schema: SchemaIndex
  var head: TenantHead
  /// By file kind.
  var files: [FileKind: TenantFile] = [:]
  /// Files in the open transaction, in the order of their first use.
  var enlisted: [TenantFile] = []
  var inFlight: InFlight?
  /// What keeps a stalled tenant from running.
  var lack: Lack?
  var replaying: TenantReplay?
  /// The files that were open in this process, and in which branch.
  private var opened: [FileKind: Lineage] = [:]
  var encoder = RecordEncoder(capacity: 0)

  /// Why the batch cannot go on, also where a command caught the error.
  var interruption: BatchInterruption?
  private var lastID = RowID(0)
  /// Tenant time begins after the last record found at a start, so that identifiers made from it
  /// are not those of the run before.
  private var earliest: Timestamp
  private var entropy: UInt64
  var nextDueIsStale = false
  /// The earliest of what the batch's commands have added.
  var addedDue: Timestamp?
  var effects: [@Sendable () -> Void] = []

  /// What waits for the journal.
  struct InFlight {
    let record: SealedRecord
    let commands: [any Command]
    let effects: [@Sendable () -> Void]
    let touched: [(file: TenantFile, digest: Digest)]
    /// The file whose schema step this is.
    let step: TenantFile?
    let began: ContinuousClock.Instant
  }

  init(tenant: TenantID, context: EngineContext, schema: SchemaIndex, head: TenantHead) {
    self.tenant = tenant
    self.context = context
    self.schema = schema
    self.head = head
    entropy = context.random.uint64()
    earliest = head.time.adding(milliseconds: 1)
  }

  /// Opens a file on first use.
  ///
  /// Throws ``StorageError`` or ``SQLiteError``.
  func open(_ kind: FileKind) throws -> TenantFile {
    try open(kind, creatingAt: context.configuration.ceiling.level)
  }

  func open(_ kind: FileKind, creatingAt level: UInt32) throws -> TenantFile {
    if let file = files[kind] { return file }
    let fileSchema = schema.file(kind)
    let directory = context.directory(tenant)
    let path = "\(directory)/\(fileSchema.name)"
    if try isGone(kind) { throw StorageError.fileMissing(path) }
    try context.files.createDirectory(directory)
    let file = try TenantFile(
      path: path, tenant: tenant, lineage: head.lineage,
      schema: fileSchema, level: level, ceiling: context.configuration.ceiling,
      files: context.files, vfs: context.configuration.vfs)
    guard file.appliedSeq <= head.tenantSeq else {
      // The journal has lost what was durable: a next record would be another one in its place.
      file.close()
      throw StorageError.ahead(
        file: file.path, applied: file.appliedSeq, journal: head.tenantSeq)
    }
    files[kind] = file
    opened[kind] = head.lineage
    return file
  }

  /// Whether a file that is not there was: made anew it would be empty, and look healthy; copied it
  /// would be missing from the copy.
  ///
  /// A replay may make all of them, from the tenant's first record on.
  func isGone(_ kind: FileKind) throws -> Bool {
    let directory = context.directory(tenant)
    guard try !context.files.exists("\(directory)/\(schema.file(kind).name)") else { return false }
    if opened[kind] == head.lineage { return true }
    guard replaying == nil, head.tenantSeq > TenantSeq(1),
      try !context.files.exists(directory)
    else { return false }
    return try context.files.exists(context.keptMark(tenant))
  }

  func closeFiles() {
    for file in files.values { file.close() }
    files = [:]
    // What it has open went with them: another one begins where the files stand.
    replaying = nil
    enlisted = []
    inFlight = nil
    encoder = RecordEncoder(capacity: 0)
  }

  /// The head after a record that was not a batch of this core's: what follows is later.
  func goesOn(from head: TenantHead) {
    self.head = head
    earliest = max(earliest, head.time.adding(milliseconds: 1))
  }

  /// The tenant's time for a batch that begins now.
  var now: Timestamp { max(head.timeOfNext(at: context.now), earliest) }

  // The transaction as commands see it.

  func enlist(_ kind: FileKind) throws -> Connection {
    let file: TenantFile
    do {
      file = try open(kind)
    } catch {
      interruption = .unopened(kind, Obstacle("a file does not open", error))
      throw error
    }
    guard file.missingSteps.isEmpty else {
      interruption = .schemaSteps
      throw BatchInterruption.schemaSteps
    }
    if !file.isEnlisted {
      try file.beginCommands()
      file.isEnlisted = true
      file.connection.sawError = false
      enlisted.append(file)
      file.capture.clear()
      mark(file)
    } else if file.commandMark == nil {
      // Others' changes are in the transaction: undoing this command must leave them.
      try file.store.savepoint()
      mark(file)
      file.hasSavepoint = true
    }
    return file.connection
  }

  private func mark(_ file: TenantFile) {
    file.commandMark = file.capture.begin()
    file.hasSavepoint = false
    file.idempotency.commandBegins()
  }

  func find(_ claim: IdempotencyClaim, now: Timestamp) throws -> IdempotencyStore.Found {
    _ = try enlist(claim.file)
    return try open(claim.file).idempotency.find(
      IdempotencyStore.scope(claim), payload: claim.payloadHash, now: now)
  }

  func freshID(now: Timestamp) -> RowID {
    // SplitMix64 from a random seed: the sequence need not be secret, only unlikely to repeat.
    entropy &+= 0x9E37_79B9_7F4A_7C15
    var word = entropy
    word = (word ^ (word >> 30)) &* 0xBF58_476D_1CE4_E5B9
    word = (word ^ (word >> 27)) &* 0x94D0_49BB_1331_11EB
    lastID = RowID.next(after: lastID, now: now, entropy: word ^ (word >> 31))
    return lastID
  }

  func randomBytes(_ count: Int) -> [UInt8] { context.random.bytes(count) }
  func dueMayHaveChanged() { nextDueIsStale = true }
  func addDue(at time: Timestamp) { addedDue = addedDue.map { min($0, time) } ?? time }

  func remember<Key: Hashable & Sendable, Value: Sendable>(
    _ key: Key, in kind: FileKind, tables: [UInt16], isValid: (Value) -> Bool,
    _ make: (Connection) throws -> Value
  ) throws -> Value {
    let connection = try enlist(kind)
    guard let file = files[kind] else { preconditionFailure("an enlisted file is not open") }
    return try file.memory.value(key, tables: tables, isValid: isValid) { try make(connection) }
  }
  func afterCommit(_ effect: @escaping @Sendable () -> Void) { effects.append(effect) }

  /// Logs what no caller may see.
  func report(_ error: any Error, _ origin: CommandOrigin) {
    guard !(error is BatchInterruption) else { return }
    context.log.error(
      "a command failed",
      metadata: [
        "tenant": "\(tenant)", "request_id": "\(origin.requestID)",
        "trace_id": "\(origin.traceID)", "error": "\(error)",
      ])
  }
}

/// Why a batch stops in the middle; it is undone as a whole.
enum BatchInterruption: Error, Hashable {
  /// A file lacks schema steps, which are records of their own. The commands run again after them.
  case schemaSteps
  /// A file does not open: it is damaged, another's, from a newer program, or the machine refused.
  case unopened(FileKind, Obstacle)
  /// SQLite ended the transaction, or undoing a command failed.
  case transactionLost
}
