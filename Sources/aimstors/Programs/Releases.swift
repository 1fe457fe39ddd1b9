import GraphSimulator

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// The versions of the program that a machine has: `<directory>/<version>/aimstors`.
struct Releases {
  /// Where they lie on a machine with services.
  static let standard = "/usr/local/lib/aimstors"
  /// How long a program may take to say what it is.
  static let answerSeconds = 20
  static let pollMilliseconds: UInt32 = 20

  /// What a program says of itself.
  struct About: Hashable {
    let version: String
    let readsLevel: UInt32
  }

  let directory: String

  func path(_ version: ProgramVersion) -> String { "\(directory)/\(version.text)/aimstors" }

  /// The program of a version, which has said that it is that.
  ///
  /// Throws `not_found`, `unsafe_release`, `wrong_release`.
  func find(
    _ version: ProgramVersion, scratch: String
  ) throws(CommandFailure) -> (path: String, about: About) {
    let path = path(version)
    for part in [directory, "\(directory)/\(version.text)", path] { try Self.demandSafe(part) }
    guard access(path, X_OK) == 0 else {
      throw CommandFailure(
        .refused, code: "not_found", detail: "\(path) is not a program that may be run")
    }
    let about = try Self.ask(path, scratch: scratch)
    guard about.version == version.text else {
      throw CommandFailure(
        .refused, code: "wrong_release", detail: "\(path) says that it is \(about.version)")
    }
    return (path, about)
  }

  /// Whoever may write there may have this process run anything.
  private static func demandSafe(_ path: String) throws(CommandFailure) {
    var status = stat()
    guard stat(path, &status) == 0 else {
      throw CommandFailure(.refused, code: "not_found", detail: "there is no \(path)")
    }
    let isSafe =
      (status.st_uid == 0 || status.st_uid == geteuid())
      && status.st_mode & mode_t(S_IWGRP | S_IWOTH) == 0
    guard isSafe else {
      throw CommandFailure(
        .refused, code: "unsafe_release",
        detail: "others than root and this user may change \(path)")
    }
  }

  private static func ask(_ path: String, scratch: String) throws(CommandFailure) -> About {
    let output = scratch + "/build.json"
    PrivateFile.remove(output)
    defer { PrivateFile.remove(output) }
    let child = try ChildProcess.start(
      path, ["build", "--json"], log: output, environment: [:])
    var waited = 0
    var end = child.poll()
    while end == nil {
      usleep(pollMilliseconds * 1_000)
      waited += Int(pollMilliseconds)
      if waited > answerSeconds * 1_000 { child.signal(SIGKILL) }
      end = child.poll()
    }
    let lines = String(decoding: try PrivateFile.read(output) ?? [], as: UTF8.self)
      .split(whereSeparator: \.isNewline)
    guard end == "exit code 0", let line = lines.last,
      let json = try? JSON(parsing: Array(line.utf8)), let version = json["version"]?.string,
      let level = json["reads_level"]?.integer.flatMap({ UInt32(exactly: $0) })
    else {
      throw CommandFailure(
        .refused, code: "wrong_release",
        detail: "\(path) does not say what it is: \(end ?? ""), \(lines.last ?? "")")
    }
    return About(version: version, readsLevel: level)
  }
}
