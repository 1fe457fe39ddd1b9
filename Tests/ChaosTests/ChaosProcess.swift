import Platform

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// A run of `ChaosCommand`, which stands beside the test program: what it printed and how it ended.
enum ChaosProcess {
  enum Fault: Error { case notStarted(Int32) }

  struct Ended: Sendable {
    let status: Int32
    let output: String
  }

  static func run(_ arguments: [String]) async throws -> Ended {
    try await withCheckedThrowingContinuation { continuation in
      _ = OwnThread(name: "chaos-process") {
        continuation.resume(with: Result { try wait(for: arguments) })
      }
    }
  }

  private static func wait(for arguments: [String]) throws -> Ended {
    var path = [CChar](repeating: 0, count: 4_096)
    let length = readlink("/proc/self/exe", &path, path.count - 1)
    let program = path[..<max(0, length)].map { UInt8(bitPattern: $0) }
    var directory = String(decoding: program, as: UTF8.self)
    if let slash = directory.lastIndex(of: "/") { directory = String(directory[..<slash]) }
    var ends: [Int32] = [0, 0]
    guard pipe(&ends) == 0 else { throw Fault.notStarted(errno) }
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO)
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0)
    var child: pid_t = 0
    let words = ["\(directory)/ChaosCommand"] + arguments
    var pointers: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) }
    pointers.append(nil)
    let started = posix_spawn(&child, words[0], &actions, nil, pointers, environ)
    for pointer in pointers { free(pointer) }
    posix_spawn_file_actions_destroy(&actions)
    close(ends[1])
    defer { close(ends[0]) }
    guard started == 0 else { throw Fault.notStarted(started) }
    var text: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 16_384)
    while true {
      let got = read(ends[0], &buffer, buffer.count)
      guard got > 0 else { break }
      text += buffer[..<got]
    }
    var status: Int32 = 0
    waitpid(child, &status, 0)
    // Ended by itself: the exit code; by a signal: that, negative.
    let code = status & 0x7f == 0 ? status >> 8 & 0xff : -(status & 0x7f)
    return Ended(status: code, output: String(decoding: text, as: UTF8.self))
  }
}
