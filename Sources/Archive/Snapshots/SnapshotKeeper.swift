import Logging
import Platform
import Storage
import Synchronization
import Wire

/// Takes snapshots of a cell's tenants when they are due, and removes what no restore needs.
final class SnapshotKeeper: Sendable {
  /// How often it looks who is due.
  static let interval = Duration.seconds(1)
  /// Snapshots in one look, one after the other: neighbours must not feel them.
  static let perLook = 16
  /// How often old objects are removed.
  static let removalMilliseconds: Int64 = 3_600_000
  /// Bytes of a record that was archived before this start, where only its number is known.
  static let assumedRecordBytes: UInt64 = 512

  private static let replacedMark = "replaced-at"

  private struct State {
    var tails: [TenantID: TenantTail] = [:]
    var wanted: Set<TenantID> = []
    /// On their way here, with a snapshot of what they come with.
    var imported: Set<TenantID> = []
    /// First records that were archived since the start.
    var begins: [TenantID: CellSeq] = [:]
    var isLoaded = false
    var removedAt: Timestamp?
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
  private let retention: Retention
  private let retired: RetiredJournals
  private let state = Mutex(State())

  init(_ environment: ArchiveEnvironment, status: ArchiveState) {
    archive = environment.archive
    engine = environment.engine
    cell = environment.cell
    generation = environment.generation
    dataDirectory = environment.dataDirectory
    scratch = environment.dataDirectory + "/snapshots"
    files = environment.files
    clock = environment.clock
    random = environment.random
    logger = environment.logger
    rule = environment.snapshots
    retention = environment.retention
    retired = RetiredJournals(environment)
    self.status = status
  }

  private var now: Timestamp { Timestamp(milliseconds: clock.milliseconds()) }

  /// Hears of what was archived.
  func archived(_ records: [JournalRecord]) {
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

  /// One look: snapshots of who is due, then removal where an hour is over.
  func look() async {
    do {
      try await load()
      let now = now
      let due = state.withLock { state in
        state.wanted.sorted()
          + state.tails.filter { rule.isDue($0.value, at: now) && !state.wanted.contains($0.key) }
          .map(\.key).sorted()
      }
      for tenant in due.prefix(Self.perLook) where !Task.isCancelled { try await snapshot(tenant) }
      let isDue = state.withLock { state in
        guard let last = state.removedAt else { return true }
        return now.milliseconds - last.milliseconds >= Self.removalMilliseconds
      }
      if isDue {
        try await removeOld()
        try await removeReplaced()
        try await retired.look(at: now)
        state.withLock { $0.removedAt = now }
      }
      status.resolve("archive_snapshots_failing")
    } catch {
      status.add("archive_snapshots_failing", "\(error)", at: now)
      logger.error("snapshots", metadata: ["error": "\(error)"])
    }
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
  func snapshot(_ tenant: TenantID) async throws -> SnapshotManifest? {
    let before = state.withLock { $0.tails[tenant] ?? TenantTail() }
    let place = "\(scratch)/\(tenant).\(ArchiveHex.encode(random.uint64()))"
    do {
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
      let manifest = try await writer.store(
        subject, from: place, media: "\(dataDirectory)/tenants/\(tenant)/media")
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

  private static func isTenantsOwn(_ failure: Failure) -> Bool {
    [.tenantStopped, .recovering, .notFound, .moved].contains(failure.code)
  }

  private func clear(_ place: String) async {
    let files = files
    _ = await Blocking.run("archive") { try FileTree.remove(place, files) }
  }

  /// Removes files that a restore replaced, so long after they were first seen here.
  ///
  /// When that was stands in a file among them: they came by a rename, which leaves no time.
  func removeReplaced() async throws {
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

  /// Removes snapshots and journal objects that no restore to a point of the window needs.
  func removeOld() async throws {
    var needs: [Retention.Need] = []
    var claims: [CellID: [Claim]] = [:]
    let now = now
    for (tenant, head) in engine.heads.sorted(by: { $0.key < $1.key }) {
      var (snapshots, ignored) = try await archive.snapshots(tenant, &claims)
      if Archive.isCellsOwn(tenant) { snapshots.removeAll { $0.cell != cell } }
      for old in retention.removable(snapshots, at: now) + retention.old(ignored, at: now) {
        try await remove(old)
      }
      needs.append(retention.need(snapshots, of: cell, last: head.tenantSeq, at: now))
    }
    let reading = try await archive.journal(cell)
    // The last object stays: it says where the archive ends.
    for span in Retention.removable(reading.spans, needs: needs) where span != reading.spans.last {
      try await archive.objects.remove(ArchiveNames.journal(cell, span))
    }
  }

  private func remove(_ snapshot: SnapshotManifest) async throws {
    // The manifest first: parts without one are a snapshot that never was.
    try await archive.objects.remove(ArchiveNames.manifest(snapshot.tenant, snapshot.name))
    for part in snapshot.files.flatMap(\.parts) {
      try await archive.objects.remove(
        ArchiveNames.part(snapshot.tenant, snapshot.name, part.number))
    }
  }
}
