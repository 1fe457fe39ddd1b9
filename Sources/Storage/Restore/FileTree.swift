import Platform

/// Directories as a whole.
public enum FileTree {
  /// Removes a directory with everything in it; no error where it does not exist.
  public static func remove(_ path: String, _ files: any FileSystem) throws(FileError) {
    guard try files.exists(path) else { return }
    for name in try files.list(path) {
      let entry = "\(path)/\(name)"
      do throws(FileError) {
        try files.remove(entry)
      } catch {
        // A directory is not unlinked: it is emptied.
        try remove(entry, files)
      }
    }
    // A file system without directories of its own has none to remove.
    if let live = files as? LiveFileSystem { try live.removeEmptyDirectory(path) }
  }

  /// The whole content of a file.
  public static func bytes(_ path: String, _ files: any FileSystem) throws(FileError) -> [UInt8] {
    let file = try files.open(path, .read)
    defer { file.close() }
    return try file.bytes(at: 0, count: Int(try file.length()))
  }

  /// Makes a file with this content, synced; its name is not.
  public static func write(
    _ bytes: [UInt8], to path: String, _ files: any FileSystem
  ) throws(FileError) {
    let file = try files.open(path, .create)
    defer { file.close() }
    try file.write(bytes, at: 0)
    try file.synchronize()
  }
}
