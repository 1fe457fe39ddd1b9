/// The tables that the engine itself keeps in every file.
enum EngineSchema {
  static let stateTable = "aimstors_state"
  static let stepsTable = "aimstors_steps"
  static let idempotencyTable = "aimstors_idempotency"

  /// Neither captured nor digested: they say how far the file has come.
  static let uncaptured = [stateTable, stepsTable]

  /// Table ids 800–899 belong to the engine: one per file.
  static func idempotencyTableID(_ file: FileKind) -> UInt16 { 800 + UInt16(file.rawValue) }

  static func idempotency(_ file: FileKind) -> TableDefinition {
    TableDefinition(id: idempotencyTableID(file), file: file, name: idempotencyTable)
  }

  /// No index over expiry: it would cost a page of WAL per command, and the sweep goes by key.
  static let ddl = """
    CREATE TABLE aimstors_state (
      id INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
      tenant TEXT NOT NULL,
      lineage INTEGER NOT NULL,
      kind INTEGER NOT NULL,
      applied_seq INTEGER NOT NULL,
      digest BLOB NOT NULL
    ) STRICT;
    CREATE TABLE aimstors_steps (
      id TEXT NOT NULL PRIMARY KEY,
      ddl_sha256 BLOB NOT NULL,
      applied_seq INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE aimstors_idempotency (
      scope BLOB NOT NULL PRIMARY KEY,
      payload BLOB NOT NULL,
      expires_at INTEGER NOT NULL,
      status INTEGER NOT NULL,
      body BLOB NOT NULL,
      content_type TEXT
    ) STRICT, WITHOUT ROWID;
    """
}
