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
    let path = try safePath(version)
    let about = try Self.ask(path, scratch: scratch)
    guard about.version == version.text else {
      throw CommandFailure(
        .refused, code: "wrong_release", detail: "\(path) says that it is \(about.version)")
    }
    return (path, about)
  }

  /// Where the program of a version really lies, without links, after everything on the way there
  /// was looked at.
  ///
  /// Throws `not_found`, `unsafe_release`.
  func safePath(_ version: ProgramVersion) throws(CommandFailure) -> String {
    let path = path(version)
    guard let real = realpath(path, nil) else {
      throw CommandFailure(.refused, code: "not_found", detail: "there is no \(path)")
    }
    defer { free(real) }
    let resolved = String(cString: real)
    // Whoever may change a link on the way may choose what it leads to.
    for place in [try Self.absolute(path), resolved] { try Self.demandSafe(place) }
    guard access(resolved, X_OK) == 0 else {
      throw CommandFailure(
        .refused, code: "not_found", detail: "\(path) is not a program that may be run")
    }
    return resolved
  }

  private static func absolute(_ path: String) throws(CommandFailure) -> String {
    guard !path.hasPrefix("/") else { return path }
    guard let own = getcwd(nil, 0) else {
      throw CommandFailure(.refused, code: "not_found", detail: "there is no \(path)")
    }
    defer { free(own) }
    return "\(String(cString: own))/\(path)"
  }

  /// Every part of an absolute path: whoever may write there may have this process run anything.
  private static func demandSafe(_ path: String) throws(CommandFailure) {
    var part = ""
    var rest = path.split(separator: "/", omittingEmptySubsequences: true)[...]
    while true {
      try demandSafePart(part.isEmpty ? "/" : part, isLast: rest.isEmpty)
      guard let next = rest.popFirst() else { return }
      part += "/\(next)"
    }
  }

  private static func demandSafePart(_ path: String, isLast: Bool) throws(CommandFailure) {
    var status = stat()
    guard lstat(path, &status) == 0 else {
      throw CommandFailure(.refused, code: "not_found", detail: "there is no \(path)")
    }
    let kind = status.st_mode & mode_t(S_IFMT)
    // Of a link only its owner counts; in one such as /tmp nobody renames what is another's.
    let isOpen =
      kind != mode_t(S_IFLNK) && status.st_mode & mode_t(S_IWGRP | S_IWOTH) != 0
      && !(kind == mode_t(S_IFDIR) && status.st_mode & mode_t(S_ISVTX) != 0 && !isLast)
    guard !isOpen, status.st_uid == 0 || status.st_uid == geteuid() else {
      throw CommandFailure(
        .refused, code: "unsafe_release",
        detail: "others than root and this user may change \(path)")
    }
  }

  static func ask(_ path: String, scratch: String) throws(CommandFailure) -> About {
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
