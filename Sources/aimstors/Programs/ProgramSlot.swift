/// Which version of the program a cell or follower runs, and what became of the last order.
///
/// Decides; the launcher acts. A version that was ordered is on trial until it is confirmed: after
/// ``attempts`` starts without that, the one before runs again. So what cannot start, or ends again
/// and again, is left without anybody's help. What was confirmed is never left by itself.
struct ProgramSlot: Codable, Hashable {
  /// Starts of a version on trial.
  static let attempts = 3

  struct Trial: Codable, Hashable {
    let version: String
    let operation: String
    var starts = 0
  }

  struct Failed: Codable, Hashable {
    let version: String
    let operation: String
    let detail: String
  }

  /// Nil: the installed one.
  private(set) var chosen: String?
  private(set) var trial: Trial?
  private(set) var failed: Failed?
  /// The format level that the version before the trial reads; nil: nobody knows.
  private(set) var reads: UInt32?
  /// Up to which level may have been written, as the orders said.
  private(set) var ceiling: UInt32?

  init() {}

  /// What an order is answered with.
  enum Answer: Hashable {
    /// The version runs already.
    case runs
    /// Start again: the launcher takes the version.
    case restart
    case failed(String)
  }

  /// The program that answers an order.
  struct Here: Hashable {
    /// Version and format level of what runs.
    let running: String
    let reads: UInt32
    /// The version that was installed here.
    let installed: String
    /// Whether what runs lies among the releases too, where it stays whatever is installed next.
    var isReleased = false
  }

  /// An order, or a repeat of one.
  mutating func order(
    _ version: String, operation: String, ceiling: UInt32, here: Here
  ) -> Answer {
    know(ceiling)
    if let failed, failed.operation == operation, failed.version == version {
      return .failed(failed.detail)
    }
    if here.running == version {
      // Also where it is what this process has begun with: the next start is the same.
      if trial?.version != version { choose(here) }
      return .runs
    }
    // From trial to trial, the one before stays what it was.
    if here.running == chosen ?? here.installed { reads = here.reads }
    failed = nil
    trial = Trial(version: version, operation: operation)
    return .restart
  }

  private mutating func know(_ level: UInt32) {
    if level > ceiling ?? 0 { ceiling = level }
  }

  /// The version that a start is to run; nil: the installed one.
  mutating func start(installed: String) -> String? {
    if var trial {
      // Below the ceiling no version may go: it would not read what stands there.
      if trial.starts < Self.attempts || !mayFallBack {
        trial.starts = min(trial.starts + 1, Self.attempts)
        self.trial = trial
        return trial.version == installed ? nil : trial.version
      }
      fail("\(trial.version) was started \(trial.starts) times and not confirmed")
    }
    return rest(installed: installed)
  }

  /// Whether the version before the trial reads what may have been written by now.
  var mayFallBack: Bool {
    guard let reads, let ceiling else { return true }
    return reads >= ceiling
  }

  /// The version that runs where nothing is tried; nil: the installed one.
  func rest(installed: String) -> String? { chosen == installed ? nil : chosen }

  /// What is on trial could not be run at all.
  mutating func couldNotRun(_ detail: String) { fail(detail) }

  /// What runs stays from now on.
  mutating func confirm(ceiling: UInt32, here: Here) {
    know(ceiling)
    choose(here)
  }

  private mutating func choose(_ here: Here) {
    chosen = here.running == here.installed && !here.isReleased ? nil : here.running
    trial = nil
    failed = nil
    reads = nil
  }

  private mutating func fail(_ detail: String) {
    guard let trial else { return }
    failed = Failed(version: trial.version, operation: trial.operation, detail: detail)
    self.trial = nil
  }
}
