import Wire

/// Brings every tenant's files up to the journal at a start, in the order of the journal.
///
/// A tenant that cannot be brought up is stopped with the reason; the others go on.
struct Recovery {
  let context: EngineContext
  let writers: [TenantID: TenantWriter]
  /// Tenants that left: their files are elsewhere, and nobody needs their records here.
  let without: Set<TenantID>
  /// Whether the files have every record before a tenant's highest one: ``BootMark``.
  let isUnbroken: Bool
  private var open: Set<TenantID> = []
  /// Per tenant the first damage that stops it: of what lies behind nothing is applied, or it would
  /// look as if the files had what is lost.
  private var stopping: [TenantID: DamagedRange] = [:]
  private(set) var replayed: UInt64 = 0
  /// Whether a replay ended in the middle: one file may have many records that another lacks.
  private(set) var hasFailed = false

  init(
    context: EngineContext, writers: [TenantID: TenantWriter], without: Set<TenantID>,
    isUnbroken: Bool
  ) {
    self.context = context
    self.writers = writers
    self.without = without
    self.isUnbroken = isUnbroken
  }

  mutating func run(_ opened: OpenedJournal) throws {
    if !opened.damage.isEmpty {
      context.problems.add(
        .journalDamaged(
          opened.damage.map(\.description).joined(separator: "; "), since: context.now))
    }
    if let problem = opened.headsProblem {
      context.problems.add(.journalDamaged("the table of heads: \(problem)", since: context.now))
    }
    for range in opened.damage { find(stoppedBy: range) }
    for tenant in writers.keys.sorted() { applyStopped(tenant, before: opened.last.next) }
    var records = try opened.journal.records(from: opened.first)
    while let record = try records.next() { apply(record) }
    for tenant in open.sorted() { finish(tenant) }
    for (tenant, range) in stopping { stop(tenant, by: range) }
    context.metrics.replayed(replayed)
    // The thread of the start comes no more.
    context.running?.end()
  }

  /// Works on a tenant's core in its name: what crashes here is its crash.
  private func withCore<T: Sendable>(
    of writer: TenantWriter, _ body: (TenantCore) throws -> T
  ) rethrows -> T {
    context.running?.enter(writer.tenant)
    defer { context.running?.leave() }
    return try writer.withCore(body)
  }

  /// Applies what was copied out of the journal when the tenant was stopped.
  ///
  /// The copy goes once the files are flushed with it, so the tenant is to be flushed.
  private mutating func applyStopped(_ tenant: TenantID, before next: CellSeq) {
    // A quarantined tenant's wait: applying them may be what ended the process.
    guard let writer = writers[tenant], writer.problem == nil else { return }
    do {
      let (hasCopy, applied) = try withCore(of: writer) { core in
        defer { core.closeFiles() }
        return (try core.replayCopied(), try core.finishReplay())
      }
      guard hasCopy else { return }
      replayed += applied
      context.heads.replayed(tenant, from: next)
    } catch {
      stop(writer, Obstacle("the records copied when it was stopped", error))
    }
  }

  private mutating func apply(_ record: JournalRecord) {
    let tenant = record.identity.tenant
    guard let writer = writers[tenant], !without.contains(tenant) else { return }
    // Also what a stopped tenant has not applied stays needed.
    context.heads.replayed(tenant, from: record.position.cellSeq)
    guard writer.problem == nil else { return }
    // Another branch: a restore's files took the place of those that it was written for.
    guard record.identity.lineage == context.heads[tenant]?.lineage else { return }
    if let range = stopping[tenant], record.position.cellSeq > range.firstSeq { return }
    if !open.contains(tenant), open.count >= context.openTenants.limit, let other = open.first {
      // Any of them: each comes back where its next record wants it.
      finish(other)
    }
    do {
      try withCore(of: writer) { try $0.replay(record.identity, try record.decodedPayload()) }
      open.insert(tenant)
    } catch {
      open.remove(tenant)
      stop(writer, Obstacle("replay at tenant_seq \(record.identity.tenantSeq.rawValue)", error))
    }
  }

  private mutating func finish(_ tenant: TenantID) {
    guard open.remove(tenant) != nil, let writer = writers[tenant] else { return }
    do {
      replayed += try withCore(of: writer) { core in
        defer { core.closeFiles() }
        return try core.finishReplay()
      }
    } catch {
      stop(writer, Obstacle("replay", error))
    }
  }

  /// What the machine refused now is tried again once the engine runs.
  private mutating func stop(_ writer: TenantWriter, _ reason: Obstacle) {
    hasFailed = true
    if reason.mayPass { writer.withCore { $0.lack = .records } }
    writer.stop(reason)
  }

  /// Asks the files as they stand before any replay what of the range they have.
  private mutating func find(stoppedBy range: DamagedRange) {
    for (tenant, writer) in writers where !without.contains(tenant) {
      // Only who has something there needs to be asked; files are slow to open.
      guard range.stops(tenant, applied: .zero) else { continue }
      // A quarantined tenant's stay closed: what they have counts as not applied, and is kept.
      let isClosed = writer.problem != nil
      let applied =
        isClosed
        ? nil : try? withCore(of: writer) { try $0.appliedFiles(isUnbroken: isSteady(tenant)) }
      guard range.stops(tenant, applied: applied?.whole ?? .zero) else { continue }
      if let before = stopping[tenant], before.firstSeq <= range.firstSeq { continue }
      stopping[tenant] = range
    }
  }

  /// Whether the tenant's files went from record to record since the mark was set: those of one on
  /// its way here take many at a time, file by file.
  private func isSteady(_ tenant: TenantID) -> Bool {
    isUnbroken && context.heads[tenant]?.ownership != .importing
  }

  private func stop(_ tenant: TenantID, by range: DamagedRange) {
    guard let writer = writers[tenant] else { return }
    // The damaged segment stays until a repair: it is the only trace of what is missing.
    context.heads.lost(tenant, from: range.firstSeq)
    // Quarantine and other damage stay as they are named; a stalled tenant is not tried again.
    guard writer.problem?.mayPass != false else { return }
    writer.stop("journal damage, \(range)")
  }
}
