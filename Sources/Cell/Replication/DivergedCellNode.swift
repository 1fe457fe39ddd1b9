import Edge
import Platform
import ServiceLifecycle
import Synchronization
import Wire

/// A primary whose journal and that of a follower have two groups under one number: it serves
/// nothing and says so, and looks again after a while.
///
/// Nothing is merged, and nobody guesses which of the two is true.
public final class DivergedCellNode: Service {
  private let configuration: CellConfiguration
  private let follower: String
  private let since: Timestamp
  private let isOver = Mutex(false)

  public init(configuration: CellConfiguration, follower: String, clock: any WallClock) {
    self.configuration = configuration
    self.follower = follower
    since = Timestamp(milliseconds: clock.milliseconds())
  }

  /// Whether the process may start anew, to compare once more; false: it was told to stop.
  public var looksAgain: Bool { isOver.withLock { $0 } }

  public func run() async throws {
    await cancelWhenGracefulShutdown {
      guard (try? await Task.sleep(for: ReplicationLimits.divergedPause)) != nil else { return }
      self.isOver.withLock { $0 = true }
    }
  }

  public func health() -> HealthReport {
    HealthReport(
      role: "cell", id: configuration.id.rawValue, version: configuration.version, ready: false,
      problems: [
        .init(
          code: "replicas_differ", since: since, runbook: Runbook.page("replicas_differ"),
          detail: "the journal differs from that of follower \(follower): neither goes on")
      ])
  }
}
