import Platform
import Storage
import Wire

/// Files that a restore made, in a directory of their own beside what is served.
public struct RestoredBeside: Sendable {
  public let directory: String
  public let restored: RestoredTenant
  /// As the files say.
  let lineage: Lineage

  public init(directory: String, restored: RestoredTenant, lineage: Lineage) {
    self.directory = directory
    self.restored = restored
    self.lineage = lineage
  }
}

extension ArchiveService {
  /// Throws `tenantStopped` where the tenant is in quarantine here.
  private func restorer(of tenant: TenantID) throws(Failure) -> TenantRestorer {
    try environment.engine.demandUnquarantined(tenant)
    return TenantRestorer(
      archive: environment.archive, files: environment.files,
      running: environment.engine.runningTenants)
  }

  /// Works on files of a tenant in its name: what crashes there is its crash.
  func work<T: Sendable>(
    for tenant: TenantID, _ body: @escaping @Sendable () throws -> T
  ) async throws -> T {
    let running = environment.engine.runningTenants
    return try await Blocking.run("restore") { try running.during(tenant, body) }.get()
  }

  private func requireArchived() async throws(ArchiveError) {
    guard await waitUntilArchived(seconds: ArchiveLimits.catchUpSeconds) else {
      throw ArchiveError.unreachable("the archive is behind the journal")
    }
  }

  /// Restores a tenant into the place where files wait to be installed, as those of `owner`.
  public func prepare(
    _ source: TenantID, to target: RestoreTarget, as owner: TenantID, lineage: Lineage,
    from snapshot: String? = nil
  ) async throws -> RestoredTenant {
    try await requireArchived()
    return try await restorer(of: source).restore(
      source, schema: environment.schema(source), to: target, cell: environment.cell,
      into: environment.engine.preparedDirectory(owner, lineage), as: owner, lineage: lineage,
      from: snapshot)
  }

  /// Restores a tenant into a directory that nobody installs.
  public func restoreBeside(
    _ tenant: TenantID, to target: RestoreTarget, from snapshot: String? = nil
  ) async throws -> RestoredBeside {
    try await requireArchived()
    let lineage = Lineage(environment.random.uint64())
    let directory =
      StorageEngine.restoresDirectory(environment.dataDirectory)
      + "/past-\(ArchiveHex.encode(lineage.rawValue))"
    let restored = try await restorer(of: tenant).restore(
      tenant, schema: environment.schema(tenant), to: target, cell: environment.cell,
      into: directory, lineage: lineage, from: snapshot)
    return RestoredBeside(directory: directory, restored: restored, lineage: lineage)
  }

  /// Makes restored files those that wait to be installed.
  public func adopt(
    _ beside: RestoredBeside, as tenant: TenantID, _ lineage: Lineage
  ) async throws -> RestoredTenant {
    let (files, schema) = (environment.files, environment.schema(tenant))
    let prepared = environment.engine.preparedDirectory(tenant, lineage)
    let restores = StorageEngine.restoresDirectory(environment.dataDirectory)
    let found = try await work(for: tenant) {
      let rebuild = try Self.rebuild(beside, tenant, schema, files)
      try rebuild.settle(as: tenant, lineage)
      let found = try rebuild.files(of: tenant)
      try FileTree.remove(prepared, files)
      try files.rename(beside.directory, to: prepared)
      try files.synchronizeDirectory(restores)
      return found
    }
    return beside.restored.with(files: found)
  }

  static func rebuild(
    _ beside: RestoredBeside, _ tenant: TenantID, _ schema: StoreSchema, _ files: any FileSystem
  ) throws -> TenantRebuild {
    var start = beside.restored.position
    start.lineage = beside.lineage
    return try TenantRebuild(
      tenant: tenant, schema: schema, directory: beside.directory, start: start, files: files)
  }

  /// A held tenant's files as they are now, where they wait to be installed.
  ///
  /// Of a tenant that is stopped they come from the archive, which must reach to its last record.
  public func current(
    of tenant: TenantID, _ head: TenantHead, _ lineage: Lineage
  ) async throws -> RestoredBeside {
    let engine = environment.engine
    let directory = engine.preparedDirectory(tenant, lineage)
    let (files, data) = (environment.files, environment.dataDirectory)
    try await Blocking.run("restore") { try FileTree.remove(directory, files) }.get()
    if engine.problems.contains(where: { $0.tenant == tenant && $0.code == "tenant_stopped" }) {
      try await requireArchived()
      let restored = try await restorer(of: tenant).restore(
        tenant, schema: environment.schema(tenant), to: .latest, cell: environment.cell,
        into: directory, lineage: head.lineage)
      guard restored.position.hash == head.hash else {
        throw ArchiveError.incomplete("it does not reach the tenant's last record")
      }
      return RestoredBeside(directory: directory, restored: restored, lineage: head.lineage)
    }
    let snapshot = try await engine.snapshot(tenant, into: directory, isHeld: true)
    guard snapshot.head == head else {
      throw Failure(.conflict, "the tenant has gone on while it was held")
    }
    try await Blocking.run("restore") {
      let media = "\(TenantDirectory.of(tenant, in: data))/media"
      for hash in snapshot.media {
        let bytes = try FileTree.bytes("\(media)/\(hash)", files)
        guard SHA256Hash.of(bytes) == hash else { throw RebuildError.media(hash) }
        try files.createDirectory("\(directory)/media")
        try FileTree.write(bytes, to: "\(directory)/media/\(hash)", files)
      }
      if !snapshot.media.isEmpty { try files.synchronizeDirectory("\(directory)/media") }
    }.get()
    let restored = RestoredTenant(
      tenant: tenant, cell: environment.cell,
      position: TenantRebuild.Position(
        lineage: head.lineage, tenantSeq: head.tenantSeq, hash: head.hash, time: head.time),
      files: snapshot.files, media: snapshot.media, records: 0, bytes: 0, snapshot: "",
      isLatest: true)
    return RestoredBeside(directory: directory, restored: restored, lineage: head.lineage)
  }

  /// Edits the files that both have, `past` attached to each.
  public func edit(
    _ current: RestoredBeside, past: RestoredBeside,
    _ body: @escaping @Sendable (FileKind, Connection) throws -> Void
  ) async throws {
    let tenant = current.restored.tenant
    let (files, schema) = (environment.files, environment.schema(tenant))
    let kinds = Set(current.restored.files.map(\.kind))
    let shared = past.restored.files.filter { kinds.contains($0.kind) }
    try await work(for: tenant) {
      let rebuild = try Self.rebuild(current, tenant, schema, files)
      for file in shared {
        try rebuild.edit(file.kind, past: "\(past.directory)/\(file.name)") {
          try body(file.kind, $0)
        }
      }
    }
  }

  /// Checks edited files and makes them durable as those that wait to be installed.
  public func settle(
    _ current: RestoredBeside, as tenant: TenantID, _ lineage: Lineage, _ past: RestoredTenant
  ) async throws -> RestoredTenant {
    let (files, schema) = (environment.files, environment.schema(tenant))
    let found = try await work(for: tenant) {
      let rebuild = try Self.rebuild(current, tenant, schema, files)
      try rebuild.settleEdited(as: tenant, lineage)
      return try rebuild.files(of: tenant)
    }
    return current.restored.with(files: found)
  }

  /// Removes files that are not wanted any more.
  public func discard(_ beside: RestoredBeside) async {
    let files = environment.files
    _ = await Blocking.run("restore") { try FileTree.remove(beside.directory, files) }
  }

  /// Where a new tenant's history stands before its first record, which leaves `position`.
  public func head(
    before position: TenantRebuild.Position, of source: TenantID, epoch: Epoch
  ) -> TenantHead {
    TenantHead(
      lineage: position.lineage, tenantSeq: position.tenantSeq, hash: position.hash, epoch: epoch,
      ownership: .owned, time: position.time,
      schemaVersion: environment.engine.heads[source]?.schemaVersion ?? 0, nextDue: nil,
      cellSeq: environment.engine.journal?.lastSeq ?? CellSeq(0))
  }

  /// Stores prepared files as the base of a branch: what it writes next follows without a gap.
  ///
  /// `before` is the record that its first one will follow.
  public func storeBase(
    _ owner: TenantID, _ restored: RestoredTenant, lineage: Lineage, before: TenantHead,
    isFork: Bool
  ) async throws {
    var head = before
    head.lineage = lineage
    let writer = SnapshotWriter(
      archive: environment.archive, files: environment.files, random: environment.random,
      // Whose base it is may be held, or nowhere else, until it is stored.
      rank: .ordinary)
    let directory = environment.engine.preparedDirectory(owner, lineage)
    var subject = SnapshotWriter.Subject(
      tenant: owner, cell: environment.cell, generation: environment.generation, head: head,
      takenAt: Timestamp(milliseconds: environment.clock.milliseconds()), files: restored.files,
      media: restored.media)
    subject.isBase = true
    subject.isFork = isFork
    _ = try await writer.store(subject, from: directory, media: "\(directory)/media")
  }
}
