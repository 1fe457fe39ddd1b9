#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// A process that was started with posix_spawn: no fork of a process with threads of NNG.
///
/// Its standard input is a pipe that this process holds open: when this process ends, however it
/// ends, the child reads the end and stops (``ParentWatch``).
struct ChildProcess: Hashable, Sendable {
  let pid: Int32
  private let lifeline: Int32

  /// Starts `executable`; output and log go to the end of `log`.
  static func start(
    _ executable: String, _ arguments: [String], log: String, environment: [String: String]
  ) throws(CommandFailure) -> ChildProcess {
    var ends: [Int32] = [0, 0]
    guard pipe(&ends) == 0 else { throw failure(executable, errno) }
    defer { close(ends[0]) }
    // Children are started one at a time, so no other one can inherit these meanwhile.
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_adddup2(&actions, ends[0], STDIN_FILENO)
    posix_spawn_file_actions_addopen(
      &actions, STDOUT_FILENO, log, O_WRONLY | O_CREAT | O_APPEND, 0o600)
    posix_spawn_file_actions_adddup2(&actions, STDOUT_FILENO, STDERR_FILENO)
    // A process group of its own: Ctrl-C reaches the parent, which stops the children in order.
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    posix_spawnattr_setpgroup(&attributes, 0)
    // No signal blocked or ignored, whatever this process has trapped.
    var signals = sigset_t()
    sigemptyset(&signals)
    posix_spawnattr_setsigmask(&attributes, &signals)
    sigfillset(&signals)
    posix_spawnattr_setsigdefault(&attributes, &signals)
    posix_spawnattr_setflags(
      &attributes,
      Int16(POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))

    var pid: pid_t = 0
    let status = withCStrings([executable] + arguments) { argv in
      withCStrings(environment.map { "\($0.key)=\($0.value)" }.sorted()) { envp in
        posix_spawn(&pid, executable, &actions, &attributes, argv, envp)
      }
    }
    guard status == 0 else {
      close(ends[1])
      throw failure(executable, status)
    }
    return ChildProcess(pid: pid, lifeline: ends[1])
  }

  /// How it ended, or nil while it runs.
  ///
  /// After an answer the process is gone and may not be asked.
  func poll() -> String? {
    var status: Int32 = 0
    guard waitpid(pid, &status, WNOHANG) == pid else { return nil }
    close(lifeline)
    let signal = status & 0x7F
    return signal == 0 ? "exit code \((status >> 8) & 0xFF)" : "signal \(signal)"
  }

  func signal(_ number: Int32) { kill(pid, number) }

  private static func failure(_ executable: String, _ number: Int32) -> CommandFailure {
    CommandFailure(
      .refused, code: "cannot_start",
      detail: "cannot start \(executable): \(String(cString: strerror(number)))")
  }
}

/// Calls `body` with a null-terminated array of C strings.
private func withCStrings<Result>(
  _ texts: [String], _ body: ([UnsafeMutablePointer<CChar>?]) -> Result
) -> Result {
  let copies = texts.map { strdup($0) }
  defer { for copy in copies { free(copy) } }
  return body(copies + [nil])
}
