import Platform
import Storage
import Wire

/// A lost cell whose tenants come to others: its journal is ended, and read.
extension ArchiveService {
  /// Ends a lost cell's journal under a generation above all: what its old process still uploads is
  /// nobody's, and no process serves under its name again.
  ///
  /// A repeat answers the same.
  public func end(_ cell: CellID) async throws(ArchiveError) -> JournalEnd {
    let now = Timestamp(milliseconds: environment.clock.milliseconds())
    return try await CellTakeover(environment.archive, cell: cell).claim(.ended, at: now)
  }

  /// What the archive has of a lost cell's tenants; to be closed.
  public func plan(of cell: CellID) async throws -> CellRestorePlan {
    try await CellRestorePlan(
      environment.archive, cell: cell,
      scratch: StorageEngine.restoresDirectory(environment.dataDirectory)
        + "/lost.\(cell).records",
      files: environment.files)
  }

  /// Restores a lost cell's own store into a directory that nobody installs, as far as it is there.
  public func restoreStore(_ store: TenantID, of cell: CellID) async throws -> RestoredBeside {
    let lineage = Lineage(environment.random.uint64())
    let directory =
      StorageEngine.restoresDirectory(environment.dataDirectory)
      + "/lost-\(ArchiveHex.encode(lineage.rawValue))"
    let restored = try await TenantRestorer(archive: environment.archive, files: environment.files)
      .restore(
        store, schema: environment.schema(store), to: .latest, cell: cell, into: directory,
        lineage: lineage, acceptsMissing: true)
    return RestoredBeside(directory: directory, restored: restored, lineage: lineage)
  }

  /// Reads one of the files that nobody installs.
  public func read<T: Sendable>(
    _ beside: RestoredBeside, _ kind: FileKind,
    _ body: @escaping @Sendable (Connection) throws -> T
  ) async throws -> T {
    let tenant = beside.restored.tenant
    let (files, schema) = (environment.files, environment.schema(tenant))
    return try await work(for: tenant) {
      try Self.rebuild(beside, tenant, schema, files).read(kind, body)
    }
  }
}
