import Logging
import Platform
import Storage
import Synchronization
import Wire

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Answers the control plane's orders about the program that this process runs.
final class ProgramControl: Sendable {
  /// How long an answer has to leave before the process ends.
  static let answerMilliseconds: UInt32 = 200

  private let file: ProgramFile
  private let releases: Releases
  private let scratch: String
  private let installed: InstalledProgram
  private let startedAt: Int64
  private let logger: Logger
  private let trial = TrialWatch()
  /// One order at a time; whether the process is ending for one.
  private let isEnding = Mutex(false)

  init(
    dataDirectory: String, releases: Releases, environment: Environment, clock: any WallClock,
    logger: Logger
  ) {
    file = ProgramFile(dataDirectory: dataDirectory)
    self.releases = releases
    scratch = dataDirectory
    installed = InstalledProgram(environment)
    startedAt = clock.milliseconds()
    self.logger = logger
  }

  /// Watches this process where its version is on trial.
  func watchTrial() throws(CommandFailure) {
    if try file.load().trial?.version == Build.version { trial.start() }
  }

  /// Blocking work goes to a thread of its own: a program is asked what it is.
  func answer(
    _ order: Aimstors_ProtoProgramOrder
  ) async throws(Failure) -> Aimstors_ProtoProgramState {
    let result = await Blocking.run("program") { [self] in try decide(order) }
    do { return try result.get() } catch let failure as Failure { throw failure } catch {
      throw Failure(.internalError, "an order could not be followed")
    }
  }

  private func decide(
    _ order: Aimstors_ProtoProgramOrder
  ) throws(Failure) -> Aimstors_ProtoProgramState {
    var state = Aimstors_ProtoProgramState()
    state.version = Build.version
    state.startedAtMs = startedAt
    state.readsLevel = FormatLevel.newest
    guard let version = ProgramVersion(order.version) else {
      throw Failure(.invalidField, "version: not the name of a version")
    }
    return try isEnding.withLock { isEnding throws(Failure) in
      if version.text == Build.version, !order.checkOnly { trial.reached() }
      guard !isEnding else {
        state.state = "restarting"
        return state
      }
      do throws(CommandFailure) {
        state.askedReadsLevel = try readsLevel(version)
        guard state.askedReadsLevel >= order.formatCeiling else {
          throw CommandFailure(
            .refused, code: FailureCode.formatCeiling.rawValue,
            detail: "\(version.text) reads format level \(state.askedReadsLevel), and up to "
              + "\(order.formatCeiling) may have been written")
        }
        state.state = order.checkOnly ? "running" : try follow(order, version, &isEnding)
      } catch {
        state.state = "failed"
        state.failure.code = error.code
        state.failure.detail = error.detail
      }
      return state
    }
  }

  private func readsLevel(_ version: ProgramVersion) throws(CommandFailure) -> UInt32 {
    if version.text == Build.version { return FormatLevel.newest }
    // The installed one need not lie among the releases, as long as it is what is installed.
    if version.text == installed.version, installed.stands(scratch: scratch) {
      return installed.readsLevel
    }
    return try releases.find(version, scratch: scratch).about.readsLevel
  }

  private func follow(
    _ order: Aimstors_ProtoProgramOrder, _ version: ProgramVersion, _ isEnding: inout Bool
  ) throws(CommandFailure) -> String {
    let before = try file.load()
    var slot = before
    var here = ProgramSlot.Here(
      running: Build.version, reads: FormatLevel.newest, installed: installed.version)
    if version.text == Build.version, order.confirm || slot.trial?.version != version.text {
      here.isReleased = (try? releases.safePath(version)) != nil
    }
    if order.confirm, version.text == Build.version {
      slot.confirm(ceiling: order.formatCeiling, here: here)
      if slot != before { try file.store(slot) }
      return "running"
    }
    let answer = slot.order(
      version.text, operation: order.operation, ceiling: order.formatCeiling, here: here)
    switch answer {
    case .runs:
      // Asked again and again while it is watched.
      if slot != before { try file.store(slot) }
      return "running"
    case .failed(let detail):
      throw CommandFailure(.refused, code: "not_started", detail: detail)
    case .restart:
      try file.store(slot)
      isEnding = true
      logger.notice(
        "ends for another version",
        metadata: ["version": "\(version.text)", "operation": "\(order.operation)"])
      _ = OwnThread(name: "program") {
        usleep(Self.answerMilliseconds * 1_000)
        // The ordinary end: services stop in order, and whoever supervises starts again.
        kill(getpid(), SIGTERM)
      }
      return "restarting"
    }
  }
}
