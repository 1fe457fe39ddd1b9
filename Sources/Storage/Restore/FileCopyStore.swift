import CSQLite
import Wire

/// Copies of SQLite files, and the checks that only a restore makes.
enum FileCopyStore {
  /// Copies what `source`'s open read transaction sees into a new file.
  ///
  /// The copy is not made durable: whoever keeps it syncs it.
  static func copy(_ source: Connection, to path: String, on vfs: String?) throws {
    let target = try Connection(
      path: path, flags: SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, on: vfs)
    defer { target.close() }
    try target.execute("PRAGMA synchronous = OFF; PRAGMA journal_mode = OFF")
    guard let backup = sqlite3_backup_init(target.handle, "main", source.handle, "main") else {
      throw SQLiteError(
        extendedCode: sqlite3_extended_errcode(target.handle), message: "no backup", sql: path)
    }
    let step = sqlite3_backup_step(backup, -1)
    let end = sqlite3_backup_finish(backup)
    guard step == SQLITE_DONE, end == SQLITE_OK else {
      throw SQLiteError(
        extendedCode: step == SQLITE_DONE ? end : step, message: "a copy failed", sql: path)
    }
  }

  /// What SQLite finds wrong with the file's structure; empty: nothing.
  static func integrityFaults(_ connection: Connection) throws -> [String] {
    try connection.rows("PRAGMA integrity_check(10)") { $0.text(0) }.filter { $0 != "ok" }
  }

  /// Tables with a row that refers to none; empty: all refer.
  static func foreignKeyFaults(_ connection: Connection) throws -> [String] {
    try connection.rows("PRAGMA foreign_key_check") { $0.text(0) }
  }

  /// Makes the file another tenant's or another branch's; its digest is that of the new owner.
  static func give(
    _ connection: Connection, to tenant: TenantID, _ lineage: Lineage, digest: Digest
  ) throws {
    try connection.control(
      "UPDATE aimstors_state SET tenant = ?, lineage = ?, digest = ? WHERE id = 1",
      .text(tenant.rawValue), .integer(Int64(bitPattern: lineage.rawValue)), .blob(digest.bytes))
  }

  /// Brings the WAL into the file and empties it; both are synced.
  static func settle(_ connection: Connection) throws {
    try connection.execute("PRAGMA synchronous = FULL")
    guard
      sqlite3_wal_checkpoint_v2(connection.handle, nil, SQLITE_CHECKPOINT_TRUNCATE, nil, nil)
        == SQLITE_OK
    else {
      throw SQLiteError(
        extendedCode: sqlite3_extended_errcode(connection.handle), message: "checkpoint failed",
        sql: "settle")
    }
  }
}
