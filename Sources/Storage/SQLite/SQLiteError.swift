/// SQLite refused or failed.
///
/// A fault of the module, never shown to a client as it is.
public struct SQLiteError: Error, Hashable, Sendable, CustomStringConvertible {
  /// The extended result code, such as 1555 for SQLITE_CONSTRAINT_PRIMARYKEY.
  public let extendedCode: Int32
  public let message: String
  /// The statement, without its values.
  public let sql: String

  /// The primary result code, such as 19 for SQLITE_CONSTRAINT.
  public var code: Int32 { extendedCode & 0xFF }

  public init(extendedCode: Int32, message: String, sql: String) {
    self.extendedCode = extendedCode
    self.message = message
    self.sql = sql
  }

  public var description: String { "SQLite \(extendedCode): \(message) [\(sql)]" }

  /// Whether the machine refused, and not the data: SQLITE_BUSY, NOMEM, IOERR, FULL, CANTOPEN.
  ///
  /// Not where the file system says that its own data are damaged (IOERR_CORRUPTFS), nor after an
  /// fsync that failed: another would tell nothing.
  var mayPass: Bool {
    [5, 7, 10, 13, 14].contains(code) && extendedCode != 10 | 33 << 8 && !isFailedSync
  }

  /// IOERR_FSYNC or IOERR_DIR_FSYNC: what is on the disk is unknown.
  var isFailedSync: Bool { extendedCode == 10 | 4 << 8 || extendedCode == 10 | 5 << 8 }

  /// Whether a UNIQUE or PRIMARY KEY constraint said no.
  public var isUniqueViolation: Bool { extendedCode == 2067 || extendedCode == 1555 }
}
