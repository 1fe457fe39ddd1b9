import Platform

/// Tenants' files on the machine's disk, the journal's on a simulated one that can fail.
struct MixedFileSystem: FileSystem {
  let live = LiveFileSystem()
  let simulated: any FileSystem

  private func choose(_ path: String) -> any FileSystem {
    path.contains("/journal") || path.hasSuffix("owner.lock") ? simulated : live
  }

  func open(_ path: String, _ mode: FileMode) throws(FileError) -> any File {
    try choose(path).open(path, mode)
  }
  func createDirectory(_ path: String) throws(FileError) {
    try live.createDirectory(path)
    try simulated.createDirectory(path)
  }
  func list(_ directory: String) throws(FileError) -> [String] {
    try choose(directory).list(directory)
  }
  func exists(_ path: String) throws(FileError) -> Bool { try choose(path).exists(path) }
  func rename(_ source: String, to target: String) throws(FileError) {
    try choose(source).rename(source, to: target)
  }
  func remove(_ path: String) throws(FileError) { try choose(path).remove(path) }
  func synchronizeDirectory(_ path: String) throws(FileError) {
    try choose(path).synchronizeDirectory(path)
  }
  var bootID: String { simulated.bootID }
  func freeBytes(_ path: String) throws(FileError) -> UInt64 { try choose(path).freeBytes(path) }
  func lock(_ path: String) throws(FileError) -> any FileLock { try choose(path).lock(path) }
}
