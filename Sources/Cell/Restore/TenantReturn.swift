import Archive
import Storage
import Wire

/// Puts a tenant in place that a lost cell's archive has.
///
/// In a new branch, since what the old disk had and the archive had not is gone; and suspended,
/// since what the old process sent last is not known.
struct TenantReturn: Sendable {
  /// The restore's name: what suspended tenants wait for the release of.
  let name: String
  let since: Timestamp
  let service: ArchiveService
  let engine: StorageEngine
  let directives: Directives
  let sealer: Sealer

  /// How a tenant comes back.
  struct Arrival: Sendable {
    let tenant: TenantID
    let epoch: Epoch
    /// A copy for people to look at: it stays one.
    var isFork = false
    /// A copy whose inherited credentials its cell may not have closed.
    var unfinished: UnfinishedForks.Fork?
    /// Its records so far are another cell's: its branch begins with files of its own in the
    /// archive, so that whoever restores it needs one journal only.
    var isElsewhere = false
  }

  /// The branch of a tenant: the same in every attempt.
  func lineage(of tenant: TenantID) -> Lineage { TenantRestoration.lineage("\(name) \(tenant)") }

  /// Restores, verifies and installs it; nil where that was done before.
  ///
  /// Throws `tenantStopped` where it is in quarantine here: its archive is what ended the process.
  func bringBack(_ arrival: Arrival, _ plan: CellRestorePlan) async throws -> RestoredTenant? {
    let tenant = arrival.tenant
    let lineage = lineage(of: tenant)
    if engine.heads[tenant]?.lineage == lineage {
      try await finish(tenant)
      return nil
    }
    if arrival.isElsewhere { try await refuseMove(of: tenant, from: plan.cell) }
    let before = engine.heads[tenant]
    guard before?.ownership.isServed != true else {
      throw Failure(.conflict, "this cell has the tenant already")
    }
    try engine.demandUnquarantined(tenant)
    let restored = try await plan.restore(
      tenant, schema: CellNode.schema(of: tenant),
      into: engine.preparedDirectory(tenant, lineage), lineage: lineage,
      // The old disk is gone: what there is comes back, and the operator hears what may lack.
      acceptsMissing: true, running: engine.runningTenants)
    try demandNobodys(restored, of: plan.cell, before)
    let at = restored.position
    let isFork = try await isFork(arrival)
    if arrival.isElsewhere {
      try await service.storeBase(
        tenant, restored, lineage: lineage,
        before: service.head(before: at, of: tenant, epoch: arrival.epoch), isFork: isFork)
    }
    try await mark(arrival, isFork: isFork)
    service.broughtBack(tenant, snapshotBytes: restored.bytes)
    try await engine.install(
      tenant, lineage: lineage, epoch: arrival.epoch,
      origin: RestoreOrigin(
        tenant: tenant, lineage: at.lineage, tenantSeq: at.tenantSeq, hash: at.hash,
        isFork: false),
      expected: before)
    try await finish(tenant)
    return restored
  }

  /// Until its release is known, or known not to be, two cells might serve it.
  ///
  /// What was on its way here and is not here is nobody's, nor what was released to the lost cell,
  /// which never adopts any more. Throws `archive_unavailable` where the archive lacks such a
  /// release yet, ``ElsewhereTenant`` where another cell may have the tenant.
  private func demandNobodys(
    _ restored: RestoredTenant, of lost: CellID, _ before: TenantHead?
  ) throws {
    let late = Failure(.archiveUnavailable, "the archive lacks the tenant's release to \(lost) yet")
    let at = restored.position
    if let before, before.ownership == .released, before.counterpart == lost {
      guard at.tenantSeq > before.tenantSeq || at.hash == before.hash else { throw late }
    }
    switch restored.leaving {
    case lost?:
      guard restored.isReleased else { throw late }
    case nil, service.cell?:
      guard restored.cell == lost else { throw ElsewhereTenant(cell: restored.cell) }
    case let other?: throw ElsewhereTenant(cell: other)
    }
  }

  /// What was on its way here from the lost cell does not come that way any more: durably, or it
  /// might be adopted beside what comes out of the archive.
  ///
  /// What comes from another cell is that one's: it may have released it.
  private func refuseMove(of tenant: TenantID, from lost: CellID) async throws {
    guard let head = engine.arriving.first(where: { $0.tenant == tenant })?.head else { return }
    guard head.counterpart == lost else {
      guard let source = head.counterpart else {
        throw Failure(.internalError, "a tenant on its way here from nowhere")
      }
      throw ElsewhereTenant(cell: source)
    }
    try await engine.refuseMoved(tenant, under: head.armed)
  }

  private var forks: UnfinishedForks {
    UnfinishedForks(engine: engine, directives: directives, sealer: sealer)
  }

  /// Whether it is a copy for people to look at.
  ///
  /// The lost cell's own store may come back without the records of its last moments: what the
  /// control plane says of the tenant counts as well.
  private func isFork(_ arrival: Arrival) async throws -> Bool {
    let tenant = arrival.tenant
    guard tenant != .cellStore else { return false }
    if arrival.isFork || arrival.unfinished != nil || directives.entry(of: tenant)?.isFork == true {
      return true
    }
    // What is here came back with the cell's own store.
    guard !arrival.isElsewhere else { return false }
    if case .fork = directives.mark(of: tenant) { return true }
    return try await forks.isUnfinished(tenant)
  }

  private func mark(_ arrival: Arrival, isFork: Bool) async throws {
    guard arrival.tenant != .cellStore else { return }
    if let made = arrival.unfinished { try await forks.note(made, of: arrival.tenant) }
    guard isFork else {
      return try await directives.mark(arrival.tenant, .suspended(restore: name, since: since))
    }
    if case .fork = directives.mark(of: arrival.tenant) { return }
    try await directives.mark(arrival.tenant, .fork(since: since))
  }

  /// What follows the installation: at once, since whoever has a credential is let in from here on.
  private func finish(_ tenant: TenantID) async throws {
    guard tenant != .cellStore else { return }
    try await forks.finish(tenant)
    try await noteDueWork(tenant)
  }

  /// A row of its own makes a record, and the record says when there is work to do.
  private func noteDueWork(_ tenant: TenantID) async throws {
    let claim = IdempotencyClaim(
      principal: "restore", key: name, payloadHash: [], file: .sessions,
      retentionSeconds: IdempotencyClaim.moneyRetention)
    _ = try await engine.perform(
      tenant, CommandOrigin(requestID: name, traceID: ""), claim
    ) { transaction in
      transaction.dueMayHaveChanged()
      return StoredAnswer(status: 200, contentType: "", body: [])
    }
  }
}

/// A tenant that another cell may have, as the lost one's journal says: that one is to be asked.
struct ElsewhereTenant: Error {
  let cell: CellID

  var failure: Failure {
    Failure(.conflict, "the tenant was on its way to \(cell), which may have it: see there first")
  }
}
