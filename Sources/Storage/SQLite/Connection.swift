import CSQLite

/// One SQLite connection: the thin wrapper over the C API that everything here uses.
///
/// Confined to one thread at a time; the tenant's writer or a reader owns it. Statements are
/// `StaticString`s, so that no value can ever be spliced into SQL, and are prepared once.
public final class Connection {
  /// How long a statement waits for another connection to the same file.
  static let busyMilliseconds: Int32 = 5_000

  /// Writes a transaction's WAL frames in one piece; nil, SQLite's own, where there is no memory.
  nonisolated(unsafe) static let batchingVFS = aim_wal_batch_vfs(nil)

  let handle: OpaquePointer
  private var statements: [UnsafePointer<UInt8>: Statement] = [:]
  /// Whether any statement failed since the flag was last cleared, also where the caller caught it.
  public internal(set) var sawError = false
  /// The fsync that failed in a statement, also where the caller caught it; never cleared.
  private(set) var failedSync: SQLiteError?
  /// Whether statements belong into a transaction that somebody began.
  ///
  /// Where SQLite has ended it by itself (a full disk, an I/O error) they are refused: each would
  /// commit at once, and the journal would know nothing of it.
  var needsTransaction = false
  /// Present on a tenant's writing connections.
  var capture: Capture?

  init(handle: OpaquePointer) { self.handle = handle }

  /// Opens a file.
  ///
  /// `flags` are SQLite's open flags.
  convenience init(
    path: String, flags: Int32, vfs: UnsafePointer<CChar>? = batchingVFS
  ) throws(SQLiteError) {
    var handle: OpaquePointer?
    let result = sqlite3_open_v2(path, &handle, flags, vfs)
    guard result == SQLITE_OK, let handle else {
      let message = String(cString: sqlite3_errstr(result))
      if let handle { sqlite3_close_v2(handle) }
      throw SQLiteError(extendedCode: result, message: message, sql: "open \(path)")
    }
    sqlite3_extended_result_codes(handle, 1)
    // Before the first statement: the flusher or a reader may be rebuilding the WAL's index.
    sqlite3_busy_timeout(handle, Self.busyMilliseconds)
    self.init(handle: handle)
  }

  /// Opens a file on the VFS of this name, nil: the system's, with its WAL batched.
  convenience init(path: String, flags: Int32, on base: String?) throws(SQLiteError) {
    guard let base else {
      try self.init(path: path, flags: flags)
      return
    }
    guard let vfs = aim_wal_batch_vfs(base) else {
      throw SQLiteError(
        extendedCode: SQLITE_CANTOPEN, message: "no VFS \(base)", sql: "open \(path)")
    }
    try self.init(path: path, flags: flags, vfs: vfs)
  }

  /// Finalizes every statement and closes.
  ///
  /// The connection is unusable afterwards.
  func close() {
    for statement in statements.values { statement.finalize() }
    statements = [:]
    capture?.close()
    capture = nil
    sqlite3_close_v2(handle)
  }

  /// Whether the connection is outside any transaction.
  public var isAutocommit: Bool { sqlite3_get_autocommit(handle) != 0 }

  /// How many rows the last statement changed.
  public var changes: Int { Int(sqlite3_changes(handle)) }

  /// Runs one statement that returns no rows; answers how many rows it changed.
  @discardableResult
  public func run(_ sql: StaticString, _ values: SQLValue...) throws(SQLiteError) -> Int {
    let statement = try prepared(sql)
    defer { statement.reset() }
    try bind(values, to: statement)
    while try step(statement) {}
    return changes
  }

  /// Calls `body` for each row.
  public func query(
    _ sql: StaticString, _ values: SQLValue..., body: (Row) throws -> Void
  ) throws {
    let statement = try prepared(sql)
    defer { statement.reset() }
    try bind(values, to: statement)
    while try step(statement) { try body(Row(statement: statement)) }
  }

  /// All rows, each as `transform` makes it.
  public func rows<T>(
    _ sql: StaticString, _ values: SQLValue..., transform: (Row) throws -> T
  ) throws -> [T] {
    let statement = try prepared(sql)
    defer { statement.reset() }
    try bind(values, to: statement)
    var result: [T] = []
    while try step(statement) { result.append(try transform(Row(statement: statement))) }
    return result
  }

  /// The first row as `transform` makes it; nil where there is none.
  public func first<T>(
    _ sql: StaticString, _ values: SQLValue..., transform: (Row) throws -> T
  ) throws -> T? {
    let statement = try prepared(sql)
    defer { statement.reset() }
    try bind(values, to: statement)
    return try step(statement) ? try transform(Row(statement: statement)) : nil
  }

  /// Runs a statement that commands may not run: transaction control, the engine's own tables.
  @discardableResult
  func control(_ sql: StaticString, _ values: SQLValue...) throws(SQLiteError) -> Int {
    capture?.allowControl(true)
    defer { capture?.allowControl(false) }
    let statement = try prepared(sql)
    defer { statement.reset() }
    try bind(values, to: statement)
    while try step(statement) {}
    return changes
  }

  /// Runs SQL text of the storage engine's own: schema steps, pragmas, transaction control.
  func execute(_ sql: String) throws(SQLiteError) {
    capture?.allowControl(true)
    defer { capture?.allowControl(false) }
    let result = sqlite3_exec(handle, sql, nil, nil, nil)
    guard result == SQLITE_OK else { throw failure(result, sql) }
  }

  private func prepared(_ sql: StaticString) throws(SQLiteError) -> Statement {
    if needsTransaction, isAutocommit, capture?.allowsControl != true {
      sawError = true
      throw SQLiteError(
        extendedCode: SQLITE_ABORT, message: "the transaction is gone", sql: sql.description)
    }
    if let statement = statements[sql.utf8Start] { return statement }
    var pointer: OpaquePointer?
    let result = sql.withUTF8Buffer { buffer in
      buffer.withMemoryRebound(to: CChar.self) { text in
        sqlite3_prepare_v3(
          handle, text.baseAddress, Int32(text.count), UInt32(SQLITE_PREPARE_PERSISTENT), &pointer,
          nil)
      }
    }
    guard result == SQLITE_OK, let pointer else { throw failure(result, sql.description) }
    let statement = Statement(pointer: pointer, sql: sql)
    statements[sql.utf8Start] = statement
    return statement
  }

  private func bind(_ values: [SQLValue], to statement: Statement) throws(SQLiteError) {
    for (index, value) in values.enumerated() {
      let result = statement.bind(value, at: Int32(index + 1))
      guard result == SQLITE_OK else { throw failure(result, statement.sql.description) }
    }
  }

  private func step(_ statement: Statement) throws(SQLiteError) -> Bool {
    switch sqlite3_step(statement.pointer) {
    case SQLITE_ROW: return true
    case SQLITE_DONE: return false
    case let result: throw failure(result, statement.sql.description)
    }
  }

  private func failure(_ result: Int32, _ sql: String) -> SQLiteError {
    sawError = true
    let error = SQLiteError(
      extendedCode: sqlite3_extended_errcode(handle) == 0
        ? result : sqlite3_extended_errcode(handle),
      message: String(cString: sqlite3_errmsg(handle)), sql: sql)
    if error.isFailedSync { failedSync = error }
    return error
  }
}
