import Platform
import Wire

/// A move's target: the cell that serves the tenant once its adoption is durable.
extension StorageEngine {
  /// Makes the source's next records durable here and applies them.
  ///
  /// Throws `conflict` where they do not follow what is here, `diskFull` where they could not be
  /// written, `verificationFailed` where they could not be applied.
  public func appendImported(
    _ tenant: TenantID, under epoch: Epoch, _ records: [SealedRecord]
  ) async throws(Failure) -> TenantHead {
    try enterStep(tenant)
    defer { leaveStep(tenant) }
    let writer = try writer(tenant)
    let context = writer.context
    guard var last = context.heads[tenant], last.ownership == .importing, last.armed == epoch else {
      throw Failure(.notFound, "this tenant is not on its way here under this epoch")
    }
    for record in records {
      let identity = record.identity
      guard identity.tenant == tenant, identity.lineage == last.lineage,
        identity.tenantSeq == last.tenantSeq.next, identity.previousHash == last.hash,
        identity.kind.isInChain, identity.kind != .adopt, identity.kind != .release
      else {
        throw Failure(
          .conflict, "record \(identity.tenantSeq.rawValue) does not follow what is here")
      }
      last = TenantHead(after: last, identity, hash: record.hash, at: last.cellSeq)
    }
    guard !records.isEmpty else { return last }
    let placed = try await appendAll(records, context)
    guard let head = context.heads[tenant] else {
      throw Failure(.internalError, "a durable record whose tenant has no head")
    }
    await withUnsafeContinuation { (caller: UnsafeContinuation<Void, Never>) in
      context.readers.push(
        .task { isOver in
          if !isOver { writer.applyCopied(placed, head: head) }
          caller.resume()
        })
    }
    if let problem = writer.problem {
      throw Failure(.verificationFailed, "the records do not apply: \(problem.detail)")
    }
    return head
  }

  private func appendAll(
    _ records: [SealedRecord], _ context: EngineContext
  ) async throws(Failure) -> [JournalRecord] {
    let journal = context.journal
    let outcomes = records.map { _ in OneOutcome() }
    for (index, record) in records.enumerated() {
      let outcome = outcomes[index]
      journal.append(record, more: index + 1 < records.count) { result in
        guard case .durable(let seq) = result else { return outcome.set(nil) }
        let tenant = record.identity.tenant
        context.heads.durable(
          tenant,
          TenantHead(after: context.heads[tenant], record.identity, hash: record.hash, at: seq))
        outcome.set(
          record.placed(
            at: RecordPosition(
              cell: context.configuration.cell, generation: context.configuration.generation,
              cellSeq: seq)))
      }
    }
    var durable: [JournalRecord] = []
    for outcome in outcomes {
      if let record = await outcome.value { durable.append(record) }
    }
    guard durable.count == records.count else {
      throw Failure(.diskFull, "the tenant's records could not be written")
    }
    return durable
  }

  /// Records that everything up to the source's last record is here: from now on only the source
  /// knows who owns the tenant.
  ///
  /// Throws `conflict` where the record or a digest here is another one.
  public func readyForMove(
    _ tenant: TenantID, under epoch: Epoch, _ fence: MoveFence
  ) async throws(Failure) {
    try enterStep(tenant)
    defer { leaveStep(tenant) }
    let writer = try writer(tenant)
    let context = writer.context
    if let refusal = MoveRule.refusal(
      of: .ready(epoch, hash: fence.hash), at: context.heads[tenant])
    {
      if refusal.code == .alreadyDone { return }
      throw refusal
    }
    let digests: [String: Digest]
    do { digests = try keptDigests(of: writer) } catch {
      throw Failure(.verificationFailed, "a file does not open: \(error)")
    }
    // A file without rows may be on one side only: to read one that is not there makes it.
    let differing = Set(digests.keys).union(fence.digests.keys).filter {
      digests[$0] ?? .zero != fence.digests[$0] ?? .zero
    }
    guard differing.isEmpty else {
      throw Failure(.verificationFailed, "the files here have other digests than the source's")
    }
    try await step(.ready, under: epoch, writer)
  }

  /// Takes the tenant over, as the source's release says; serves it from here on.
  ///
  /// Answers its head; a repeat answers the same. Throws what ``MoveRule`` says, and
  /// `outcomeUnknown` where it may or may not be durable: the source tells it again.
  public func adoptMoved(
    _ tenant: TenantID, _ release: MoveRelease
  ) async throws(Failure) -> TenantHead {
    try enterStep(tenant)
    defer { leaveStep(tenant) }
    let writer = try writer(tenant)
    let context = writer.context
    guard let before = context.heads[tenant] else {
      throw Failure(.notFound, "this tenant is not on its way here")
    }
    let after = try follows(release, tenant, before, context) ? before.hash : .zero
    if let refusal = MoveRule.refusal(of: .adopt(release.epoch, after: after), at: before) {
      if refusal.code == .alreadyDone { return before }
      throw refusal
    }
    guard let source = before.counterpart else {
      throw Failure(.internalError, "a tenant on its way here from nowhere")
    }
    // It follows the release, whose cell's clock may be ahead of this one's.
    let identity = RecordIdentity(
      tenant: tenant, lineage: before.lineage, epoch: release.epoch,
      tenantSeq: release.tenantSeq.next, previousHash: release.hash,
      time: max(before.timeOfNext(at: context.now), release.time),
      schemaVersion: before.schemaVersion, kind: .adopt, nextDue: before.nextDue)
    let detail = MoveDetail(counterpart: source, cellSeq: release.cellSeq)
    let head = try await appendMoves(identity, detail, isPatient: true, context)
    writer.didAppend(head)
    writer.arrive()
    context.due.set(tenant, head.nextDue)
    return head
  }

  /// Whether the release that a source tells of is one of the last record here: made from that and
  /// the release's time, it has the hash that the source names.
  private func follows(
    _ release: MoveRelease, _ tenant: TenantID, _ before: TenantHead, _ context: EngineContext
  ) throws(Failure) -> Bool {
    let identity = RecordIdentity(
      tenant: tenant, lineage: before.lineage, epoch: release.epoch,
      tenantSeq: before.tenantSeq.next, previousHash: before.hash, time: release.time,
      schemaVersion: before.schemaVersion, kind: .release, nextDue: before.nextDue)
    let detail = MoveDetail(counterpart: context.configuration.cell)
    do throws(JournalError) {
      var encoder = RecordEncoder(capacity: 256)
      encoder.begin()
      return try encoder.seal(identity, files: [], detail: detail.bytes).hash == release.hash
    } catch {
      throw Failure(.internalError, "\(error)")
    }
  }

  /// Declines the tenant durably and removes what is here of it; done before, it does nothing.
  ///
  /// Only where the source has burned the epoch, or is not past its beginning.
  public func refuseMoved(_ tenant: TenantID, under epoch: Epoch) async throws(Failure) {
    try enterStep(tenant)
    defer { leaveStep(tenant) }
    let context = try running().context
    guard let writer = try? writer(tenant), let head = context.heads[tenant], head.armed == epoch
    else {
      // Nothing but files on their way here.
      try? imports.discard(tenant, epoch)
      return
    }
    if let refusal = MoveRule.refusal(of: .refuse(epoch), at: head) {
      if refusal.code == .alreadyDone { return }
      throw refusal
    }
    let refused = try await step(.refuse, under: epoch, writer)
    writer.leave()
    context.problems.resolve("tenant_stopped", tenant)
    do throws(FileError) { try imports.removePlaced(tenant) } catch {
      log.error("refused files stay until a restart", metadata: ["error": "\(error)"])
    }
    context.heads.flushed(tenant, through: refused.cellSeq)
  }

  // A target's own records, one at a time for each tenant.

  /// Throws `recovering` where another step is under way: a source that heard nothing asks again,
  /// and must not have the same record written twice.
  func enterStep(_ tenant: TenantID) throws(Failure) {
    let isFirst = life.withLock { life -> Bool in
      guard case .running(var running) = life else { return false }
      defer { life = .running(running) }
      return running.arriving.insert(tenant).inserted
    }
    guard isFirst else {
      throw Failure(
        .recovering, "another step of this move is under way", retryAfterMilliseconds: 100)
    }
  }

  func leaveStep(_ tenant: TenantID) {
    life.withLock { life in
      guard case .running(var running) = life else { return }
      running.arriving.remove(tenant)
      life = .running(running)
    }
  }

  /// A record beside the chain, about the last record that is here.
  @discardableResult
  private func step(
    _ kind: RecordKind, under epoch: Epoch, _ writer: TenantWriter
  ) async throws(Failure) -> TenantHead {
    let context = writer.context
    guard let before = context.heads[writer.tenant], let source = before.counterpart else {
      throw Failure(.notFound, "this tenant is not on its way here")
    }
    let identity = RecordIdentity(
      tenant: writer.tenant, lineage: before.lineage, epoch: epoch, tenantSeq: before.tenantSeq,
      previousHash: before.hash, time: before.time, schemaVersion: before.schemaVersion,
      kind: kind, nextDue: before.nextDue)
    let head = try await appendMoves(identity, MoveDetail(counterpart: source), context)
    writer.didAppend(head)
    return head
  }

  func appendMoves(
    _ identity: RecordIdentity, _ detail: MoveDetail, isPatient: Bool = false,
    _ context: EngineContext
  ) async throws(Failure) -> TenantHead {
    switch try await append(
      identity, detail: detail.bytes, counterpart: detail.counterpart, isPatient: isPatient,
      context)
    {
    case .durable(let head): return head
    case .late: throw Failure(.outcomeUnknown, "the move's record is not yet at the follower")
    case .failed: throw Failure(.diskFull, "the move's record could not be written")
    }
  }
}

/// What became of one record of several that were appended at once.
private final class OneOutcome: Sendable {
  private let stream: AsyncStream<JournalRecord?>
  private let next: AsyncStream<JournalRecord?>.Continuation

  init() { (stream, next) = AsyncStream.makeStream(of: JournalRecord?.self) }

  func set(_ record: JournalRecord?) {
    next.yield(record)
    next.finish()
  }

  var value: JournalRecord? {
    get async {
      for await record in stream { return record }
      return nil
    }
  }
}
