import Glibc
import Platform

/// Another process that speaks to this one: see `Tests/MessagingPeerChild`.
struct PeerChild: Sendable {
  enum Fault: Error { case notStarted(Int32) }

  let identifier: pid_t
  private let input: Int32
  private let output: Int32

  init(_ arguments: String...) throws {
    var path = [CChar](repeating: 0, count: 4_096)
    let length = readlink("/proc/self/exe", &path, path.count - 1)
    let program = path[..<max(0, length)].map { UInt8(bitPattern: $0) }
    var directory = String(decoding: program, as: UTF8.self)
    if let slash = directory.lastIndex(of: "/") { directory = String(directory[..<slash]) }
    var (toChild, fromChild): ([Int32], [Int32]) = ([0, 0], [0, 0])
    guard pipe(&toChild) == 0, pipe(&fromChild) == 0 else { throw Fault.notStarted(errno) }
    for end in toChild + fromChild { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    posix_spawn_file_actions_adddup2(&actions, toChild[0], STDIN_FILENO)
    posix_spawn_file_actions_adddup2(&actions, fromChild[1], STDOUT_FILENO)
    var child: pid_t = 0
    let words = ["\(directory)/MessagingPeerChild"] + arguments
    var pointers: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) }
    pointers.append(nil)
    let status = posix_spawn(&child, words[0], &actions, nil, pointers, environ)
    for pointer in pointers { free(pointer) }
    posix_spawn_file_actions_destroy(&actions)
    close(toChild[0])
    close(fromChild[1])
    guard status == 0 else { throw Fault.notStarted(status) }
    (identifier, input, output) = (child, toChild[1], fromChild[0])
  }

  /// The next line that it writes; empty at its end.
  func line() async -> String {
    await withCheckedContinuation { continuation in
      _ = OwnThread(name: "peer-child") {
        var line: [UInt8] = []
        var byte: UInt8 = 0
        while read(output, &byte, 1) == 1, byte != UInt8(ascii: "\n") { line.append(byte) }
        continuation.resume(returning: String(decoding: line, as: UTF8.self))
      }
    }
  }

  /// Asks for a line.
  func nudge() { _ = write(input, "\n", 1) }

  func signal(_ number: Int32) { kill(identifier, number) }

  func end() {
    kill(identifier, SIGKILL)
    close(input)
    close(output)
    var status: Int32 = 0
    waitpid(identifier, &status, 0)
  }
}
