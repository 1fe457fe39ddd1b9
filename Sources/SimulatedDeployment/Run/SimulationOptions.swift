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

  public init() {}
}
