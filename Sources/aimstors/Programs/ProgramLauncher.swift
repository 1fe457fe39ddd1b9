import Logging
import Storage

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// The first thing that a cell or follower does: becomes the version of the program that it is to
/// run.
///
/// Whoever supervises starts the installed program, always; it replaces itself, under the same
/// process id, before it has opened anything.
struct ProgramLauncher {
  /// Set for what was launched: version and format level of what was installed.
  static let variable = "AIMSTORS_INSTALLED"

  let file: ProgramFile
  let releases: Releases
  let environment: Environment
  let logger: Logger

  /// What was installed here: this program, or the one that launched it.
  static func installed(_ environment: Environment) -> Releases.About {
    let own = Releases.About(version: Build.version, readsLevel: FormatLevel.newest)
    let words = environment[variable]?.split(separator: " ").map(String.init) ?? []
    guard words.count == 2, let level = UInt32(words[1]) else { return own }
    return Releases.About(version: words[0], readsLevel: level)
  }

  /// Returns where this is the program to run.
  func launch() throws(CommandFailure) {
    guard environment[Self.variable] == nil else { return }
    var slot = file.load()
    let before = slot
    let version = slot.start(installed: Build.version)
    if slot != before { try file.store(slot) }
    if let failed = slot.failed, before.trial != nil, slot.trial == nil {
      logger.error("a version is left", metadata: ["reason": "\(failed.detail)"])
    }
    guard let version else { return }
    let detail: String
    if let name = ProgramVersion(version) {
      let path = releases.path(name)
      logger.notice("becomes another version", metadata: ["version": "\(version)"])
      become(path)
      detail = "\(path) cannot be run: \(String(cString: strerror(errno)))"
    } else {
      detail = "\(version) is not the name of a version"
    }
    logger.error("the installed version runs instead", metadata: ["reason": "\(detail)"])
    slot.couldNotRun(detail)
    try file.store(slot)
    // The one before the trial may be another than the installed one.
    if let chosen = slot.chosen, chosen != version { try launch() }
  }

  /// Returns only where it failed.
  private func become(_ path: String) {
    setenv(Self.variable, "\(Build.version) \(FormatLevel.newest)", 1)
    var arguments = ([path] + CommandLine.arguments.dropFirst()).map { strdup($0) }
    arguments.append(nil)
    execv(path, &arguments)
    let failure = errno
    for argument in arguments { free(argument) }
    unsetenv(Self.variable)
    errno = failure
  }
}
