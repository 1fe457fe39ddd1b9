import Platform

/// The machine's files, but for what a test changes of them.
protocol LiveFiles: FileSystem {
  var live: LiveFileSystem { get }
}

extension LiveFiles {
  func open(_ path: String, _ mode: FileMode) throws(FileError) -> any File {
    try live.open(path, mode)
  }
  func createDirectory(_ path: String) throws(FileError) { try live.createDirectory(path) }
  func exists(_ path: String) throws(FileError) -> Bool { try live.exists(path) }
  func list(_ directory: String) throws(FileError) -> [String] { try live.list(directory) }
  func rename(_ source: String, to target: String) throws(FileError) {
    try live.rename(source, to: target)
  }
  func remove(_ path: String) throws(FileError) { try live.remove(path) }
  func synchronizeDirectory(_ path: String) throws(FileError) {
    try live.synchronizeDirectory(path)
  }
  func freeBytes(_ path: String) throws(FileError) -> UInt64 { try live.freeBytes(path) }
  func lock(_ path: String) throws(FileError) -> any FileLock { try live.lock(path) }
}
