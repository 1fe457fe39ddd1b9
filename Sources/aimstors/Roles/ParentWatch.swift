import Platform

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// What every role's process does first: it leaves no core behind, and ends with its parent.
///
/// Ends a child whose parent is gone: its standard input is a pipe that only the parent holds.
enum ParentWatch {
  /// Does nothing for a process that nobody supervises.
  static func start(_ environment: Environment) {
    CoreDumps.forbid()
    guard environment["AIMSTORS_SUPERVISED"] == "1" else { return }
    _ = OwnThread(name: "parent-watch") {
      var byte: UInt8 = 0
      while true {
        let count = read(STDIN_FILENO, &byte, 1)
        if count > 0 || (count < 0 && errno == EINTR) { continue }
        // The ordinary end: services stop in order.
        kill(getpid(), SIGTERM)
        return
      }
    }
  }
}
