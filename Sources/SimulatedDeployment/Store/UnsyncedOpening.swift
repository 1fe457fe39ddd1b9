import Platform
import Synchronization

/// A file system that forgets fsyncs while a journal is opened: the opener answers from what was
/// only in the page cache.
public final class UnsyncedOpening: FileSystem {
  private let files: any FileSystem
  private let isOpening = Atomic(true)

  public init(_ files: any FileSystem) { self.files = files }

  public func opened() { isOpening.store(false, ordering: .releasing) }

  fileprivate var forgets: Bool { isOpening.load(ordering: .acquiring) }

  public func open(_ path: String, _ mode: FileMode) throws(FileError) -> any File {
    ForgetfulFile(file: try files.open(path, mode), system: self)
  }

  public func createDirectory(_ path: String) throws(FileError) { try files.createDirectory(path) }
  public func list(_ directory: String) throws(FileError) -> [String] { try files.list(directory) }
  public func exists(_ path: String) throws(FileError) -> Bool { try files.exists(path) }
  public func rename(_ source: String, to target: String) throws(FileError) {
    try files.rename(source, to: target)
  }
  public func remove(_ path: String) throws(FileError) { try files.remove(path) }
  public func synchronizeDirectory(_ path: String) throws(FileError) {
    try files.synchronizeDirectory(path)
  }
  public var bootID: String { files.bootID }
  public func freeBytes(_ path: String) throws(FileError) -> UInt64 { try files.freeBytes(path) }
  public func lock(_ path: String) throws(FileError) -> any FileLock { try files.lock(path) }
}

private struct ForgetfulFile: File {
  let file: any File
  let system: UnsyncedOpening

  var path: String { file.path }
  func read(into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64) throws(FileError) -> Int
  { try file.read(into: buffer, at: offset) }
  func write(_ bytes: UnsafeRawBufferPointer, at offset: UInt64) throws(FileError) {
    try file.write(bytes, at: offset)
  }
  func synchronize() throws(FileError) { if !system.forgets { try file.synchronize() } }
  func truncate(to length: UInt64) throws(FileError) { try file.truncate(to: length) }
  func punch(_ range: Range<UInt64>) throws(FileError) { try file.punch(range) }
  func length() throws(FileError) -> UInt64 { try file.length() }
  func close() { file.close() }
}
