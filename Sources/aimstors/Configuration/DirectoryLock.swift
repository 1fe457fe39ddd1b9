#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// The lock of a data directory: held until the process ends, with its id in `up.pid` beside it.
///
/// Whoever has not got it has touched nothing: what describes a running system stays.
final class DirectoryLock: Sendable {
  private let descriptor: Int32
  private let ownerFile: String

  /// Throws `data_in_use` where another process has it.
  init(_ directory: String) throws(CommandFailure) {
    let path = directory + "/up.lock"
    let file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
    guard file >= 0 else {
      throw CommandFailure(.refused, code: "file_error", detail: "cannot open \(path)")
    }
    let owner = directory + "/up.pid"
    do throws(CommandFailure) {
      guard flock(file, LOCK_EX | LOCK_NB) == 0 else {
        throw CommandFailure(
          .refused, code: "data_in_use",
          detail: "\(directory) belongs to another aimstors that is running; stop it, or set"
            + " AIMSTORS_DATA to another directory")
      }
      try PrivateFile.write(Array("\(getpid())\n".utf8), to: owner)
    } catch {
      close(file)
      throw error
    }
    // From here on there is an owner, whose end takes `up.pid` away.
    descriptor = file
    ownerFile = owner
  }

  deinit {
    PrivateFile.remove(ownerFile)
    // A child that is just being started may have the descriptor, too.
    _ = flock(descriptor, LOCK_UN)
    close(descriptor)
  }
}
