import Platform
import Storage
import Wire

/// Restores a tenant to a point out of a journal on this disk: what a follower can do whose files
/// are further than the point.
///
/// The records are the journal's own. What lies before its beginning comes from a snapshot in the
/// archive, and is proven by the records behind it: they chain to it, and carry its digests on.
public struct JournalRestorer: Sendable {
  let archive: Archive
  let files: any FileSystem
  let journal: Journal
  let cell: CellID

  public init(archive: Archive, files: any FileSystem, journal: Journal, cell: CellID) {
    self.archive = archive
    self.files = files
    self.journal = journal
    self.cell = cell
  }

  /// Restores to `target` and checks everything, as ``TenantRestorer`` does; answers also where the
  /// tenant's history stands there.
  ///
  /// Throws ``ArchiveError/incomplete(_:)``, which names the oldest point that there is, where the
  /// journal does not reach back so far.
  public func restore(
    _ tenant: TenantID, schema: StoreSchema, to target: RestoreTarget, into directory: String
  ) async throws -> (restored: RestoredTenant, head: TenantHead) {
    let oldest = journal.segmentStarts.first ?? CellSeq(1)
    let reachable = try await archive.snapshots(tenant, of: cell).filter {
      $0.cell == cell && $0.cellSeq.next >= oldest
    }
    let isWhole = oldest <= CellSeq(1)
    let base = target.candidates(reachable).first
    guard base != nil || isWhole else { throw tooOld(tenant, reachable) }
    let source = LocalRecords(journal: journal)
    guard let head = try await head(of: tenant, at: target, behind: base, source) else {
      throw tooOld(tenant, reachable)
    }
    let restored = try await TenantRestorer(archive: archive, files: files, source: source).restore(
      tenant, schema: schema, to: target,
      from: [base.map { .snapshot($0) } ?? .first(cell)], into: directory,
      lineage: head.lineage)
    guard restored.position.hash == head.hash else {
      throw ArchiveError.incomplete("the journal was cut meanwhile")
    }
    return (restored, head)
  }

  private func tooOld(_ tenant: TenantID, _ reachable: [SnapshotManifest]) -> ArchiveError {
    let first = reachable.map { $0.isBase ? $0.tenantSeq.next : $0.tenantSeq }.min()
    return .incomplete(
      first.map { "the oldest point of \(tenant) here is tenant_seq \($0.rawValue)" }
        ?? "of \(tenant) only the last point is here")
  }

  /// The tenant's last record at or before the target; nil: there is none.
  private func head(
    of tenant: TenantID, at target: RestoreTarget, behind base: SnapshotManifest?,
    _ source: LocalRecords
  ) async throws -> TenantHead? {
    var head: TenantHead?
    if let base {
      guard let hash = SHA256Hash(hexadecimal: base.hash) else {
        throw ArchiveError.damaged(name: base.name, detail: "its hash is not one")
      }
      head = TenantHead(
        lineage: base.lineage, tenantSeq: base.tenantSeq, hash: hash, epoch: base.epoch,
        ownership: .owned, time: base.time, schemaVersion: base.schemaVersion, nextDue: nil,
        cellSeq: base.cellSeq)
    }
    try await source.read(tenant, cell, after: base?.cellSeq ?? CellSeq(0), missing: { _ in }) {
      records in
      for record in records where record.identity.kind.isInChain {
        guard !target.isPast(record.identity) else { return false }
        head = TenantHead(
          after: head, record.identity, hash: record.hash, at: record.position.cellSeq)
      }
      return true
    }
    return head
  }
}

/// A journal on this disk as a source of one tenant's records.
struct LocalRecords: RecordSource {
  let journal: Journal
  var hasEveryCell: Bool { false }

  func read(
    _ tenant: TenantID, _ cell: CellID, after: CellSeq, missing: (ClosedRange<CellSeq>) -> Void,
    _ body: ([JournalRecord]) async throws -> Bool
  ) async throws {
    var tail = journal.tail(
      after == CellSeq(0) ? .afterGroup(0) : .from(after.next), .onThisDisk)
    defer { tail.close() }
    while let group = try tail.available() {
      let records = try group.records().filter {
        $0.identity.tenant == tenant && $0.position.cellSeq > after
      }
      guard try await body(records) else { return }
    }
  }
}
