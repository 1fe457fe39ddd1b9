import Wire

extension Archive {
  /// Manifests read at once.
  private static let manifestsAtOnce = 16

  /// The furthest snapshot of each tenant by its name, whoever took it and whether it
  /// counts; without those whose manifest cannot be read, and the stores that all cells have.
  func furthestSnapshots() async throws -> [TenantID: SnapshotManifest] {
    let names = try await tenants().filter { !Self.isCellsOwn($0.key) }
    return try await withThrowingTaskGroup(of: (TenantID, SnapshotManifest?).self) { group in
      var found: [TenantID: SnapshotManifest] = [:]
      for (index, (tenant, name)) in names.enumerated() {
        if index >= Self.manifestsAtOnce, let (tenant, manifest) = try await group.next() {
          found[tenant] = manifest
        }
        group.addTask {
          do throws(ArchiveError) {
            let name = ArchiveNames.manifest(tenant, name.description)
            return (tenant, try await self.manifest(name))
          } catch {
            // One damaged object is one tenant's trouble, and must not keep the others away.
            guard error.isOfOneObject else { throw error }
            return (tenant, nil)
          }
        }
      }
      for try await (tenant, manifest) in group { found[tenant] = manifest }
      return found
    }
  }
}
