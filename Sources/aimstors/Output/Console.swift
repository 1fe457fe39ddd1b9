#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// The terminal, or what stands in its place.
enum Console {
  /// One line to standard output.
  static func out(_ line: String) { write(line + "\n", STDOUT_FILENO) }

  /// One line to standard error.
  static func error(_ line: String) { write(line + "\n", STDERR_FILENO) }

  /// To standard error, without an end of line: what is drawn over.
  static func draw(_ text: String) { write(text, STDERR_FILENO) }

  private static func write(_ text: String, _ descriptor: Int32) {
    var rest = Array(text.utf8)[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
      guard count > 0 else { return }
      rest = rest.dropFirst(count)
    }
  }
}

/// The exit codes of every verb.
enum ExitStatus: Int32 {
  case done = 0
  case refused = 1
  case usage = 2
  case verificationFailed = 3
  case timedOut = 4
}

func exitProcess(_ status: ExitStatus) -> Never { exit(status.rawValue) }

/// Ends the process at once: nothing that waits for a locked thread is asked any more.
func endProcess(_ status: ExitStatus) -> Never { _exit(status.rawValue) }
