import CSQLite

/// A prepared statement that its connection keeps.
final class Statement {
  let pointer: OpaquePointer
  let sql: StaticString

  init(pointer: OpaquePointer, sql: StaticString) {
    self.pointer = pointer
    self.sql = sql
  }

  func reset() {
    sqlite3_reset(pointer)
    sqlite3_clear_bindings(pointer)
  }

  func finalize() { sqlite3_finalize(pointer) }

  func bind(_ value: SQLValue, at index: Int32) -> Int32 {
    // SQLITE_TRANSIENT: SQLite copies the bytes before the call returns.
    let transient = unsafeBitCast(-1, to: sqlite3_destructor_type.self)
    switch value {
    case .null: return sqlite3_bind_null(pointer, index)
    case .integer(let number): return sqlite3_bind_int64(pointer, index, number)
    case .text(var text):
      // An empty string may have no address, which SQLite would read as NULL.
      if text.isEmpty { return sqlite3_bind_text(pointer, index, "", 0, transient) }
      return text.withUTF8 { bytes in
        bytes.withMemoryRebound(to: CChar.self) {
          sqlite3_bind_text(pointer, index, $0.baseAddress, Int32($0.count), transient)
        }
      }
    case .blob(let bytes):
      if bytes.isEmpty { return sqlite3_bind_zeroblob(pointer, index, 0) }
      return bytes.withUnsafeBytes {
        sqlite3_bind_blob(pointer, index, $0.baseAddress, Int32($0.count), transient)
      }
    }
  }
}

/// The row a statement stands on; valid only inside the closure that received it.
public struct Row {
  let statement: Statement

  public func isNull(_ column: Int32) -> Bool {
    sqlite3_column_type(statement.pointer, column) == SQLITE_NULL
  }

  public func int64(_ column: Int32) -> Int64 { sqlite3_column_int64(statement.pointer, column) }

  public func int(_ column: Int32) -> Int { Int(int64(column)) }

  public func text(_ column: Int32) -> String {
    guard let bytes = sqlite3_column_text(statement.pointer, column) else { return "" }
    let count = Int(sqlite3_column_bytes(statement.pointer, column))
    return String(decoding: UnsafeBufferPointer(start: bytes, count: count), as: UTF8.self)
  }

  public func blob(_ column: Int32) -> [UInt8] {
    guard let bytes = sqlite3_column_blob(statement.pointer, column) else { return [] }
    let count = Int(sqlite3_column_bytes(statement.pointer, column))
    return Array(UnsafeRawBufferPointer(start: bytes, count: count))
  }

  public func optionalInt64(_ column: Int32) -> Int64? { isNull(column) ? nil : int64(column) }
  public func optionalText(_ column: Int32) -> String? { isNull(column) ? nil : text(column) }
  public func optionalBlob(_ column: Int32) -> [UInt8]? { isNull(column) ? nil : blob(column) }
}
