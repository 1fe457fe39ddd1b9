import CSQLite
import Wire

/// The SQL of the engine's own tables in one tenant file.
struct TenantFileStore {
  let connection: Connection

  struct State: Hashable {
    var tenant: TenantID
    var lineage: Lineage
    var kind: FileKind
    var appliedSeq: TenantSeq
    var digest: Digest
  }

  /// Settings of a writing connection.
  ///
  /// No checkpoint by itself: the flusher makes them.
  func configureWriter() throws(SQLiteError) {
    try connection.execute(
      """
      PRAGMA page_size = 1024; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;
      PRAGMA wal_autocheckpoint = 0; PRAGMA foreign_keys = ON; PRAGMA cache_size = -512;
      PRAGMA temp_store = MEMORY; PRAGMA trusted_schema = OFF; PRAGMA journal_size_limit = 4194304
      """)
  }

  func configureReader() throws(SQLiteError) {
    try connection.execute(
      """
      PRAGMA query_only = ON; PRAGMA wal_autocheckpoint = 0; PRAGMA cache_size = -256;
      PRAGMA temp_store = MEMORY; PRAGMA trusted_schema = OFF
      """)
  }

  /// NORMAL: the WAL is fsynced before it is copied, and the file after it.
  func configureCheckpoint() throws(SQLiteError) {
    try connection.execute("PRAGMA synchronous = NORMAL; PRAGMA wal_autocheckpoint = 0")
    // Without a first read the connection knows of no WAL, and there is nothing to copy.
    try connection.execute("SELECT 1 FROM sqlite_schema LIMIT 1")
  }

  /// Whether the engine's tables are there: a file whose creation was torn has none.
  func isCreated() throws -> Bool {
    try connection.first("SELECT 1 FROM sqlite_schema WHERE name = 'aimstors_state'") { _ in true }
      ?? false
  }

  /// Creates the engine's tables and applies every step, in one transaction.
  func create(_ state: State, steps: [SchemaStep]) throws(SQLiteError) {
    try connection.execute("BEGIN")
    do {
      try connection.execute(EngineSchema.ddl)
      try connection.control(
        """
        INSERT INTO aimstors_state (id, tenant, lineage, kind, applied_seq, digest)
        VALUES (1, ?, ?, ?, ?, ?)
        """, .text(state.tenant.rawValue), .integer(Int64(bitPattern: state.lineage.rawValue)),
        .int(Int(state.kind.rawValue)), .integer(Int64(state.appliedSeq.rawValue)),
        .blob(state.digest.bytes))
      for step in steps { try apply(step, at: state.appliedSeq) }
      try connection.execute("COMMIT")
    } catch {
      // What failed stays the error; the rollback only tidies up.
      if !connection.isAutocommit { try connection.execute("ROLLBACK") }
      throw error
    }
  }

  func apply(_ step: SchemaStep, at seq: TenantSeq) throws(SQLiteError) {
    try connection.execute(step.ddl)
    try connection.control(
      "INSERT INTO aimstors_steps (id, ddl_sha256, applied_seq) VALUES (?, ?, ?)",
      .text(step.id), .blob(step.ddlHash.bytes), .integer(Int64(seq.rawValue)))
  }

  func state() throws -> State? {
    try connection.first(
      "SELECT tenant, lineage, kind, applied_seq, digest FROM aimstors_state WHERE id = 1"
    ) { row in
      guard let digest = Digest(bytes: row.blob(4)), let kind = UInt8(exactly: row.int64(2)) else {
        return nil
      }
      return State(
        tenant: TenantID(trusted: row.text(0)),
        lineage: Lineage(UInt64(bitPattern: row.int64(1))), kind: FileKind(rawValue: kind),
        appliedSeq: TenantSeq(UInt64(bitPattern: row.int64(3))), digest: digest)
    } ?? nil
  }

  func appliedSteps() throws -> [String: [UInt8]] {
    Dictionary(
      uniqueKeysWithValues: try connection.rows("SELECT id, ddl_sha256 FROM aimstors_steps") {
        ($0.text(0), $0.blob(1))
      })
  }

  func advance(to seq: TenantSeq, digest: Digest) throws(SQLiteError) {
    try connection.control(
      "UPDATE aimstors_state SET applied_seq = ?, digest = ? WHERE id = 1",
      .integer(Int64(seq.rawValue)), .blob(digest.bytes))
  }

  /// Takes the read snapshot: BEGIN alone takes none.
  func beginSnapshot() throws {
    try connection.control("BEGIN")
    _ = try connection.first("SELECT applied_seq FROM aimstors_state WHERE id = 1") { _ in true }
  }

  func begin() throws(SQLiteError) {
    try connection.control("BEGIN")
    connection.needsTransaction = true
  }
  func commit() throws(SQLiteError) {
    try connection.control("COMMIT")
    connection.needsTransaction = false
  }
  func rollback() throws(SQLiteError) {
    try connection.control("ROLLBACK")
    connection.needsTransaction = false
  }
  func savepoint() throws(SQLiteError) { try connection.control("SAVEPOINT command") }
  func release() throws(SQLiteError) { try connection.control("RELEASE command") }

  func rollbackToSavepoint() throws(SQLiteError) {
    try connection.control("ROLLBACK TO command")
    try connection.control("RELEASE command")
  }
}
