import Platform
import Wire

/// A tenant that comes from another cell, as its files were copied there.
public struct MoveImport: Hashable, Sendable {
  public var tenant: TenantID
  public var lineage: Lineage
  /// The epoch that the move is armed with.
  public var epoch: Epoch
  public var source: CellID
  /// The last record that the copied files hold.
  public var tenantSeq: TenantSeq
  public var hash: SHA256Hash
  public var time: Timestamp
  public var schemaVersion: UInt32
  public var nextDue: Timestamp?

  public init(
    tenant: TenantID, lineage: Lineage, epoch: Epoch, source: CellID, tenantSeq: TenantSeq,
    hash: SHA256Hash, time: Timestamp, schemaVersion: UInt32, nextDue: Timestamp?
  ) {
    self.tenant = tenant
    self.lineage = lineage
    self.epoch = epoch
    self.source = source
    self.tenantSeq = tenantSeq
    self.hash = hash
    self.time = time
    self.schemaVersion = schemaVersion
    self.nextDue = nextDue
  }

  /// Throws `invalidIdentifier` or `invalidField`.
  public init(_ message: Aimstors_ProtoMoveImport, from source: CellID) throws(Failure) {
    guard let hash = SHA256Hash(copying: message.hash) else {
      throw Failure(.invalidField, "a hash has 32 bytes")
    }
    self.init(
      tenant: try TenantID(moving: message.tenant), lineage: Lineage(message.lineage),
      epoch: Epoch(message.epoch), source: source, tenantSeq: TenantSeq(message.tenantSeq),
      hash: hash, time: Timestamp(milliseconds: message.timeMs),
      schemaVersion: message.schemaVersion,
      nextDue: message.nextDueMs == 0 ? nil : Timestamp(milliseconds: message.nextDueMs))
  }
}

/// The files of a tenant that comes from another cell: into the cell, and on to its followers.
extension StorageEngine {
  var imports: ImportDirectory {
    ImportDirectory(data: configuration.directory, files: files)
  }

  /// The names that a tenant's files have here.
  public func fileNames(of tenant: TenantID) -> Set<String> {
    Set(index(tenant).files.values.map(\.name))
  }

  /// Where the files of a tenant on its way here are written.
  public func importDirectory(_ tenant: TenantID, under epoch: Epoch) -> String {
    imports.prepared(tenant, epoch)
  }

  /// An empty directory for the files of a tenant on its way here.
  ///
  /// Throws what ``MoveRule`` says of a move under this epoch, `tenantStopped` where the tenant is
  /// in quarantine here, and `diskFull`.
  public func prepareImport(_ tenant: TenantID, under epoch: Epoch) throws(Failure) {
    try demandUnquarantined(tenant)
    let head = try running().context.heads[tenant]
    if let refusal = MoveRule.refusal(of: .importing(epoch), at: head) { throw refusal }
    do throws(FileError) { try imports.begin(tenant, epoch, isAlone: true) } catch {
      throw Failure(.diskFull, "no room for the tenant's files: \(error)")
    }
  }

  /// Checks the copied files by a full scan and makes them durable; answers what they are.
  ///
  /// The files in ``prepareImport(_:under:)``'s directory are those that the import speaks of.
  /// Throws `verificationFailed` where they are not, `versionMismatch`, `diskFull`.
  public func settleImport(_ arrival: MoveImport) async throws(Failure) -> [MovedFile] {
    guard arrival.schemaVersion <= index(arrival.tenant).version else {
      throw Failure(.versionMismatch, "the tenant's schema is newer than this cell's")
    }
    do {
      return try await Blocking.run("import", as: .background) { [self] in
        try runningTenants.during(arrival.tenant) { try settle(arrival) }
      }.get()
    } catch let error as FileError {
      throw Failure(.diskFull, "\(error)")
    } catch {
      throw Failure(.verificationFailed, "the copied files are not whole: \(error)")
    }
  }

  private func settle(_ arrival: MoveImport) throws -> [MovedFile] {
    let rebuild = try TenantRebuild(
      tenant: arrival.tenant, schema: schema(arrival.tenant),
      directory: imports.prepared(arrival.tenant, arrival.epoch),
      start: TenantRebuild.Position(
        lineage: arrival.lineage, tenantSeq: arrival.tenantSeq, hash: arrival.hash,
        time: arrival.time), files: files)
    defer { rebuild.closeFiles() }
    try verifyMedia("\(rebuild.directory)/media")
    try rebuild.verify()
    try rebuild.settle(as: arrival.tenant, arrival.lineage)
    return try rebuild.files(of: arrival.tenant).map {
      MovedFile(kind: $0.kind, appliedSeq: $0.appliedSeq, digest: $0.digest)
    }
  }

  /// Each object was synced when it was written; here it is compared with its name, and its name
  /// made durable.
  private func verifyMedia(_ directory: String) throws {
    guard try files.exists(directory) else { return }
    let media = MediaStore(directory: directory, files: files, random: random)
    for name in try files.list(directory) {
      guard let hash = SHA256Hash(hexadecimal: name) else { continue }
      guard try media.bytes(hash) != nil else { throw RebuildError.media(hash) }
    }
    try files.synchronizeDirectory(directory)
  }

  /// Settles the copied files, and records that they are here.
  ///
  /// `others` is awaited before the record: whoever else has to have the files first. Throws what
  /// ``settleImport(_:)`` and `others` throw, what ``MoveRule`` says, `diskFull`.
  public func beginImport(
    _ arrival: MoveImport, others: () async throws(Failure) -> Void = {}
  ) async throws(Failure) {
    let context = try running().context
    let tenant = arrival.tenant
    let before = context.heads[tenant]
    if let refusal = MoveRule.refusal(of: .importing(arrival.epoch), at: before) { throw refusal }
    let base = try await settleImport(arrival)
    try await others()
    try enterStep(tenant)
    defer { leaveStep(tenant) }
    // The scan may have taken long, and another move have overtaken this one.
    if let refusal = MoveRule.refusal(of: .importing(arrival.epoch), at: context.heads[tenant]) {
      throw refusal
    }
    let identity = RecordIdentity(
      tenant: tenant, lineage: arrival.lineage, epoch: arrival.epoch,
      tenantSeq: arrival.tenantSeq, previousHash: arrival.hash, time: arrival.time,
      schemaVersion: arrival.schemaVersion, kind: .import, nextDue: arrival.nextDue)
    let head = try await appendMoves(
      identity, MoveDetail(counterpart: arrival.source, base: base), context)
    // From here on the files are in their place, also after a crash: a start moves them.
    if let old = try? writer(tenant) { old.leave() }
    context.stalled.remove(tenant)
    do throws(FileError) {
      try imports.install(tenant, arrival.epoch)
    } catch {
      throw Failure(.diskFull, "the tenant's files could not be put in their place: \(error)")
    }
    context.heads.flushed(tenant, through: head.cellSeq)
    context.problems.resolve("tenant_stopped", tenant)
    let writer = addWriter(tenant, head, context)
    writer.leave()
  }
}
