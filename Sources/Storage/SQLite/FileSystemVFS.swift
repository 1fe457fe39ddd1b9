import CSQLite
import Platform
import Synchronization

/// Puts SQLite's files into a ``FileSystem``, so that a simulated disk holds journal and tenants'
/// files together: one power loss meets both.
///
/// Named in ``EngineConfiguration/vfs``. Registered for the life of the process; only for tests and
/// chaos, since locks and the WAL's index know one process only.
public final class FileSystemVFS: Sendable {
  public let name: String
  private let files: Mutex<any FileSystem>
  private let registered = Mutex<Registered>(Registered(vfs: nil))

  private struct Registered: @unchecked Sendable { let vfs: OpaquePointer? }

  /// `name` must not be in use; at most 40 bytes.
  public init(name: String, files: any FileSystem) {
    self.name = name
    self.files = Mutex(files)
    var calls = Self.calls
    // Never released: SQLite has no moment at which nobody can name this VFS any more.
    let context = Unmanaged.passRetained(self).toOpaque()
    guard let vfs = aim_files_vfs_new(name, &calls, context) else {
      preconditionFailure("SQLite takes no VFS of the name \(name)")
    }
    registered.withLock { $0 = Registered(vfs: vfs) }
  }

  /// The next process's files: what is opened from here on is theirs, with no lock held.
  public func restart(_ files: any FileSystem) {
    self.files.withLock { $0 = files }
    registered.withLock { aim_files_vfs_restart($0.vfs) }
  }

  private var current: any FileSystem { files.withLock { $0 } }

  /// One file that SQLite has open.
  private final class Opened {
    let file: any File
    init(_ file: any File) { self.file = file }
  }

  private static func opened(_ pointer: UnsafeMutableRawPointer?) -> any File {
    guard let pointer else { preconditionFailure("SQLite names no file") }
    return Unmanaged<Opened>.fromOpaque(pointer).takeUnretainedValue().file
  }

  private static func files(_ context: UnsafeMutableRawPointer?) -> any FileSystem {
    guard let context else { preconditionFailure("SQLite names no VFS") }
    return Unmanaged<FileSystemVFS>.fromOpaque(context).takeUnretainedValue().current
  }

  private static func path(_ text: UnsafePointer<CChar>?) -> String {
    text.map { String(cString: $0) } ?? ""
  }

  private static func directory(_ path: String) -> String {
    path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "."
  }

  /// What SQLite calls this failure.
  private static func code(_ error: FileError) -> Int32 {
    // A full disk that an fsync meets is a failed fsync, as in SQLite's own VFS.
    if error.isDiskFull, !error.isFailedSync { return SQLITE_FULL }
    // Extended codes: SQLITE_IOERR with the call in the second byte.
    let call: Int32 =
      switch error.operation {
      case .read: 1
      case .write: 3
      case .sync: 4
      case .syncDirectory: 5
      case .truncate: 6
      case .size: 7
      case .remove: error.isNotFound ? 23 : 10
      default: 0
      }
    return error.operation == .open ? SQLITE_CANTOPEN : SQLITE_IOERR | call << 8
  }

  private static func result(_ body: () throws(FileError) -> Void) -> Int32 {
    do throws(FileError) {
      try body()
      return SQLITE_OK
    } catch { return code(error) }
  }

  private static var calls: aim_file_calls {
    var calls = aim_file_calls()
    calls.open = { context, text, mayCreate, result in
      let (files, path) = (FileSystemVFS.files(context), FileSystemVFS.path(text))
      do throws(FileError) {
        let file = try FileSystemVFS.open(files, path, mayCreate: mayCreate != 0)
        return Unmanaged.passRetained(Opened(file)).toOpaque()
      } catch {
        result?.pointee = FileSystemVFS.code(error)
        return nil
      }
    }
    calls.read = { pointer, bytes, count, offset, got in
      FileSystemVFS.result { () throws(FileError) in
        let buffer = UnsafeMutableRawBufferPointer(start: bytes, count: Int(count))
        let read = try FileSystemVFS.opened(pointer).read(into: buffer, at: UInt64(offset))
        got?.pointee = Int32(read)
      }
    }
    calls.write = { pointer, bytes, count, offset in
      FileSystemVFS.result { () throws(FileError) in
        let buffer = UnsafeRawBufferPointer(start: bytes, count: Int(count))
        try FileSystemVFS.opened(pointer).write(buffer, at: UInt64(offset))
      }
    }
    calls.truncate = { pointer, size in
      FileSystemVFS.result { () throws(FileError) in
        try FileSystemVFS.opened(pointer).truncate(to: UInt64(size))
      }
    }
    calls.synchronize = { pointer in
      FileSystemVFS.result { () throws(FileError) in
        try FileSystemVFS.opened(pointer).synchronize()
      }
    }
    calls.size = { pointer, size in
      FileSystemVFS.result { () throws(FileError) in
        let length = try FileSystemVFS.opened(pointer).length()
        size?.pointee = Int64(length)
      }
    }
    calls.close = { pointer in
      guard let pointer else { return }
      Unmanaged<Opened>.fromOpaque(pointer).takeRetainedValue().file.close()
    }
    calls.exists = { context, text, exists in
      FileSystemVFS.result { () throws(FileError) in
        let found = try FileSystemVFS.files(context).exists(FileSystemVFS.path(text))
        exists?.pointee = found ? 1 : 0
      }
    }
    calls.remove = { context, text in
      FileSystemVFS.result { () throws(FileError) in
        try FileSystemVFS.files(context).remove(FileSystemVFS.path(text))
      }
    }
    calls.synchronize_directory = { context, text in
      FileSystemVFS.result { () throws(FileError) in
        let directory = FileSystemVFS.directory(FileSystemVFS.path(text))
        try FileSystemVFS.files(context).synchronizeDirectory(directory)
      }
    }
    return calls
  }

  private static func open(
    _ files: any FileSystem, _ path: String, mayCreate: Bool
  ) throws(FileError) -> any File {
    do throws(FileError) {
      return try files.open(path, .update)
    } catch {
      guard error.isNotFound, mayCreate else { throw error }
      return try files.open(path, .createNew)
    }
  }
}
