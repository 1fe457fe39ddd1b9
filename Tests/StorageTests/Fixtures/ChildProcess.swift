import Platform

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Another process of this build whose standard output is read here.
struct ChildProcess {
  enum Fault: Error { case notStarted(Int32) }

  let identifier: pid_t
  private let output: Int32

  /// Starts an executable that stands beside the test program.
  init(_ name: String, _ arguments: [String]) throws {
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
    var child: pid_t = 0
    let words = ["\(directory)/\(name)"] + arguments
    var pointers: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) }
    pointers.append(nil)
    let status = posix_spawn(&child, words[0], &actions, nil, pointers, environ)
    for pointer in pointers { free(pointer) }
    posix_spawn_file_actions_destroy(&actions)
    close(ends[1])
    guard status == 0 else { throw Fault.notStarted(status) }
    identifier = child
    output = ends[0]
  }

  /// Reads lines, kills -9 once `count` have come, and answers every line that came, also after.
  func killAfter(lines count: Int) async -> [String] {
    await withCheckedContinuation { continuation in
      _ = OwnThread(name: "child-output") { continuation.resume(returning: read(until: count)) }
    }
  }

  private func read(until count: Int) -> [String] {
    var text: [UInt8] = []
    var seen = 0
    var buffer = [UInt8](repeating: 0, count: 16_384)
    while true {
      let got = Glibc.read(output, &buffer, buffer.count)
      guard got > 0 else { break }
      text += buffer[..<got]
      seen += buffer[..<got].count { $0 == UInt8(ascii: "\n") }
      if seen >= count { kill(identifier, SIGKILL) }
    }
    close(output)
    var status: Int32 = 0
    waitpid(identifier, &status, 0)
    // What follows the last line's end was cut off: it was not acknowledged.
    return String(decoding: text, as: UTF8.self).split(
      separator: "\n", omittingEmptySubsequences: false
    ).dropLast().map(String.init)
  }
}
