import Platform
import Storage
import Synchronization
import Wire

/// What of a cell is in the archive, read once for all its tenants or some: whose turn is when, and
/// what each needs.
///
/// One pass over the journal behind the oldest needed snapshot sorts the records by tenant; each
/// restore then reads its own only. For a lost cell, and for drills.
public final class CellRestorePlan: Sendable {
  /// Manifests read at once.
  private static let manifestsAtOnce = 16
  /// Records applied in one step.
  private static let recordsAtOnce = 1_000

  /// One tenant as the archive has it.
  public struct Tenant: Hashable, Sendable {
    public let id: TenantID
    /// The time of its last record.
    public let lastActive: Timestamp
    /// Records behind its last snapshot.
    public let records: UInt64
    public let bytes: UInt64
  }

  /// Most recently active first.
  public let tenants: [Tenant]
  public let cell: CellID
  private let archive: Archive
  private let files: any FileSystem
  private let manifests: [TenantID: SnapshotManifest]
  private let spool: RecordSpool
  private let scratch: String

  /// Reads what every tenant of the cell needs, or each of `only`; `scratch` is a directory for the
  /// records, removed by ``close()``.
  public init(
    _ archive: Archive, cell: CellID, only: Set<TenantID>? = nil, scratch: String,
    files: any FileSystem
  ) async throws {
    self.archive = archive
    self.cell = cell
    self.files = files
    self.scratch = scratch
    let manifests = try await Self.manifests(archive, cell, only)
    self.manifests = manifests
    let spool = try RecordSpool(directory: scratch, files: files)
    self.spool = spool
    // A tenant without a snapshot is younger than a few seconds: it is restored by itself.
    let seen = Mutex(only ?? Set(manifests.keys))
    if let after = try await Self.begin(archive, cell, manifests, isWhole: only == nil) {
      try await JournalReader(archive: archive).read(cell, after: after) { records in
        try await Blocking.run("restore") {
          for record in records where only?.contains(record.identity.tenant) ?? true {
            let tenant = record.identity.tenant
            seen.withLock { _ = $0.insert(tenant) }
            guard record.position.cellSeq > manifests[tenant]?.cellSeq ?? CellSeq(0)
            else { continue }
            try spool.add(record)
          }
          return true
        }.get()
      }
    }
    tenants = seen.withLock { $0 }.map { tenant in
      let (manifest, found) = (manifests[tenant], spool.found(tenant))
      return Tenant(
        id: tenant, lastActive: found?.lastTime ?? manifest?.time ?? .zero,
        records: found?.records ?? 0, bytes: manifest?.bytes ?? 0)
    }.sorted { ($0.lastActive, $1.id) > ($1.lastActive, $0.id) }
  }

  /// Where the pass begins: at the oldest snapshot, but for those of tenants that have written
  /// nothing for long; nil where nobody has one and not everybody is asked for.
  private static func begin(
    _ archive: Archive, _ cell: CellID, _ manifests: [TenantID: SnapshotManifest], isWhole: Bool
  ) async throws -> CellSeq? {
    var heads = try await HeadsIndex(archive, cell)
    var first: CellSeq?
    for manifest in manifests.values where first.map({ manifest.cellSeq < $0 }) ?? true {
      let position = try await heads.position(behind: manifest)
      first = min(first ?? position, position)
    }
    return first ?? (isWhole ? CellSeq(0) : nil)
  }

  /// The furthest snapshot of each tenant that counts, where this cell took it.
  private static func manifests(
    _ archive: Archive, _ cell: CellID, _ only: Set<TenantID>?
  ) async throws -> [TenantID: SnapshotManifest] {
    if let only { return try await manifests(archive, cell, of: only) }
    let all = try await archive.tenants()
    let names = all.filter { !Archive.isCellsOwn($0.key) }
    var found = try await withThrowingTaskGroup(of: (TenantID, SnapshotManifest).self) { group in
      var found: [TenantID: SnapshotManifest] = [:]
      for (index, (tenant, name)) in names.enumerated() {
        if index >= manifestsAtOnce, let (tenant, manifest) = try await group.next() {
          found[tenant] = manifest
        }
        group.addTask {
          let name = ArchiveNames.manifest(tenant, name.description)
          return (tenant, try await archive.manifest(name))
        }
      }
      for try await (tenant, manifest) in group { found[tenant] = manifest }
      return found
    }
    found = found.filter { $0.value.cell == cell }
    let claims = try await archive.claims(cell)
    for (tenant, manifest) in found where !ReaderRule.counts(manifest, claims: claims) {
      found[tenant] = try await archive.snapshots(tenant).first { $0.cell == cell }
    }
    for own in all.keys.filter(Archive.isCellsOwn) {
      found[own] = try await archive.snapshots(own, of: cell).first
    }
    return found
  }

  /// The same of some tenants.
  private static func manifests(
    _ archive: Archive, _ cell: CellID, of tenants: Set<TenantID>
  ) async throws -> [TenantID: SnapshotManifest] {
    let claims = [cell: try await archive.claims(cell)]
    return try await withThrowingTaskGroup(of: (TenantID, SnapshotManifest?).self) { group in
      var found: [TenantID: SnapshotManifest] = [:]
      for (index, tenant) in tenants.enumerated() {
        if index >= manifestsAtOnce, let (tenant, manifest) = try await group.next() {
          found[tenant] = manifest
        }
        group.addTask {
          var known = claims
          var counted = try await archive.snapshots(tenant, &known).counted
          if Archive.isCellsOwn(tenant) { counted.removeAll { $0.cell != cell } }
          return (tenant, counted.first.flatMap { $0.cell == cell ? $0 : nil })
        }
      }
      for try await (tenant, manifest) in group { found[tenant] = manifest }
      return found
    }
  }

  /// Restores one tenant to its last archived record, verified; see
  /// ``TenantRestorer/restore(_:schema:to:cell:into:as:lineage:)``.
  public func restore(
    _ tenant: TenantID, schema: StoreSchema, into directory: String, lineage: Lineage
  ) async throws -> RestoredTenant {
    if let restored = await fromOwnJournal(tenant, schema, directory, lineage),
      restored.leaving == nil
    {
      try spool.drop(tenant)
      return restored
    }
    // What is wrong with the last snapshot may not be wrong with the one before it; the records of
    // a tenant without one begin before those that were sorted out; and the history of one that
    // left goes on in another cell's journal, and perhaps in this one again.
    let restored = try await TenantRestorer(archive: archive, files: files).restore(
      tenant, schema: schema, to: .latest, cell: cell, into: directory, lineage: lineage)
    try spool.drop(tenant)
    return restored
  }

  /// Out of the records that were sorted out; nil where they do not lead there.
  private func fromOwnJournal(
    _ tenant: TenantID, _ schema: StoreSchema, _ directory: String, _ lineage: Lineage
  ) async -> RestoredTenant? {
    let restorer = TenantRestorer(
      archive: archive, files: files,
      source: SpooledRecords(spool: spool, atOnce: Self.recordsAtOnce))
    return try? await restorer.restore(
      tenant, schema: schema, to: .latest,
      from: [manifests[tenant].map { .snapshot($0) } ?? .first(cell)],
      into: directory, lineage: lineage)
  }

  /// Removes the records that were sorted out.
  public func close() { try? FileTree.remove(scratch, files) }
}

/// Records as ``RecordSpool`` has them.
private struct SpooledRecords: RecordSource {
  let spool: RecordSpool
  let atOnce: Int
  var hasEveryCell: Bool { false }

  func read(
    _ tenant: TenantID, _ cell: CellID, after: CellSeq,
    _ body: ([JournalRecord]) async throws -> Bool
  ) async throws {
    guard let reader = try await Blocking.run("restore", { try spool.reader(tenant) }).get()
    else { return }
    defer { reader.close() }
    while true {
      let next = try await Blocking.run("restore") { try reader.next(atOnce) }.get()
      guard !next.isEmpty, try await body(next.filter { $0.position.cellSeq > after }) else {
        return
      }
    }
  }
}
