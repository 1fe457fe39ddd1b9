import CSQLite
import Wire

/// What the preupdate hook of one writing connection has seen: row after-images and digest delta.
///
/// The work is in C (`capture.c`); this is its handle. Whoever undoes a command cuts back to the
/// mark taken where it began, because SQLite does not report what it undoes.
final class Capture {
  typealias Mark = aim_mark

  /// Why a command's changes cannot be journaled.
  enum Fault: Error, Hashable {
    case unregisteredTable(String)
    case outOfMemory
    case unreadable(table: String)
  }

  let handle: OpaquePointer

  init(connection: Connection, tenant: TenantID) {
    var name = tenant.rawValue
    let handle = name.withUTF8 {
      aim_capture_new(connection.handle, $0.baseAddress, $0.count)
    }
    guard let handle else { preconditionFailure("no memory for a capture buffer") }
    self.handle = handle
    connection.capture = self
  }

  func close() { aim_capture_free(handle) }

  /// Registers the file's tables anew; after opening and after each schema step.
  func register(_ tables: [TableDefinition], ignoring: [String]) throws(SQLiteError) {
    aim_capture_forget(handle)
    allowControl(true)
    defer { allowControl(false) }
    for table in tables {
      let result = aim_capture_register(handle, table.name, table.id)
      guard result == SQLITE_OK else {
        throw SQLiteError(
          extendedCode: result, message: "cannot capture table \(table.name)", sql: "register")
      }
    }
    for name in ignoring {
      guard aim_capture_ignore(handle, name) == SQLITE_OK else {
        throw SQLiteError(extendedCode: SQLITE_NOMEM, message: "no memory", sql: "register")
      }
    }
  }

  func begin() -> Mark { aim_capture_begin(handle) }
  func cut(to mark: Mark) { aim_capture_cut(handle, mark) }
  func finish(_ mark: Mark) { aim_capture_finish(handle, mark) }
  func clear() { aim_capture_clear(handle) }

  var length: Int { aim_capture_length(handle) }
  var delta: Digest { Digest(aim_capture_delta(handle)) }
  var walFrames: Int { Int(aim_capture_wal_frames(handle)) }

  /// What went wrong in the running command; nil where everything was captured.
  var fault: Fault? {
    let code = aim_capture_error(handle)
    guard code != Int32(AIM_CAPTURE_OK) else { return nil }
    let table = String(cString: aim_capture_error_table(handle))
    switch code {
    case Int32(AIM_CAPTURE_UNREGISTERED): return .unregisteredTable(table)
    case Int32(AIM_CAPTURE_NO_MEMORY): return .outOfMemory
    default: return .unreadable(table: table)
    }
  }

  /// The changes captured since `mark`; valid inside `body` only.
  func withBytes<R>(since mark: Mark, _ body: (UnsafeRawBufferPointer) throws -> R) rethrows -> R {
    let start = aim_capture_bytes(handle).map { UnsafeRawPointer($0) + mark.length }
    return try body(UnsafeRawBufferPointer(start: start, count: length - mark.length))
  }

  /// Whether rows are recorded as well as digested; off in replay.
  func record(_ on: Bool) { aim_capture_record(handle, on ? 1 : 0) }

  /// Whether the engine's own statements are allowed: never while a command's run.
  private(set) var allowsControl = true

  func allowControl(_ allowed: Bool) {
    allowsControl = allowed
    aim_capture_allow_control(handle, allowed ? 1 : 0)
  }

  /// The digest of all registered tables by a full scan.
  func scanDigest() throws(SQLiteError) -> Digest {
    var sum = aim_digest(low: 0, high: 0)
    let result = aim_digest_scan(handle, &sum)
    guard result == SQLITE_OK else {
      throw SQLiteError(extendedCode: result, message: "digest scan failed", sql: "scan")
    }
    return Digest(sum)
  }
}
