/// The machine's files, as a value: `aimstors` builds the live one, `Simulation` the fake one.
///
/// Nothing is durable by itself: content after ``File/synchronize()``, a name (a new file, a
/// rename, a removal) after ``synchronizeDirectory(_:)`` of the directory that holds it.
public protocol FileSystem: Sendable {
  /// Opens one file for positional reading or writing.
  func open(_ path: String, _ mode: FileMode) throws(FileError) -> any File

  /// Creates a directory and those above it; no error where it exists.
  func createDirectory(_ path: String) throws(FileError)

  /// The names in a directory, sorted, without `.` and `..`.
  func list(_ directory: String) throws(FileError) -> [String]

  func exists(_ path: String) throws(FileError) -> Bool

  /// Gives `source` the name `target`, replacing what had it.
  func rename(_ source: String, to target: String) throws(FileError)

  func remove(_ path: String) throws(FileError)

  func synchronizeDirectory(_ path: String) throws(FileError)

  /// Bytes that an ordinary process may still write on the device of `path`.
  func freeBytes(_ path: String) throws(FileError) -> UInt64

  /// Bytes of the device of `path`, free or not; 0: unknown.
  func totalBytes(_ path: String) throws(FileError) -> UInt64

  /// Names the machine's present run: another one after the power was gone, with everything that no
  /// fsync had reached. Empty where nobody knows.
  var bootID: String { get }

  /// Takes the exclusive lock of a file, made where it is missing, until the lock is released or
  /// the process ends. Throws ``FileError/isOwnedByAnother`` where another process has it.
  func lock(_ path: String) throws(FileError) -> any FileLock
}

extension FileSystem {
  public func totalBytes(_ path: String) throws(FileError) -> UInt64 { 0 }
  public var bootID: String { "" }
}

/// How a file is opened.
public enum FileMode: Hashable, Sendable {
  case read
  /// For reading and writing; the file must exist.
  case update
  /// For reading and writing; the file is made, or emptied where it exists.
  case create
  /// For reading and writing; the file must not exist.
  case createNew
}

/// One open file.
///
/// All access is positional, so any thread may read while one writes.
public protocol File: Sendable {
  var path: String { get }

  /// Reads up to the buffer's length; fewer bytes only at the end of the file.
  func read(into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64) throws(FileError) -> Int

  /// Writes all of `bytes`. Where it throws, any part of them may have been written.
  func write(_ bytes: UnsafeRawBufferPointer, at offset: UInt64) throws(FileError)

  /// Makes content and length durable. After it throws, what is on the disk is unknown, and trying
  /// again tells nothing: Linux drops the dirty pages.
  func synchronize() throws(FileError)

  func truncate(to length: UInt64) throws(FileError)

  /// Has a part of the file read as zeros, without writing any: it needs no space, and the length
  /// stays. Ends the process in the middle, some of it may.
  func punch(_ range: Range<UInt64>) throws(FileError)

  func length() throws(FileError) -> UInt64

  /// Closes the descriptor; further calls fail. Closing twice does nothing.
  func close()
}

/// An exclusive lock that is held until released.
public protocol FileLock: Sendable {
  func release()
}

extension File {
  /// Reads exactly `count` bytes, or fewer where the file ends.
  public func bytes(at offset: UInt64, count: Int) throws(FileError) -> [UInt8] {
    var failure: FileError?
    let result = [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
      do throws(FileError) {
        filled = try read(into: UnsafeMutableRawBufferPointer(buffer), at: offset)
      } catch {
        failure = error
        filled = 0
      }
    }
    if let failure { throw failure }
    return result
  }

  public func write(_ bytes: [UInt8], at offset: UInt64) throws(FileError) {
    var failure: FileError?
    bytes.withUnsafeBytes { buffer in
      do throws(FileError) { try write(buffer, at: offset) } catch { failure = error }
    }
    if let failure { throw failure }
  }
}
