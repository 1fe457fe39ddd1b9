import Archive
import Edge
import Logging
import Platform
import ServiceLifecycle
import Storage
import Wire

/// A process of a cell that another generation has taken over, and that has nobody to follow:
/// restored on another disk, or spread over other cells.
///
/// It serves nothing and says so. What its journal has and the archive has not stays on its disk,
/// for whoever wants to read it.
public struct EndedCellNode: Service {
  let configuration: CellConfiguration
  let generation: Generation
  let since: Timestamp

  public init(configuration: CellConfiguration, generation: Generation, clock: any WallClock) {
    self.configuration = configuration
    self.generation = generation
    since = Timestamp(milliseconds: clock.milliseconds())
  }

  /// The higher generation that has claimed the journal of a cell without followers; nil: none has,
  /// or the archive does not say in time.
  ///
  /// A start does not wait for an archive that is away: the uploader, the control plane and routers
  /// tell a replaced process later, and it stops then.
  public static func successor(
    of generation: Generation, cell: CellID, archive: Archive, logger: Logger
  ) async throws -> Generation? {
    let claimed = await BoundedAnswer.within(seconds: ArchiveLimits.startSeconds) {
      () -> Result<Generation?, ArchiveError>? in
      while !Task.isCancelled {
        do throws(ArchiveError) {
          return .success(try await archive.claims(cell).map(\.generation).max())
        } catch {
          guard error.mayPass else { return .failure(error) }
          logger.warning(
            "the archive does not say who has this cell", metadata: ["reason": "\(error)"])
        }
        try? await Task.sleep(for: CellLimits.joinRetryMinimum)
      }
      return nil
    }
    guard let claimed, let highest = try claimed?.get() else { return nil }
    return highest > generation ? highest : nil
  }

  static let spreadDetail = "this cell was spread over others: its process is to be removed"

  public func run() async throws { try await gracefulShutdown() }

  public func health() -> HealthReport {
    let what =
      generation == .ended
      ? Self.spreadDetail
      : "generation \(generation.rawValue) of this cell has taken over"
    return HealthReport(
      role: "cell", id: configuration.id.rawValue, version: configuration.version, ready: false,
      problems: [
        .init(
          code: "cell_ended", since: since, runbook: Runbook.page("cell_lost"), detail: what)
      ])
  }
}
