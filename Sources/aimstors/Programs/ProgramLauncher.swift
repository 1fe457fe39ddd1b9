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
  let file: ProgramFile
  let releases: Releases
  let environment: Environment
  let logger: Logger
  var installed = InstalledProgram.own
  /// Becomes the program at a path; returns only where that failed, with its error number.
  var become: (_ path: String, _ installed: String) -> Int32 = Self.execute

  /// Returns where this is the program to run.
  ///
  /// Throws where a version that was confirmed cannot be run: whoever supervises tries again. No
  /// other version runs in its place, because it might not read what stands here.
  func launch() throws(CommandFailure) {
    guard environment[InstalledProgram.variable] == nil else { return }
    var slot = try file.load()
    let before = slot
    var version = slot.start(installed: installed.version)
    if slot != before {
      do { try file.store(slot) } catch {
        // A start that is not counted would be one without an end. A full disk keeps nobody down:
        // the cell has a reserve to free.
        logger.error(
          "a start on trial cannot be counted: the version before runs",
          metadata: ["reason": "\(error.detail)"])
        slot = before
        if slot.mayFallBack { version = slot.rest(installed: installed.version) }
      }
    }
    if let failed = slot.failed, before.trial != nil, slot.trial == nil {
      logger.error("a version is left", metadata: ["reason": "\(failed.detail)"])
    }
    guard let version else { return }
    let failure = run(version)
    guard version == slot.trial?.version, slot.mayFallBack else { throw failure }
    logger.error("a version is left", metadata: ["reason": "\(failure.detail)"])
    slot.couldNotRun(failure.detail)
    do { try file.store(slot) } catch {
      logger.error("that a version is left is not stored", metadata: ["reason": "\(error.detail)"])
    }
    // The one before the trial may be another than the installed one.
    guard let rest = slot.rest(installed: installed.version) else { return }
    throw run(rest)
  }

  /// Returns only where it failed.
  private func run(_ version: String) -> CommandFailure {
    guard let name = ProgramVersion(version) else {
      return CommandFailure(
        .refused, code: "not_started", detail: "\(version) is not the name of a version")
    }
    do throws(CommandFailure) {
      // At each start: since the order, others may have become able to change it.
      let path = try releases.safePath(name)
      logger.notice("becomes another version", metadata: ["version": "\(version)"])
      let error = become(path, installed.text)
      return CommandFailure(
        .refused, code: "not_started",
        detail: "\(path) cannot be run: \(String(cString: strerror(error)))")
    } catch {
      return error
    }
  }

  private static func execute(_ path: String, _ installed: String) -> Int32 {
    setenv(InstalledProgram.variable, installed, 1)
    var arguments = ([path] + CommandLine.arguments.dropFirst()).map { strdup($0) }
    arguments.append(nil)
    execv(path, &arguments)
    let failure = errno
    for argument in arguments { free(argument) }
    unsetenv(InstalledProgram.variable)
    return failure
  }
}
