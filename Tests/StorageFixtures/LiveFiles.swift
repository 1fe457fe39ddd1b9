import Platform

/// The machine's files, but for what a test changes of them.
public protocol LiveFiles: FileSystem {
  var live: LiveFileSystem { get }
}

extension LiveFiles {
  public func open(_ path: String, _ mode: FileMode) throws(FileError) -> any File {
    try live.open(path, mode)
  }
  public func createDirectory(_ path: String) throws(FileError) { try live.createDirectory(path) }
  public func exists(_ path: String) throws(FileError) -> Bool { try live.exists(path) }
  public func list(_ directory: String) throws(FileError) -> [String] { try live.list(directory) }
  public func rename(_ source: String, to target: String) throws(FileError) {
    try live.rename(source, to: target)
  }
  public func remove(_ path: String) throws(FileError) { try live.remove(path) }
  public func synchronizeDirectory(_ path: String) throws(FileError) {
    try live.synchronizeDirectory(path)
  }
  public var bootID: String { live.bootID }
  public func freeBytes(_ path: String) throws(FileError) -> UInt64 { try live.freeBytes(path) }
  public func lock(_ path: String) throws(FileError) -> any FileLock { try live.lock(path) }
}
