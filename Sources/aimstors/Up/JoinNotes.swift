import Platform
import Storage

/// Whether a cell on this machine needs a token to join by.
enum JoinNeed: Hashable {
  /// It has joined: its credential is in its own store.
  case nothing
  /// It has a journal, and nobody has noted that it joined: what it has, it serves without.
  case perhaps
  /// It begins anew, or waits on a lost disk to be restored.
  case token

  /// What becomes of a cell that got no token.
  enum Course: Hashable {
    case starts
    /// Until the control plane answers.
    case waits
    /// It serves nothing, and says why: `join_refused`, or `cell_lost` on a lost disk.
    case startsBare
  }

  init(hasJournal: Bool, hasJoined: Bool) {
    self = !hasJournal ? .token : hasJoined ? .nothing : .perhaps
  }

  /// `isAway`: the control plane does not answer; else it has refused.
  func withoutToken(isAway: Bool) -> Course {
    switch self {
    case .nothing, .perhaps: .starts
    case .token: isAway ? .waits : .startsBare
    }
  }
}

/// Which cells of this machine have joined: an empty file in each one's data directory, so that it
/// is lost with the credential.
///
/// A cell itself says whether it has joined; nobody has to be asked in an operator's name.
struct JoinNotes {
  private static let name = "joined"
  static let lookMilliseconds = 1_000

  func need(of cell: ProcessPlan) throws(CommandFailure) -> JoinNeed {
    let files = LiveFileSystem()
    let directory = cell.dataDirectory
    do {
      return JoinNeed(
        hasJournal: try !JournalSeed.isEmpty(dataDirectory: directory, files: files),
        hasJoined: try files.exists(Self.path(directory)))
    } catch {
      throw CommandFailure(.refused, code: "file_error", detail: "\(directory): \(error)")
    }
  }

  /// Whether these are cells alone, each of which begins anew: without the control plane nothing of
  /// them is of use.
  func areAllNew(_ processes: [ProcessPlan]) throws(CommandFailure) -> Bool {
    for process in processes {
      guard process.role == .cell else { return false }
      guard try need(of: process) == .token else { return false }
    }
    return !processes.isEmpty
  }

  func note(_ cell: ProcessPlan) throws(CommandFailure) {
    try PrivateFile.write([], to: Self.path(cell.dataDirectory))
  }

  /// Notes each cell of `supervisor` that says it has joined, until the task is cancelled.
  func watch(_ supervisor: Supervisor) async {
    var noted: Set<String> = []
    while !Task.isCancelled {
      for cell in await supervisor.cells() where !noted.contains(cell.id) {
        guard await supervisor.hasJoined(cell) else { continue }
        do throws(CommandFailure) { try note(cell) } catch {
          Console.error("\(cell.id): \(error.code): \(error.detail)")
        }
        noted.insert(cell.id)
      }
      try? await Task.sleep(for: .milliseconds(Self.lookMilliseconds))
    }
  }

  /// Waits until each of `cells` says that it has joined, for a bounded time; answers who does.
  ///
  /// Before that the control plane places no tenant there. One that does not join keeps the others
  /// from nothing; throws `not_joined` where none does.
  func wait(
    for cells: Set<String>, _ supervisor: Supervisor
  ) async throws(BootstrapFailure) -> Set<String> {
    let deadline = ContinuousClock.now + .seconds(Bootstrap.answerSeconds)
    var joined: Set<String> = []
    while true {
      for cell in await supervisor.cells() where cells.subtracting(joined).contains(cell.id) {
        if await supervisor.hasJoined(cell) { joined.insert(cell.id) }
      }
      if joined == cells { return joined }
      guard ContinuousClock.now < deadline, !Task.isCancelled else { break }
      try? await Task.sleep(for: .milliseconds(100))
    }
    let missing = cells.subtracting(joined).sorted().joined(separator: ", ")
    let detail = "did not join within \(Bootstrap.answerSeconds) s: \(missing)"
    guard !joined.isEmpty else {
      throw BootstrapFailure(
        CommandFailure(.timedOut, code: "not_joined", detail: detail), mayPass: true)
    }
    Console.error(detail)
    return joined
  }

  private static func path(_ directory: String) -> String { "\(directory)/\(name)" }
}
