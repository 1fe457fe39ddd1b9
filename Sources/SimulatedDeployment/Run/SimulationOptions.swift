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
    /// A journal is trimmed of records that files may lack.
    case trimUnflushed = "trim-unflushed"
    /// Answers what found no room on a full disk as if it were durable.
    case answerOnFullDisk = "answer-on-full-disk"
    /// A record has its cell's time, also where that is before the tenant's.
    case takeClock = "take-clock"
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

  /// Short, so that there are some to be trimmed.
  public var segmentBytes = 2 * 1024
  public var reserveBytes = 4 * 1024
  /// Files are made durable, and the journal trimmed, where a start would read more.
  public var replayBytes = 2 * 1024
  public var trims = true
  /// A disk has no more than some of ``roomLeft`` bytes left for a while, each time that disks and
  /// clocks are looked at.
  public var fullDisks = 350
  public var roomLeft = 3 * 1024
  /// A cell's wall clock is set, forwards or backwards.
  public var clockSteps = 350

  public init() {}

  /// The same without trimming, full disks and clocks that are set: a seed's choices and events are
  /// those that it had before there was any of it.
  public var plain: SimulationOptions {
    var options = self
    options.segmentBytes = 16 * 1024
    options.reserveBytes = 0
    options.trims = false
    options.fullDisks = 0
    options.clockSteps = 0
    return options
  }
}
