import Wire

extension Archive {
  /// Manifests read at once.
  private static let manifestsAtOnce = 16

  /// The furthest snapshot of each tenant by its name among those listed, whoever took it and
  /// whether it counts; without those whose manifest cannot be read, and the stores that all cells
  /// have.
  func furthestSnapshots(
    _ names: [TenantID: SnapshotName]
  ) async throws -> [TenantID: SnapshotManifest] {
    try await manifests(of: names.keys.filter { !Self.isCellsOwn($0) }) { tenant in
      guard let name = names[tenant] else { return nil }
      do throws(ArchiveError) {
        return try await self.manifest(ArchiveNames.manifest(tenant, name.description))
      } catch {
        // One damaged object is one tenant's trouble, and must not keep the others away.
        guard error.isOfOneObject else { throw error }
        return nil
      }
    }
  }

  /// What `read` answers of each tenant, several at once; without those of whom that is nothing.
  func manifests(
    of tenants: some Sequence<TenantID>,
    _ read: @escaping @Sendable (TenantID) async throws -> SnapshotManifest?
  ) async throws -> [TenantID: SnapshotManifest] {
    try await withThrowingTaskGroup(of: (TenantID, SnapshotManifest?).self) { group in
      var found: [TenantID: SnapshotManifest] = [:]
      for (index, tenant) in tenants.enumerated() {
        if index >= Self.manifestsAtOnce, let (tenant, manifest) = try await group.next() {
          found[tenant] = manifest
        }
        group.addTask { (tenant, try await read(tenant)) }
      }
      for try await (tenant, manifest) in group { found[tenant] = manifest }
      return found
    }
  }
}
