/// Which version of the program a cell or follower runs, and what became of the last order.
///
/// Decides; the launcher acts. A version that was ordered is on trial until it is confirmed: after
/// ``attempts`` starts without that, the one before runs again. So what cannot start, or ends again
/// and again, is left without anybody's help.
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

  init() {}

  /// What becomes of an order.
  enum Answer: Hashable {
    /// The version runs already.
    case runs
    /// Start again: the launcher takes the version.
    case restart
    case failed(String)
  }

  /// An order, or a repeat of one, while `running` runs; `installed` is what was installed here.
  mutating func order(
    _ version: String, operation: String, running: String, installed: String
  ) -> Answer {
    if let failed, failed.operation == operation, failed.version == version {
      return .failed(failed.detail)
    }
    if running == version {
      // Also where it is what this process has begun with: the next start is the same.
      if trial?.version != version { choose(version, installed: installed) }
      return .runs
    }
    failed = nil
    trial = Trial(version: version, operation: operation)
    return .restart
  }

  /// The version that a start is to run; nil: the installed one.
  mutating func start(installed: String) -> String? {
    if var trial {
      if trial.starts < Self.attempts {
        trial.starts += 1
        self.trial = trial
        return trial.version == installed ? nil : trial.version
      }
      fail("\(trial.version) was started \(trial.starts) times and not confirmed")
    }
    return chosen
  }

  /// What was started could not be run at all.
  mutating func couldNotRun(_ detail: String) {
    if trial != nil { fail(detail) } else { chosen = nil }
  }

  /// `running` is what runs from now on.
  mutating func confirm(running: String, installed: String) {
    choose(running, installed: installed)
  }

  private mutating func choose(_ version: String, installed: String) {
    chosen = version == installed ? nil : version
    trial = nil
    failed = nil
  }

  private mutating func fail(_ detail: String) {
    guard let trial else { return }
    failed = Failed(version: trial.version, operation: trial.operation, detail: detail)
    self.trial = nil
  }
}
