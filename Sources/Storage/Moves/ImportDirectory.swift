import Platform
import Wire

/// Where a moving tenant's files wait, before they are a tenant's here and after.
///
/// All in one file system, so that putting them in their place is a rename.
struct ImportDirectory: Sendable {
  /// The engine's data directory.
  let data: String
  let files: any FileSystem

  private var imports: String { "\(data)/imports" }
  private var departed: String { "\(data)/departed" }
  private var tenants: String { TenantDirectory.all(in: data) }
  private func place(_ tenant: TenantID) -> String { TenantDirectory.of(tenant, in: data) }

  /// Files on their way here, under the epoch that they come with.
  func prepared(_ tenant: TenantID, _ epoch: Epoch) -> String {
    "\(imports)/\(name(tenant, epoch))"
  }

  private func name(_ tenant: TenantID, _ epoch: Epoch) -> String {
    "\(tenant.rawValue).\(epoch.rawValue)"
  }

  private static func parse(_ name: String) -> (tenant: TenantID, epoch: Epoch)? {
    guard let dot = name.lastIndex(of: "."), let tenant = TenantID(String(name[..<dot])),
      let epoch = UInt64(name[name.index(after: dot)...])
    else { return nil }
    return (tenant, Epoch(epoch))
  }

  /// An empty directory for files on their way here.
  ///
  /// `isAlone`: what came under an earlier epoch was given up and goes, since its source may not
  /// have been heard; otherwise this process may be behind, and the files wait for their record.
  func begin(_ tenant: TenantID, _ epoch: Epoch, isAlone: Bool) throws(FileError) {
    try FileTree.remove(prepared(tenant, epoch), files)
    if isAlone, try files.exists(imports) {
      for name in try files.list(imports) {
        guard let found = Self.parse(name), found.tenant == tenant, found.epoch < epoch else {
          continue
        }
        try FileTree.remove("\(imports)/\(name)", files)
      }
    }
    let isFirst = try !files.exists(imports)
    try files.createDirectory(prepared(tenant, epoch))
    // Or the power could take the directory with everything that was synced in it.
    if isFirst { try files.synchronizeDirectory(data) }
  }

  /// Makes prepared files the tenant's; done in part before, it goes on.
  ///
  /// What lay in their place is older: this cell released or refused the tenant, and whoever owned
  /// it since has all of it.
  func install(_ tenant: TenantID, _ epoch: Epoch) throws(FileError) {
    let source = prepared(tenant, epoch)
    guard try files.exists(source) else { return }
    try FileTree.remove(place(tenant), files)
    try files.rename(source, to: place(tenant))
    try files.synchronizeDirectory(tenants)
    try files.synchronizeDirectory(imports)
  }

  /// Removes what is here of a tenant on its way that does not come.
  func discard(_ tenant: TenantID, _ epoch: Epoch) throws(FileError) {
    try FileTree.remove(prepared(tenant, epoch), files)
  }

  /// Removes a tenant's files in their place.
  func removePlaced(_ tenant: TenantID) throws(FileError) {
    try FileTree.remove(place(tenant), files)
    try files.synchronizeDirectory(tenants)
  }

  /// Puts the files of a tenant that another cell has adopted aside.
  func depart(_ tenant: TenantID, _ epoch: Epoch) throws(FileError) {
    guard try files.exists(place(tenant)) else { return }
    try files.createDirectory(departed)
    let target = "\(departed)/\(name(tenant, epoch))"
    try FileTree.remove(target, files)
    try files.rename(place(tenant), to: target)
    try files.synchronizeDirectory(departed)
    try files.synchronizeDirectory(tenants)
  }

  func isPlaced(_ tenant: TenantID) throws(FileError) -> Bool {
    try files.exists(place(tenant))
  }

  /// Whether the journal's records of a tenant are to be applied to files here.
  func hasFiles(_ tenant: TenantID, _ head: TenantHead) throws(FileError) -> Bool {
    switch head.ownership {
    case .owned, .moving, .importing, .ready: true
    case .released: try isPlaced(tenant)
    case .refused: false
    }
  }

  /// Tenants whose files were put aside, with the epoch that they left under.
  func departures() throws(FileError) -> [(tenant: TenantID, epoch: Epoch)] {
    guard try files.exists(departed) else { return [] }
    return try files.list(departed).compactMap(Self.parse)
  }

  func removeDeparted(_ tenant: TenantID, _ epoch: Epoch) throws(FileError) {
    try FileTree.remove("\(departed)/\(name(tenant, epoch))", files)
  }

  /// At a start, before any replay: ends what a crash cut off.
  ///
  /// Prepared files whose `import` record is durable are put in their place; others are removed,
  /// and so is what lies in the place of a tenant that was refused.
  func recover(_ heads: [TenantID: TenantHead]) throws(FileError) {
    if try files.exists(imports) {
      for name in try files.list(imports) {
        guard let (tenant, epoch) = Self.parse(name) else { continue }
        let head = heads[tenant]
        let isImported =
          head?.armed == epoch && head?.ownership != .refused && head?.counterpart != nil
        if isImported { try install(tenant, epoch) } else { try discard(tenant, epoch) }
      }
    }
    for (tenant, head) in heads where head.ownership == .refused {
      if try isPlaced(tenant) { try removePlaced(tenant) }
    }
    // A process that ended between a renaming and its fsync left nothing to be done again, and no
    // record of the journal holds what came with a move.
    if try files.exists(tenants) {
      try files.synchronizeDirectory(tenants)
    }
  }
}
