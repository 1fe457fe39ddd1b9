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
    /// Whether the archive knows the tenant as another cell's.
    public let hasLeft: Bool
  }

  /// Most recently active first.
  public let tenants: [Tenant]
  public let cell: CellID
  private let archive: Archive
  private let files: any FileSystem
  private let manifests: [TenantID: SnapshotManifest]
  /// Behind which position each tenant's records lie; see ``ArchivedHeads``.
  private let begins: [TenantID: CellSeq]
  /// Positions that no object has.
  private let missing: [ClosedRange<CellSeq>]
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
    let begins = try await Self.begins(archive, cell, manifests)
    self.begins = begins
    let passed = Mutex<[ClosedRange<CellSeq>]>([])
    if let after = begins.values.min() ?? (only == nil ? CellSeq(0) : nil) {
      try await JournalReader(archive: archive).read(
        cell, after: after, missing: { range in passed.withLock { $0.append(range) } }
      ) { records in
        try await Blocking.run("restore") {
          // A drill's records lie beside what is served.
          if only != nil { try CopyRoom(files).demand(0, in: scratch) }
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
    missing = passed.withLock { $0 }
    tenants = seen.withLock { $0 }.map { tenant in
      let (manifest, found) = (manifests[tenant], spool.found(tenant))
      return Tenant(
        id: tenant, lastActive: found?.lastTime ?? manifest?.time ?? .zero,
        records: found?.records ?? 0, bytes: manifest?.bytes ?? 0,
        hasLeft: found?.hasLeft ?? false)
    }.sorted { ($0.lastActive, $1.id) > ($1.lastActive, $0.id) }
  }

  /// Behind which position each tenant's records lie: its snapshot's, or a later one where it has
  /// written nothing for long.
  private static func begins(
    _ archive: Archive, _ cell: CellID, _ manifests: [TenantID: SnapshotManifest]
  ) async throws -> [TenantID: CellSeq] {
    var heads = try await HeadsIndex(archive, cell)
    var found: [TenantID: CellSeq] = [:]
    for (tenant, manifest) in manifests {
      found[tenant] = try await heads.position(behind: manifest)
    }
    return found
  }

  /// The furthest snapshot of each tenant that this cell took and that counts, or shows what lost
  /// objects had.
  private static func manifests(
    _ archive: Archive, _ cell: CellID, _ only: Set<TenantID>?
  ) async throws -> [TenantID: SnapshotManifest] {
    if let only { return try await manifests(archive, cell, of: only) }
    let claims = try await archive.claims(cell)
    let names = try await archive.tenants()
    var found = try await archive.furthestSnapshots(names).filter { $0.value.cell == cell }
    for (tenant, manifest) in found
    where !ReaderRule.counts(manifest, claims: claims) {
      found[tenant] = try await furthest(archive, tenant, cell, claims)
    }
    for own in names.keys where Archive.isCellsOwn(own) {
      found[own] = try await furthest(archive, own, cell, claims)
    }
    return found
  }

  /// Nil where this cell has none that can be begun with.
  private static func furthest(
    _ archive: Archive, _ tenant: TenantID, _ cell: CellID, _ claims: [Claim]
  ) async throws -> SnapshotManifest? {
    var known = [cell: claims]
    let (counted, ignored) = try await archive.snapshots(tenant, &known)
    let lost = ignored.filter { ReaderRule.fillsLostTail($0, claims: claims) }
    return (counted + lost).filter { $0.cell == cell }.max { $0.position < $1.position }
  }

  /// The same of some tenants.
  private static func manifests(
    _ archive: Archive, _ cell: CellID, of tenants: Set<TenantID>
  ) async throws -> [TenantID: SnapshotManifest] {
    let claims = [cell: try await archive.claims(cell)]
    return try await archive.manifests(of: tenants) { tenant in
      var known = claims
      var counted = try await archive.snapshots(tenant, &known).counted
      if Archive.isCellsOwn(tenant) { counted.removeAll { $0.cell != cell } }
      return counted.first.flatMap { $0.cell == cell ? $0 : nil }
    }
  }

  /// Restores one tenant to its last archived record, verified; see
  /// ``TenantRestorer/restore(_:schema:to:cell:into:as:lineage:from:trusting:acceptsMissing:)``.
  ///
  /// `running` names the tenant while its records are replayed; nil: nobody does.
  public func restore(
    _ tenant: TenantID, schema: StoreSchema, into directory: String, lineage: Lineage,
    acceptsMissing: Bool = false, running: RunningTenants? = nil
  ) async throws -> RestoredTenant {
    if let restored = try await fromOwnJournal(
      tenant, schema, directory, lineage, acceptsMissing, running), restored.leaving == nil
    {
      try spool.drop(tenant)
      return restored
    }
    // What is wrong with the last snapshot may not be wrong with the one before it; the records of
    // a tenant without one begin before those that were sorted out; and the history of one that
    // left goes on in another cell's journal, and perhaps in this one again.
    let restored = try await TenantRestorer(
      archive: archive, files: files, running: running
    ).restore(
      tenant, schema: schema, to: .latest, cell: cell, into: directory, lineage: lineage,
      trusting: manifests[tenant], acceptsMissing: acceptsMissing)
    try spool.drop(tenant)
    return restored
  }

  /// Out of the records that were sorted out; nil where they do not lead there.
  ///
  /// Throws what may pass, or is the whole archive's: an older state is not what that is mended by.
  private func fromOwnJournal(
    _ tenant: TenantID, _ schema: StoreSchema, _ directory: String, _ lineage: Lineage,
    _ acceptsMissing: Bool, _ running: RunningTenants?
  ) async throws -> RestoredTenant? {
    let restorer = TenantRestorer(
      archive: archive, files: files,
      source: SpooledRecords(
        spool: spool, begin: begins[tenant] ?? CellSeq(0), missing: missing,
        atOnce: Self.recordsAtOnce),
      running: running)
    do {
      return try await restorer.restore(
        tenant, schema: schema, to: .latest,
        from: [manifests[tenant].map { .snapshot($0) } ?? .first(cell)],
        into: directory, lineage: lineage, acceptsMissing: acceptsMissing)
    } catch let error as ArchiveError where error.mayPass || error.isOfAll {
      throw error
    } catch {
      return nil
    }
  }

  /// Removes the records that were sorted out.
  public func close() { try? FileTree.remove(scratch, files) }
}

/// Records as ``RecordSpool`` has them.
private struct SpooledRecords: RecordSource {
  let spool: RecordSpool
  /// Before this position the tenant has none.
  let begin: CellSeq
  /// What the pass did not find, in order.
  let missing: [ClosedRange<CellSeq>]
  let atOnce: Int
  var hasEveryCell: Bool { false }

  func read(
    _ tenant: TenantID, _ cell: CellID, after: CellSeq, missing: (ClosedRange<CellSeq>) -> Void,
    _ body: ([JournalRecord]) async throws -> Bool
  ) async throws {
    let first = max(after, begin).next
    var left = self.missing.filter { $0.upperBound >= first }.map {
      max($0.lowerBound, first)...$0.upperBound
    }[...]
    /// Says what is missing before a position.
    func pass(to position: CellSeq) {
      while let range = left.first, range.upperBound < position { missing(left.removeFirst()) }
    }
    if let reader = try await Blocking.run("restore", { try spool.reader(tenant) }).get() {
      defer { reader.close() }
      while true {
        let next = try await Blocking.run("restore") { try reader.next(atOnce) }.get()
        guard let last = next.last else { break }
        // Between two of its own records their chain shows what is missing.
        pass(to: next[0].position.cellSeq)
        let isWanted = try await body(next.filter { $0.position.cellSeq > after })
        guard isWanted else { return }
        left = left.drop { $0.upperBound < last.position.cellSeq }
      }
    }
    pass(to: CellSeq(.max))
  }
}
