import Logging
import Platform

/// In which run of the machine a directory's files came to have every record before a tenant's
/// highest one: until the power goes, none loses any of that.
///
/// A primary's writers keep it so: a record is committed file by file, and the next one runs when
/// all of its files have it. A replay does not, as it commits many records of one file before those
/// of the next: the mark is away from before it begins until it went through.
struct BootMark {
  let directory: String
  let files: any FileSystem
  var log = Logger(label: "storage")

  private var path: String { "\(directory)/boot" }

  /// Whether the machine has run on since the last ``set()``, and nothing took the mark away.
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

  /// Takes it away before files are brought up otherwise than record by record.
  func remove() throws(FileError) {
    guard try files.exists(path) else { return }
    try files.remove(path)
    try files.synchronizeDirectory(directory)
  }

  /// Takes it away after a failed fsync, as far as the disk still lets it.
  ///
  /// Without an fsync: the process ends, and the next one sees the name gone unless the power goes,
  /// after which no mark counts. A disk that does not give the name back may still take a byte,
  /// which makes the mark none; where it refuses that, too, people are told.
  func discard() {
    do throws(FileError) {
      guard try files.exists(path) else { return }
      try files.remove(path)
    } catch {
      guard !error.isNotFound else { return }
      do throws(FileError) {
        try spoil()
        log.error("the mark of this boot was spoiled, not removed", metadata: why(error))
      } catch let second {
        log.critical(
          "the mark of this boot stays after a failed fsync: remove it before the next start",
          metadata: why(second))
      }
    }
  }

  /// Runs what may fail an fsync of this directory's disk outside of an engine, whose own end takes
  /// the mark away.
  func discarded<T, E: Error>(
    ifSyncFails body: () throws(E) -> T
  ) throws(E) -> T {
    do throws(E) { return try body() } catch {
      if FailedSync.isCause(of: error) { discard() }
      throw error
    }
  }

  /// Leaves the name, with content that no run of the machine has.
  private func spoil() throws(FileError) {
    let file = try files.open(path, .update)
    defer { file.close() }
    try file.write([0], at: 0)
  }

  private func why(_ error: FileError) -> Logger.Metadata {
    ["file": "\(path)", "error": "\(error)"]
  }
}
