import CSQLite
import Platform
import Wire

/// How far the files of a process's tenants have come: proof of which records were durable.
public enum AppliedSeqs {
  /// The highest applied seq of each tenant's files under `<data>/tenants`: ``files``.
  public static func read(
    dataDirectory: String, files: any FileSystem, vfs: String? = nil,
    but closed: Set<TenantID> = [], naming running: RunningTenants? = nil,
    unreadable: (_ path: String, _ reason: String) -> Void = { _, _ in }
  ) throws -> [TenantID: TenantSeq] {
    try self.files(
      dataDirectory: dataDirectory, files: files, vfs: vfs, but: closed, naming: running,
      unreadable: unreadable
    ).mapValues(\.highest)
  }

  /// What each tenant's files under `<data>/tenants` have.
  ///
  /// For a directory that no process uses. A file that cannot be read proves nothing, and may lack
  /// everything; `unreadable` is told its path. Files of `closed` are not opened; `running` names
  /// whose are. Throws `FileError` where a directory cannot be listed.
  public static func files(
    dataDirectory: String, files: any FileSystem, vfs: String? = nil,
    but closed: Set<TenantID> = [], naming running: RunningTenants? = nil,
    unreadable: (_ path: String, _ reason: String) -> Void = { _, _ in }
  ) throws -> [TenantID: AppliedFiles] {
    let isUnbroken = BootMark(directory: dataDirectory, files: files).isUnbroken()
    var seqs: [TenantID: [TenantSeq]] = [:]
    var incomplete: Set<TenantID> = []
    let root = TenantDirectory.all(in: dataDirectory)
    guard try files.exists(root) else { return [:] }
    for name in try files.list(root) {
      guard let tenant = TenantID(name), !closed.contains(tenant) else { continue }
      for file in try files.list("\(root)/\(name)") where file.hasSuffix(".sqlite") {
        let path = "\(root)/\(name)/\(file)"
        do {
          let found = try running.during(tenant) { try seq(of: path, tenant, vfs) }
          if let seq = found {
            seqs[tenant, default: []].append(seq)
          } else {
            incomplete.insert(tenant)
          }
        } catch {
          incomplete.insert(tenant)
          unreadable(path, "\(error)")
        }
      }
    }
    var applied: [TenantID: AppliedFiles] = [:]
    for (tenant, seqs) in seqs {
      applied[tenant] = AppliedFiles(
        seqs, isUnbroken: isUnbroken, isComplete: !incomplete.contains(tenant))
    }
    return applied
  }

  /// Nil for a file that does not say that it is one of the tenant's stores.
  private static func seq(
    of path: String, _ tenant: TenantID, _ vfs: String?
  ) throws -> TenantSeq? {
    let connection = try Connection(
      path: path, flags: SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, on: vfs)
    defer { connection.close() }
    aim_sqlite_keep_wal(connection.handle)
    let store = TenantFileStore(connection: connection)
    guard try store.isCreated(), let state = try store.state(), state.tenant == tenant else {
      return nil
    }
    return state.appliedSeq
  }
}
