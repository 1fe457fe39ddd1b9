import Archive
import Edge
import Platform
import Storage
import Trust
import Wire

/// Restores tenants of this cell from the archive: as a fork beside, or in the old one's place.
///
/// Everything before ``StorageEngine/install(_:lineage:epoch:origin:expected:)`` touches nothing
/// that is served, and may be done again. The branch's id follows from the operation, so that a
/// repeat after a restart finds what was done.
struct TenantRestoration: Sendable {
  let service: ArchiveService
  let engine: StorageEngine
  let directives: Directives
  let files: any FileSystem
  let random: any RandomSource
  let clock: any WallClock
  let dataDirectory: String
  let sealer: Sealer
  /// Called when another state of a tenant is in place: what was remembered of it is not so.
  let forget: @Sendable (TenantID) -> Void
  let wake: @Sendable (TenantID) -> Void
  /// Has a follower put a tenant's files as of a point into the archive; answers the snapshot's
  /// name.
  var followersSnapshot: @Sendable (TenantID, RestoreTarget) async throws -> String = { _, _ in
    throw Failure(.invalidState, "this cell has no follower")
  }

  struct Request: Sendable {
    let operation: String
    let tenant: TenantID
    let target: RestoreTarget
    let accept: Bool
    /// Begin with the files of a follower, not with a snapshot of this cell.
    var isFromFollower = false
    /// Nil: a swap.
    let fork: Aimstors_ProtoTenantProfile?
  }

  var now: Timestamp { Timestamp(milliseconds: clock.milliseconds()) }

  func run(_ request: Request, _ progress: CellWork.Progress) async throws -> RestoreResult {
    guard engine.heads[request.tenant]?.ownership.isServed == true, request.tenant != .cellStore
    else {
      throw Failure(.notFound, "no such tenant in this cell")
    }
    if let profile = request.fork { return try await fork(request, profile, progress) }
    return try await swap(request, progress)
  }

  /// The snapshot to begin with; nil: the archive's best.
  private func begin(
    _ request: Request, _ progress: CellWork.Progress
  ) async throws -> String? {
    guard request.isFromFollower else { return nil }
    progress.step("follower")
    return try await followersSnapshot(request.tenant, request.target)
  }

  /// The branch that an operation makes: the same in every attempt.
  static func lineage(_ operation: String) -> Lineage {
    let hash = SHA256Hash.of(Array("restore \(operation)".utf8)).bytes
    return Lineage(hash.prefix(8).reduce(0) { $0 << 8 | UInt64($1) })
  }

  private func fork(
    _ request: Request, _ profile: Aimstors_ProtoTenantProfile, _ progress: CellWork.Progress
  ) async throws -> RestoreResult {
    guard let fork = TenantID(profile.tenant), fork != request.tenant, fork != .cellStore else {
      throw Failure(.invalidIdentifier, "not a tenant id")
    }
    guard let entry = DirectoryEntry(profile) else {
      throw Failure(.invalidIdentifier, "not a tenant id")
    }
    let unfinished = UnfinishedForks(engine: engine, directives: directives, sealer: sealer)
    let lineage = Self.lineage(request.operation)
    if let head = engine.heads[fork] {
      guard head.lineage == lineage else {
        throw Failure(.tenantExists, "another tenant has the id \(fork)")
      }
    } else {
      let snapshot = try await begin(request, progress)
      progress.step("restore")
      let restored = try await service.prepare(
        request.tenant, to: request.target, as: fork, lineage: lineage, from: snapshot)
      progress.step("archive")
      let at = restored.position
      try await service.storeBase(
        fork, restored, lineage: lineage,
        before: service.head(
          before: at, of: request.tenant, epoch: Epoch(profile.epoch)),
        isFork: true)
      try await note(request, restored, AbandonedRecords(), fork)
      progress.step("install")
      try await unfinished.begin(entry, of: request.tenant, by: request.operation, at: now)
      try await engine.install(
        fork, lineage: lineage, epoch: Epoch(profile.epoch),
        origin: RestoreOrigin(
          tenant: request.tenant, lineage: at.lineage, tenantSeq: at.tenantSeq, hash: at.hash,
          isFork: true),
        expected: nil)
    }
    progress.step("announce")
    let currency = Currency(profile.currency)
    let (sealer, source, operation) = (sealer, request.tenant, request.operation)
    try await engine.write(fork, CommandOrigin(requestID: request.operation, traceID: "")) {
      transaction in
      try ForkedAccess(transaction).close(of: source, by: operation, sealer)
      guard let currency else { return }
      try ProfileStore(transaction).set(
        TenantProfile(
          name: profile.name, slug: profile.slug, region: profile.region, currency: currency,
          timeZone: profile.timeZone, tier: profile.tier, parent: profile.parent,
          createdAt: Timestamp(milliseconds: profile.createdAtMs)))
      transaction.dueMayHaveChanged()
    }
    try await unfinished.end(fork)
    try await engine.write(source, CommandOrigin(requestID: operation, traceID: "")) { tx in
      let log = try AuditLog(tx)
      let last = try AuditStore(tx).newest(before: .max, action: "tenant.fork", limit: 1)
      guard last.first?.subject != operation else { return }
      try log.append(
        AuditEvent(
          action: "tenant.fork", actor: .system, subject: operation,
          detail: [.init("fork", fork.rawValue)]), at: tx.now)
    }
    // Its people are told at once.
    forget(source)
    // Once more: until it was here its mode held for nobody.
    try await directives.set(entry, trace: "")
    return try await finished(request, fork)
  }

  private func swap(
    _ request: Request, _ progress: CellWork.Progress
  ) async throws -> RestoreResult {
    let tenant = request.tenant
    let lineage = Self.lineage(request.operation)
    if engine.heads[tenant]?.lineage != lineage {
      try await replace(request, lineage, progress)
    }
    progress.step("announce")
    let (operation, at) = (request.operation, "\(request.target)")
    // A row of its own makes a record, and the record says when there is work to do.
    let claim = IdempotencyClaim(
      principal: "restore", key: request.operation, payloadHash: [], file: .sessions,
      retentionSeconds: IdempotencyClaim.moneyRetention)
    _ = try await engine.perform(
      tenant, CommandOrigin(requestID: request.operation, traceID: ""), claim
    ) { transaction in
      transaction.dueMayHaveChanged()
      try AuditLog(transaction).append(
        AuditEvent(
          action: "tenant.restore", actor: .system, subject: operation,
          detail: [.init("at", at)]), at: transaction.now)
      return StoredAnswer(status: 200, contentType: "", body: [])
    }
    forget(tenant)
    var result = try await finished(request, tenant)
    let limit = CellLimits.suspendedShown
    (result.suspended, result.suspendedCount) = try await engine.read(tenant, [.messages]) {
      (try SuspendedStore($0).oldest(limit: limit), try SuspendedTenant($0).sends)
    }
    return result
  }

  /// Prepares the files beside the tenant, then puts them in its place while it rests.
  private func replace(
    _ request: Request, _ lineage: Lineage, _ progress: CellWork.Progress
  ) async throws {
    let tenant = request.tenant
    let snapshot = try await begin(request, progress)
    progress.step("restore")
    let past = try await service.restoreBeside(tenant, to: request.target, from: snapshot)
    do {
      progress.step("hold")
      let head = try await engine.hold(tenant)
      do {
        let merge = SwapMerge(restoration: self, tenant: tenant, lineage: lineage, head: head)
        let (restored, abandoned) = try await merge.run(past, accept: request.accept, progress)
        try await service.storeBase(
          tenant, restored, lineage: lineage, before: head, isFork: false)
        try await note(request, past.restored, abandoned, tenant)
        progress.step("install")
        try await directives.mark(tenant, .suspended(restore: request.operation, since: now))
        let at = past.restored.position
        try await engine.install(
          tenant, lineage: lineage, epoch: head.epoch,
          origin: RestoreOrigin(
            tenant: tenant, lineage: at.lineage, tenantSeq: at.tenantSeq, hash: at.hash,
            isFork: false),
          expected: head)
      } catch {
        // Where the record may be durable the tenant stays held: a start tells.
        if (error as? Failure)?.code != .outcomeUnknown {
          engine.unhold(tenant)
          if case .suspended(request.operation, _) = directives.mark(of: tenant) {
            try await directives.mark(tenant, nil)
          }
        }
        throw error
      }
    } catch {
      await service.discard(past)
      throw error
    }
    await service.discard(past)
  }

  /// Lets a swapped-in tenant send; answers how many messages waited.
  func release(_ tenant: TenantID, _ restore: String) async throws -> Int {
    switch directives.mark(of: tenant) {
    case .suspended(let waiting, _):
      guard waiting == restore else {
        throw Failure(.conflict, "the tenant waits for the release of \(waiting)")
      }
    case .fork: throw Failure(.forbidden, "a fork never sends")
    case nil: return 0
    }
    let count = try await engine.read(tenant, [.messages]) { try SuspendedTenant($0).sends }
    try await directives.mark(tenant, nil)
    wake(tenant)
    return count
  }

  /// Lets every tenant here send that one restore of the whole cell suspended; answers how many
  /// messages waited.
  ///
  /// One that cannot be released keeps no other waiting: the first failure is thrown at the end,
  /// and a repeat goes on with who is left. Who has moved is released where it is.
  func releaseAll(_ restore: String) async throws -> Int {
    var count = 0
    var failed: [(tenant: TenantID, error: any Error)] = []
    for tenant in engine.servedHeads.keys.sorted() {
      guard case .suspended(restore, _) = directives.mark(of: tenant) else { continue }
      do { count += try await release(tenant, restore) } catch { failed.append((tenant, error)) }
    }
    guard let first = failed.first else { return count }
    let failure = RestoreFailure.of(first.error)
    throw Failure(
      failure.code,
      "\(failed.count) tenants are not released, such as \(first.tenant): \(failure.detail)",
      retryAfterMilliseconds: failure.retryAfterMilliseconds)
  }

  // The result, durable before the files are in place: a repeat after a restart answers it.

  private func note(
    _ request: Request, _ restored: RestoredTenant, _ abandoned: AbandonedRecords,
    _ owner: TenantID
  ) async throws {
    let result = RestoreResult(
      restoreID: request.operation, mode: request.fork == nil ? "swap" : "fork",
      tenantID: owner.rawValue, sourceTenantID: request.tenant.rawValue,
      tenantSeq: restored.position.tenantSeq.rawValue, time: restored.position.time,
      lineage: String(Self.lineage(request.operation).rawValue, radix: 16), suspended: [],
      suspendedCount: 0, abandoned: abandoned, snapshot: restored.snapshot,
      records: restored.records, bytes: restored.bytes)
    try await directives.setFact("restore/\(request.operation)", try EdgeJSON.encode(result))
  }

  private func finished(_ request: Request, _ owner: TenantID) async throws -> RestoreResult {
    // What it writes next follows its base in the archive: from here on it is restorable.
    guard await service.waitUntilArchived(seconds: ArchiveLimits.catchUpSeconds) else {
      throw Failure(.archiveUnavailable, "restored; the archive does not take its first record yet")
    }
    guard let bytes = try await directives.fact("restore/\(request.operation)") else {
      throw Failure(.internalError, "the restore's result is not there")
    }
    return try EdgeJSON.decode(RestoreResult.self, from: bytes)
  }
}
