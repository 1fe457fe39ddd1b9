/// What one run is made of; chances are per mille.
public struct SimulationOptions: Sendable {
  /// A rule that the run breaks, to prove that its invariants would see it.
  public enum BrokenRule: String, Sendable, CaseIterable {
    /// Answers before the record is durable.
    case ackBeforeFsync = "ack-before-fsync"
    /// Runs a command again although its key has an answer.
    case forgetDedupe = "forget-dedupe"
    /// Serves what was read at opening without making it durable first.
    case answerFromPageCache = "answer-from-page-cache"
    /// A cell goes on serving a tenant that it has released, under the epoch before.
    case skipEpochCheck = "skip-epoch-check"
    /// The control plane takes a cell's older generation for the newest.
    case skipGenerationCheck = "skip-generation-check"
    /// The cells of a move take each other's last records for the same without comparing.
    case skipHashCheck = "skip-hash-check"
    /// A move's source that does not hear of the adoption serves the tenant again.
    case resumeAfterRelease = "resume-after-release"
  }

  public var brokenRule: BrokenRule?
  public var cells = 3
  public var routers = 2
  public var clients = 4
  public var tenants = 4
  /// Simulated time with faults; then everything heals and must come to its end.
  public var faultyMilliseconds = 2_500
  public var healingMilliseconds = 30_000
  public var dropped = 30
  public var duplicated = 30
  /// A client's next operation repeats a key that was answered before.
  public var repeated = 150
  public var claims = 80
  /// A tenant at rest is sent to another cell, each time that the control plane looks at it.
  public var moves = 30
  /// A target declines: as it gets the copy, or as it is asked to be ready.
  public var movesRefused = 40
  /// A move is cancelled, each time that the control plane looks at it.
  public var movesCancelled = 40

  public init() {}
}
