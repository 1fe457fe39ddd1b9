import Logging
import Platform
import Storage
import Wire

/// Removes what no restore to a point of the window needs: of the archive, and of the disk.
struct OldObjects: Sendable {
  static let interval = Duration.seconds(3_600)
  /// Until it is known where the archive ends.
  static let beginning = Duration.seconds(5)
  private static let replacedMark = "replaced-at"

  private let archive: Archive
  private let engine: StorageEngine
  private let cell: CellID
  private let dataDirectory: String
  private let files: any FileSystem
  private let retention: Retention
  private let retired: RetiredJournals
  private let heads: HeadsWriter
  /// Has a snapshot taken of a tenant.
  private let want: @Sendable (TenantID) -> Void
  private let clock: any WallClock
  private let status: ArchiveState
  private let logger: Logger

  init(
    _ environment: ArchiveEnvironment, heads: HeadsWriter, status: ArchiveState,
    want: @escaping @Sendable (TenantID) -> Void
  ) {
    self.want = want
    self.heads = heads
    self.status = status
    clock = environment.clock
    logger = environment.logger
    archive = environment.archive
    engine = environment.engine
    cell = environment.cell
    dataDirectory = environment.dataDirectory
    files = environment.files
    retention = environment.retention
    retired = RetiredJournals(environment)
  }

  /// Removes them at once and every hour, until the task is cancelled.
  func run() async {
    while !Task.isCancelled {
      let now = now
      do {
        try await remove(at: now)
        status.resolve(Self.failing)
      } catch {
        status.add(Self.failing, "\(error)", at: now)
        logger.error("old objects", metadata: ["error": "\(error)"])
      }
      try? await Task.sleep(for: heads.archived == nil ? Self.beginning : Self.interval)
    }
  }

  private static let failing = "archive_removal_failing"

  private var now: Timestamp { Timestamp(milliseconds: clock.milliseconds()) }

  private func remove(at now: Timestamp) async throws {
    try await removeArchived(at: now)
    try await removeReplaced(at: now)
    try await retired.look(at: now)
  }

  /// Snapshots and journal objects, with the heads that stand in what goes.
  func removeArchived(at now: Timestamp) async throws {
    guard heads.archived != nil, status.status.fencedBy == nil else { return }
    let reading = try await archive.journal(cell)
    // Of what is listed no record is unknown: what was archived since is not looked at.
    guard let archived = heads.archived else { return }
    let spans = reading.spans.filter { $0.last <= archived.through }
    var index = try await HeadsIndex(archive, cell)
    var needs: [Retention.Need] = []
    var claims: [CellID: [Claim]] = [:]
    for (tenant, head) in engine.heads.sorted(by: { $0.key < $1.key }) {
      var (snapshots, ignored) = try await archive.snapshots(tenant, &claims)
      if Archive.isCellsOwn(tenant) { snapshots.removeAll { $0.cell != cell } }
      for old in retention.removable(snapshots, at: now) + retention.old(ignored, at: now) {
        try await remove(old)
      }
      let last = max(head.tenantSeq, archived.heads[tenant]?.tenantSeq ?? head.tenantSeq)
      let begin = try await begin(snapshots, &index)
      needs.append(
        retention.need(snapshots, of: cell, last: last, at: now, idleThrough: begin))
      // A restore of the last record must not go over a gap.
      if let gap = reading.gaps.last, head.ownership.isServed, begin < gap.upperBound {
        want(tenant)
      }
    }
    note(reading.gaps)
    // The last object stays: it says where the archive ends.
    let gone = Retention.removable(spans, needs: needs).filter {
      $0 != reading.spans.last
    }
    for span in gone { try await archive.objects.remove(ArchiveNames.journal(cell, span)) }
    guard let last = gone.last?.last else { return }
    for heads in try await archive.heads(cell) where heads.through < last {
      try await archive.objects.remove(ArchiveNames.heads(cell, heads))
    }
  }

  /// Behind which position a restore of the last record begins to read; 0 without a snapshot here.
  private func begin(
    _ snapshots: [SnapshotManifest], _ index: inout HeadsIndex
  ) async throws(ArchiveError) -> CellSeq {
    let own = snapshots.filter { $0.cell == cell }.max { $0.position < $1.position }
    guard let own else { return CellSeq(0) }
    return try await index.position(behind: own)
  }

  /// Names positions that no object has; the points between are lost, later ones are not.
  private func note(_ gaps: [ClosedRange<CellSeq>]) {
    guard let first = gaps.first else { return status.resolve("archive_gap") }
    status.add(
      "archive_gap",
      "\(gaps.count) ranges of positions are in no object, such as \(first.lowerBound.rawValue) to "
        + "\(first.upperBound.rawValue)", at: now)
  }

  private func remove(_ snapshot: SnapshotManifest) async throws {
    // The manifest first: parts without one are a snapshot that never was.
    try await archive.objects.remove(ArchiveNames.manifest(snapshot.tenant, snapshot.name))
    for part in snapshot.files.flatMap(\.parts) {
      try await archive.objects.remove(
        ArchiveNames.part(snapshot.tenant, snapshot.name, part.number))
    }
  }

  /// Files that a restore replaced, so long after they were first seen here.
  ///
  /// When that was stands in a file among them: they came by a rename, which leaves no time.
  func removeReplaced(at now: Timestamp) async throws {
    let (directory, files) = (StorageEngine.replacedDirectory(dataDirectory), files)
    let (now, window) = (now.milliseconds, retention.windowMilliseconds)
    try await Blocking.run("archive") {
      guard try files.exists(directory) else { return }
      for name in try files.list(directory) {
        let mark = "\(directory)/\(name)/\(Self.replacedMark)"
        let text = (try? FileTree.bytes(mark, files)).map { String(decoding: $0, as: UTF8.self) }
        if let since = text.flatMap({ Int64($0) }) {
          guard now - since >= window else { continue }
          try FileTree.remove("\(directory)/\(name)", files)
        } else {
          try FileTree.write(Array("\(now)".utf8), to: mark, files)
        }
      }
    }.get()
  }
}
