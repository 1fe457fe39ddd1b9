import Logging
import Platform
import Storage
import Wire

/// What the archive of one cell works with.
public struct ArchiveEnvironment: Sendable {
  public var archive: Archive
  public var engine: StorageEngine
  public var cell: CellID
  public var generation: Generation
  /// The cell's data directory.
  public var dataDirectory: String
  /// What a tenant's files hold.
  public var schema: @Sendable (TenantID) -> StoreSchema
  public var files: any FileSystem
  public var clock: any WallClock
  public var random: any RandomSource
  public var logger: Logger
  public var retention = Retention.standard
  /// Cells that nobody is on any more, where this process knows.
  public var retiredCells: @Sendable () async throws -> Set<CellID> = { [] }
  var snapshots = SnapshotRule()
  /// Whether it looks by itself who is due a snapshot; false: only when it is asked to.
  var looksForSnapshots = true
  var merging = MergeRule()
  /// How often every tenant is restored from the archive, in milliseconds.
  public var drillMilliseconds: Int64 = 20 * 3_600_000

  public init(
    archive: Archive, engine: StorageEngine, cell: CellID, generation: Generation,
    dataDirectory: String, schema: @escaping @Sendable (TenantID) -> StoreSchema,
    files: any FileSystem, clock: any WallClock, random: any RandomSource, logger: Logger
  ) {
    self.archive = archive
    self.engine = engine
    self.cell = cell
    self.generation = generation
    self.dataDirectory = dataDirectory
    self.schema = schema
    self.files = files
    self.clock = clock
    self.random = random
    self.logger = logger
  }
}

/// The archive of one running cell: uploads, snapshots, drills; and restores beside what is served.
public final class ArchiveService: Sendable {
  let environment: ArchiveEnvironment
  private let state = ArchiveState()
  private let heads: HeadsWriter
  private let uploader: JournalUploader
  private let old: OldObjects
  private let merger: JournalMerger
  private let keeper: SnapshotKeeper
  private let drill: RestoreDrill

  public init(_ environment: ArchiveEnvironment) {
    self.environment = environment
    let heads = HeadsWriter(environment)
    self.heads = heads
    let keeper = SnapshotKeeper(environment, heads: heads, status: state)
    self.keeper = keeper
    old = OldObjects(environment, heads: heads, status: state) { keeper.want($0) }
    merger = JournalMerger(environment, status: state)
    drill = RestoreDrill(environment, status: state)
    uploader = JournalUploader(
      archive: environment.archive, engine: environment.engine, cell: environment.cell,
      generation: environment.generation, clock: environment.clock, state: state,
      logger: environment.logger, listeners: [heads, merger, keeper])
  }

  /// Runs until the task is cancelled.
  public func run() async {
    heads.expect()
    await withTaskGroup(of: Void.self) { group in
      group.addTask { await self.uploader.run() }
      group.addTask { await self.merger.run() }
      if self.environment.looksForSnapshots { group.addTask { await self.keeper.run() } }
      group.addTask { await self.old.run() }
      group.addTask { await self.drill.run() }
    }
  }

  private var now: Timestamp { Timestamp(milliseconds: environment.clock.milliseconds()) }

  public var status: ArchiveStatus { state.status }

  /// What an operator is told: not of a store that stumbles for a moment, but of one that is slow
  /// for longer.
  public var problems: [ArchiveProblem] {
    let now = now
    func isLong(_ since: Timestamp) -> Bool {
      now.milliseconds - since.milliseconds >= ArchiveLimits.lagAlertMilliseconds
    }
    var problems = state.status.problems.filter {
      $0.code != "archive_unreachable" || isLong($0.since)
    }
    if problems.isEmpty, let since = lag.since, isLong(since) {
      problems.append(
        ArchiveProblem(
          code: "archive_lagging", since: since,
          detail: "\(lag.records) records are durable and not archived"))
    }
    return problems
  }
  public var cell: CellID { environment.cell }

  /// The higher generation that has claimed this cell's journal; nil: none was seen.
  public var fencedBy: Generation? { state.status.fencedBy }

  /// How many records, and since when, wait to be archived.
  public var lag: (records: UInt64, since: Timestamp?) {
    let last = environment.engine.journal?.lastSeq.rawValue ?? 0
    let archived = state.status.archived?.rawValue ?? 0
    return (last - min(last, archived), state.status.waitingSince)
  }

  /// Waits until everything that is durable now is in the archive; false where the time is over.
  public func waitUntilArchived(seconds: Int) async -> Bool {
    guard let wanted = environment.engine.journal?.lastSeq else { return false }
    for _ in 0..<(seconds * 20) {
      if let through = uploader.archivedThrough, through >= wanted { return true }
      do { try await Task.sleep(for: .milliseconds(50)) } catch { return false }
    }
    return false
  }

  /// A tenant was brought back from a snapshot of so many bytes: the next one is due by its tail.
  public func broughtBack(_ tenant: TenantID, snapshotBytes: UInt64) {
    keeper.broughtBack(tenant, snapshotBytes: snapshotBytes)
  }

  /// Takes a snapshot of one tenant now, behind a journal that is archived up to it.
  public func snapshot(_ tenant: TenantID) async throws -> SnapshotManifest? {
    do { return try await keeper.snapshot(tenant) } catch let error as NotArchivedYet {
      throw ArchiveError.unreachable("\(error)")
    }
  }

  /// Takes a snapshot of what a tenant on its way here comes with: no record of this cell makes it.
  public func keepImport(_ tenant: TenantID) async throws {
    guard try await keeper.snapshot(tenant)?.isImport == true else {
      throw Failure(.conflict, "\(tenant) is not on its way here any more")
    }
  }

  /// Merges small objects of the journal, and removes what was merged an hour ago; each minute by
  /// itself.
  func mergeJournal() async { await merger.look() }

  /// Takes the snapshots that are due; each second by itself.
  func lookForSnapshots() async { await keeper.look() }

  /// Removes what no restore to a point of the window needs; hourly by itself.
  func removeOld() async throws { try await old.removeArchived(at: now) }

  /// Removes files that a restore replaced a window ago; hourly by itself.
  func removeReplaced() async throws { try await old.removeReplaced(at: now) }

  /// Restores every tenant now and reports; see ``RestoreDrill``.
  public func drillNow() async -> [DrillResult] { await drill.round() }
}

/// Waits of the archive that a caller feels.
public enum ArchiveLimits {
  /// A restore waits so long for the archive to have what is durable.
  public static let catchUpSeconds = 30
  /// A start waits so long for the archive to say who has the journal and where it ends; then it
  /// goes on without its word.
  public static let startSeconds = 5
  /// An alert: a tenant was not restored and checked for so long.
  public static let drillAlertMilliseconds: Int64 = 26 * 3_600_000
  /// An alert: the oldest group that is not archived has waited so long.
  public static let lagAlertMilliseconds: Int64 = 10_000
}
