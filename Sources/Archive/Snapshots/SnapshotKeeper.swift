import Logging
import Platform
import Storage
import Synchronization
import Wire

/// Takes snapshots of a cell's tenants when they are due.
final class SnapshotKeeper: UploadListener {
  /// How often it looks who is due.
  static let interval = Duration.seconds(1)
  /// Snapshots in one look, one after the other: neighbours must not feel them.
  static let perLook = 16
  /// How long a snapshot waits for the journal to be archived up to it.
  static let patience = Duration.seconds(5)
  /// When a tenant is tried again whose snapshot failed.
  static let retryMilliseconds: Int64 = 600_000
  /// Bytes of a record that was archived before this start, where only its number is known.
  static let assumedRecordBytes: UInt64 = 512

  private struct State {
    var tails: [TenantID: TenantTail] = [:]
    var wanted: Set<TenantID> = []
    /// On their way here, with a snapshot of what they come with.
    var imported: Set<TenantID> = []
    /// First records that were archived since the start.
    var begins: [TenantID: CellSeq] = [:]
    /// Whose last snapshot failed for a reason of its own.
    var failed: [TenantID: Failed] = [:]
    var isLoaded = false
  }
  private struct Failed {
    let text: String
    let at: Timestamp
  }

  let archive: Archive
  private let engine: StorageEngine
  private let cell: CellID
  private let generation: Generation
  private let scratch: String
  private let dataDirectory: String
  private let files: any FileSystem
  private let clock: any WallClock
  private let random: any RandomSource
  private let status: ArchiveState
  private let logger: Logger
  private let rule: SnapshotRule
  private let room: CopyRoom
  private let heads: HeadsWriter
  private let state = Mutex(State())

  init(_ environment: ArchiveEnvironment, heads: HeadsWriter, status: ArchiveState) {
    self.heads = heads
    archive = environment.archive
    engine = environment.engine
    cell = environment.cell
    generation = environment.generation
    dataDirectory = environment.dataDirectory
    scratch = StorageEngine.restoresDirectory(environment.dataDirectory) + "/snapshots"
    files = environment.files
    clock = environment.clock
    random = environment.random
    logger = environment.logger
    rule = environment.snapshots
    room = CopyRoom(environment.files)
    self.status = status
  }

  private var now: Timestamp { Timestamp(milliseconds: clock.milliseconds()) }

  func stored(_ span: JournalSpan, bytes: UInt64, _ records: [JournalRecord]) {
    let now = now
    state.withLock { state in
      for record in records {
        if record.identity.kind == .create {
          state.begins[record.identity.tenant] = record.position.cellSeq
        }
        // What it came with stands in no record of this cell.
        if record.identity.kind == .adopt, state.imported.remove(record.identity.tenant) == nil {
          state.wanted.insert(record.identity.tenant)
        }
        state.tails[record.identity.tenant, default: TenantTail()].add(
          bytes: record.payload.count + 256, isSchemaStep: record.identity.kind == .schemaStep,
          at: now)
      }
    }
  }

  /// Has a snapshot taken at the next look, whatever the rule says.
  func want(_ tenant: TenantID) { state.withLock { _ = $0.wanted.insert(tenant) } }

  /// Counts a tenant's tail as behind a snapshot that the archive has already.
  func broughtBack(_ tenant: TenantID, snapshotBytes: UInt64) {
    state.withLock { $0.tails[tenant, default: TenantTail()].snapshotBytes = snapshotBytes }
  }

  func run() async {
    while !Task.isCancelled {
      await look()
      try? await Task.sleep(for: Self.interval)
    }
  }

  /// One look: snapshots of who is due, and heads where they are.
  func look() async {
    do {
      try await load()
      let now = now
      let due = state.withLock { state in
        let due =
          state.wanted.sorted()
          + state.tails.filter { rule.isDue($0.value, at: now) && !state.wanted.contains($0.key) }
          .map(\.key).sorted()
        return due.filter { tenant in
          guard let failed = state.failed[tenant] else { return true }
          return now.milliseconds - failed.at.milliseconds >= Self.retryMilliseconds
        }
      }
      var patience = Self.patience
      var taken = 0
      for tenant in due where taken < Self.perLook && !Task.isCancelled {
        // Where one has waited in vain the others of this look do not wait.
        if try await attempt(tenant, patience) { taken += 1 } else { patience = .zero }
      }
      try await heads.look(at: now)
      let failed = state.withLock { $0.failed.min { $0.key < $1.key } }
      if let failed {
        status.add(Self.failing, "\(failed.key): \(failed.value.text)", at: now)
      } else {
        status.resolve(Self.failing)
      }
    } catch {
      status.add(Self.failing, "\(error)", at: now)
      logger.error("snapshots", metadata: ["error": "\(error)"])
    }
  }

  private static let failing = "archive_snapshots_failing"

  /// Takes a snapshot of one that is due.
  ///
  /// What is wrong with one tenant's files keeps no other from its turn; what is wrong with the
  /// archive is thrown. Answers whether the journal was archived up to it.
  private func attempt(_ tenant: TenantID, _ patience: Duration) async throws -> Bool {
    do {
      try await snapshot(tenant, patience: patience)
      state.withLock { $0.failed[tenant] = nil }
    } catch is NotArchivedYet {
      return false
    } catch {
      if let error = error as? ArchiveError, error.mayPass || error.isOfAll { throw error }
      logger.error("a snapshot", metadata: ["tenant": "\(tenant)", "error": "\(error)"])
      let now = now
      state.withLock { $0.failed[tenant] = Failed(text: "\(error)", at: now) }
    }
    return true
  }

  /// At the first look: what the archive has of each tenant, and what its history has since.
  private func load() async throws(ArchiveError) {
    guard !state.withLock({ $0.isLoaded }) else { return }
    var stored = try await archive.tenants()
    for own in stored.keys.filter(Archive.isCellsOwn) {
      stored[own] = try await archive.snapshots(own, of: cell).first.flatMap {
        SnapshotName($0.name)
      }
    }
    let heads = engine.servedHeads
    let now = now
    state.withLock { state in
      for (tenant, head) in heads {
        var tail = state.tails[tenant] ?? TenantTail()
        let last = stored[tenant]
        let since =
          head.tenantSeq.rawValue - min(head.tenantSeq.rawValue, last?.tenantSeq.rawValue ?? 0)
        tail.records = max(tail.records, since)
        tail.bytes = max(tail.bytes, since * Self.assumedRecordBytes)
        if since > 0 { tail.since = tail.since ?? now }
        if last != nil { tail.snapshotBytes = 0 }
        state.tails[tenant] = tail
      }
      state.isLoaded = true
    }
  }

  /// Takes and stores a snapshot now.
  @discardableResult
  func snapshot(
    _ tenant: TenantID, patience: Duration = SnapshotKeeper.patience
  ) async throws -> SnapshotManifest? {
    let before = state.withLock { $0.tails[tenant] ?? TenantTail() }
    let place = "\(scratch)/\(tenant).\(ArchiveHex.encode(random.uint64()))"
    do {
      // Before the copy, too: one that is written to all the time is not copied in vain.
      if let head = engine.heads[tenant], head.ownership.isServed {
        try await untilArchived(head.cellSeq, patience)
      }
      try await demandRoom(tenant)
      let taken = try await engine.snapshot(tenant, into: place)
      let ownership = taken.head.ownership
      guard ownership != .released, ownership != .refused else {
        throw Failure(.moved, "\(tenant) is another cell's")
      }
      // Records without a file: somebody has removed the files, and the archive's last word on the
      // tenant would be that it has nothing.
      guard !taken.files.isEmpty || taken.head.tenantSeq <= TenantSeq(1) else {
        throw Failure(.tenantStopped, "the files of \(tenant) are gone")
      }
      let writer = SnapshotWriter(archive: archive, files: files, random: random)
      var subject = SnapshotWriter.Subject(
        tenant: tenant, cell: cell, generation: generation, head: taken.head, takenAt: now,
        files: taken.files, media: taken.media)
      subject.beginsAt = state.withLock { $0.begins[tenant] }
      subject.isImport = !ownership.isServed
      subject.isBase = subject.isImport
      if !subject.isImport { try await untilArchived(taken.head.cellSeq, patience) }
      let manifest = try await writer.store(
        subject, from: place,
        media: "\(TenantDirectory.of(tenant, in: dataDirectory))/media")
      await clear(place)
      status.change { status in
        status.snapshots += 1
        status.longestPauseNanoseconds = max(
          status.longestPauseNanoseconds, taken.pauseNanoseconds)
      }
      state.withLock { state in
        state.wanted.remove(tenant)
        if manifest.isImport == true { state.imported.insert(tenant) }
        // What was archived while it was taken stays counted.
        let after = state.tails[tenant] ?? TenantTail()
        var rest = TenantTail()
        rest.records = after.records - min(after.records, before.records)
        rest.bytes = after.bytes - min(after.bytes, before.bytes)
        rest.since = rest.records > 0 ? now : nil
        rest.snapshotBytes = manifest.bytes
        state.tails[tenant] = rest
      }
      return manifest
    } catch let failure as Failure where Self.isTenantsOwn(failure) {
      // Stopped, gone or busy: its own problem says so, and the others must not wait for it.
      await clear(place)
      state.withLock { $0.tails[tenant]?.since = now }
      return nil
    } catch {
      await clear(place)
      throw error
    }
  }

  /// Waits until the journal is archived up to a snapshot, which shows from then on that it was:
  /// where it ends earlier one day, objects were lost (``ArchivedReach``).
  ///
  /// Throws ``NotArchivedYet`` where that takes longer than `patience`.
  private func untilArchived(_ position: CellSeq, _ patience: Duration) async throws {
    let end = ContinuousClock.now + patience
    while !isArchived(position) {
      guard .now < end, (try? await Task.sleep(for: .milliseconds(20))) != nil else {
        throw NotArchivedYet(position: position)
      }
    }
  }

  /// Not `archive_incomplete`: which of two histories is the true one is not known then.
  private static let lasting: Set = [
    "archive_journal_unreadable", "archive_object_damaged", "archive_object_missing",
    "archive_object_truncated", "archive_object_swapped", "archive_conflict",
  ]

  private func isArchived(_ position: CellSeq) -> Bool {
    // A journal that cannot be archived: a snapshot is what saves its records.
    if status.status.problems.contains(where: { Self.lasting.contains($0.code) }) { return true }
    guard let through = heads.archived?.through else { return !heads.isExpected }
    return through >= position
  }

  /// A copy of a large tenant must not be what fills the disk: everybody's journal is on it.
  private func demandRoom(_ tenant: TenantID) async throws(ArchiveError) {
    let (files, room, scratch) = (files, room, dataDirectory)
    let directory = TenantDirectory.of(tenant, in: dataDirectory)
    try await ArchiveThread.run(otherwise: { .incomplete($0) }) {
      guard try files.exists(directory) else { return }
      var bytes: UInt64 = 0
      for name in try files.list(directory) where name.contains(".sqlite") {
        let file = try files.open("\(directory)/\(name)", .read)
        defer { file.close() }
        bytes += try file.length()
      }
      try room.demand(bytes, in: scratch)
    }
  }

  private static func isTenantsOwn(_ failure: Failure) -> Bool {
    [.tenantStopped, .recovering, .notFound, .moved].contains(failure.code)
  }

  private func clear(_ place: String) async {
    let files = files
    _ = await Blocking.run("archive") { try FileTree.remove(place, files) }
  }
}

/// A snapshot that is further than the archived journal.
struct NotArchivedYet: Error, CustomStringConvertible {
  let position: CellSeq

  var description: String { "the journal is not archived up to position \(position.rawValue) yet" }
}
