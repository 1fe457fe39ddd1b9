import Platform

/// In which run of the machine a start last found a directory's journal whole and applied all of it
/// to the files: until the power goes, no file loses any of that.
struct BootMark {
  let directory: String
  let files: any FileSystem

  private var path: String { "\(directory)/boot" }

  /// Whether the machine has run on since the last ``set()``.
  func isUnbroken() -> Bool {
    let boot = files.bootID
    return !boot.isEmpty && (try? FileTree.bytes(path, files)) == Array(boot.utf8)
  }

  /// Says so from here on; durably, as an older run's mark must not come back in its place.
  func set() throws(FileError) {
    let boot = files.bootID
    guard !boot.isEmpty, !isUnbroken() else { return }
    let temporary = path + ".tmp"
    try FileTree.write(Array(boot.utf8), to: temporary, files)
    try files.rename(temporary, to: path)
    try files.synchronizeDirectory(directory)
  }
}
