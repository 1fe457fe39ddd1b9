#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// The lock of a data directory: held until the process ends.
final class DirectoryLock: Sendable {
  private let descriptor: Int32

  /// Throws `data_in_use` where another process has it.
  init(_ directory: String) throws(CommandFailure) {
    let path = directory + "/up.lock"
    descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else {
      throw CommandFailure(.refused, code: "file_error", detail: "cannot open \(path)")
    }
    guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
      throw CommandFailure(
        .refused, code: "data_in_use",
        detail: "\(directory) belongs to another aimstors that is running; stop it, or set"
          + " AIMSTORS_DATA to another directory")
    }
  }

  deinit { close(descriptor) }
}
