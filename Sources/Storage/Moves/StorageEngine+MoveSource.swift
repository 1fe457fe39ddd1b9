import Platform
import Wire

/// Where a tenant stood when its source fenced it: what its target must have.
public struct MoveFence: Hashable, Sendable {
  /// The last record.
  public var tenantSeq: TenantSeq
  public var hash: SHA256Hash
  /// By file name; only files that exist.
  public var digests: [String: Digest]

  public init(tenantSeq: TenantSeq, hash: SHA256Hash, digests: [String: Digest]) {
    self.tenantSeq = tenantSeq
    self.hash = hash
    self.digests = digests
  }
}

/// What a source tells of a release: the adoption follows it.
public struct MoveRelease: Hashable, Sendable {
  public var epoch: Epoch
  /// Where the release lies in the source's journal.
  public var cellSeq: CellSeq
  public var tenantSeq: TenantSeq
  /// The release's own hash.
  ///
  /// With the time it is all that a target lacks to make the record itself,
  /// and so to see that it follows the last one here.
  public var hash: SHA256Hash
  public var time: Timestamp

  public init(
    epoch: Epoch, cellSeq: CellSeq, tenantSeq: TenantSeq, hash: SHA256Hash, time: Timestamp
  ) {
    self.epoch = epoch
    self.cellSeq = cellSeq
    self.tenantSeq = tenantSeq
    self.hash = hash
    self.time = time
  }

  init(_ head: TenantHead) {
    self.init(
      epoch: head.armed, cellSeq: head.cellSeq, tenantSeq: head.tenantSeq, hash: head.hash,
      time: head.time)
  }
}

/// A move's source: the cell that serves the tenant until its release is durable.
extension StorageEngine {
  /// Records, durably, that the tenant may move to `target` under `epoch`, and begins to keep what
  /// becomes true from here on.
  ///
  /// Commands wait while the record is written. Throws what ``MoveRule`` says, `recovering` where
  /// the tenant is stopped or busy otherwise, `diskFull`, `outcomeUnknown`.
  public func beginMove(
    _ tenant: TenantID, to target: CellID, under epoch: Epoch
  ) async throws(Failure) {
    let writer = try await held(tenant, within: Self.holdNanoseconds)
    defer { writer.endHold() }
    try await take(.begin(epoch), .begin, under: epoch, counterpart: target, writer)
    writer.tap.withLock { $0 = MoveTap() }
  }

  /// Records that became true after `seq`, at most `limit` bytes or one that is larger.
  ///
  /// Throws `conflict` where no move is under way, `overloaded` where its target is too far behind.
  public func takeMoved(
    _ tenant: TenantID, after seq: TenantSeq, bytes limit: Int
  ) throws(Failure) -> [SealedRecord] {
    let writer = try writer(tenant)
    guard let tap = writer.tap.withLock({ $0 }) else {
      throw Failure(.conflict, "no move of this tenant is under way here")
    }
    return try tap.take(after: seq, bytes: limit)
  }

  /// Bytes of records that a move's target lacks.
  public func movedBytesWaiting(_ tenant: TenantID) -> Int {
    (try? writer(tenant))?.tap.withLock { $0 }?.waitingBytes ?? 0
  }

  /// Brings the tenant to rest and keeps it there: commands wait, reads go on.
  ///
  /// ``unfence(_:)``, ``burnMove(_:under:)`` or ``releaseMove(_:to:under:ready:by:)`` ends it.
  /// Throws `overloaded` where it does not come to rest within `nanoseconds`.
  public func fence(
    _ tenant: TenantID, within nanoseconds: UInt64
  ) async throws(Failure) -> MoveFence {
    let writer = try await held(tenant, within: nanoseconds)
    let head = writer.committedHead
    do {
      return MoveFence(
        tenantSeq: head.tenantSeq, hash: head.hash, digests: try keptDigests(of: writer))
    } catch {
      writer.endHold()
      throw Failure(.recovering, "a file does not open: \(error)")
    }
  }

  /// Serves a fenced tenant again.
  public func unfence(_ tenant: TenantID) { (try? writer(tenant))?.endHold() }

  /// Gives a move up, durably: its epoch is never used.
  ///
  /// Also of a tenant that is fenced, which is served again. Throws `alreadyDone` where no move is
  /// under way; on any other error nothing is known, and it is to be asked again.
  public func burnMove(_ tenant: TenantID, under epoch: Epoch) async throws(Failure) {
    let writer = try writer(tenant)
    // Fenced by the same move, or at rest in a moment.
    if !writer.isAtRest { _ = try await held(tenant, within: Self.holdNanoseconds) }
    defer {
      // Also where the record's outcome is not known: what it kept is nobody's.
      writer.tap.withLock { $0 = nil }
      writer.endHold()
    }
    let counterpart = writer.context.heads[tenant]?.counterpart
    try await take(.burn(epoch), .burn, under: epoch, counterpart: counterpart, writer)
  }

  /// The commit point: gives a fenced tenant to the target, durably in the tenant's mode.
  ///
  /// `mayBegin` is asked right before the append begins; from then on only an append that was cut
  /// aborts. Where it throws `conflict` or `diskFull` the tenant is still this cell's and fenced;
  /// on success it is the target's, and everybody who waits here hears `moved`. It waits for the
  /// tenant's followers as long as they take.
  public func releaseMove(
    _ tenant: TenantID, to target: CellID, under epoch: Epoch, ready hash: SHA256Hash,
    mayBegin: @Sendable () -> Bool
  ) async throws(Failure) -> MoveRelease {
    let writer = try writer(tenant)
    guard writer.isAtRest else {
      throw Failure(.conflict, "the tenant is not fenced")
    }
    guard mayBegin() else {
      throw Failure(.deadlineExceeded, "the cap of the move's pause was reached")
    }
    let head = try await take(
      .release(epoch, ready: hash), .release, under: epoch, counterpart: target, writer,
      isPatient: true)
    if Sabotage.skipEpochCheck.isOn {
      goOnUnowned(tenant, writer)
    } else {
      writer.leave()
      writer.context.due.set(tenant, nil)
    }
    return MoveRelease(head)
  }

  /// What a source does that skips its epochs' check: it goes on as if nobody else owned the
  /// tenant.
  private func goOnUnowned(_ tenant: TenantID, _ writer: TenantWriter) {
    Task { [imports] in
      // Once somebody does: what it writes before would keep the target from taking the tenant.
      for _ in 0..<30_000 {
        guard (try? imports.isPlaced(tenant)) ?? false else { break }
        try? await Task.sleep(for: .milliseconds(1))
      }
      writer.endHold()
    }
  }

  /// What became of a move under `epoch`, as its target asks.
  public enum MoveStanding: Hashable, Sendable {
    /// It is, or may still be, under way.
    case pending
    case burned
    case released(MoveRelease)
  }

  /// Tenants whose move is to be settled with its target before anybody serves them: this cell goes
  /// on from a copy that may lack their release.
  public var unsettled: [(tenant: TenantID, head: TenantHead)] {
    servedHeads.filter { tenant, head in
      head.ownership == .moving && (try? writer(tenant))?.isAway == true
    }.map { ($0.key, $0.value) }
  }

  /// Serves an unsettled tenant: its target has durably refused it.
  public func resumeMoving(_ tenant: TenantID) {
    guard let writer = try? writer(tenant) else { return }
    writer.arrive()
    writer.context.due.set(tenant, writer.committedHead.nextDue)
  }

  /// Gives an unsettled tenant up, durably: its target has adopted it.
  public func concedeMove(_ tenant: TenantID, under epoch: Epoch) async throws(Failure) {
    let writer = try writer(tenant)
    guard writer.isAway else { throw Failure(.conflict, "the tenant is served here") }
    let target = writer.context.heads[tenant]?.counterpart
    try await take(.concede(epoch), .release, under: epoch, counterpart: target, writer)
  }

  /// Whether this cell serves a tenant now.
  public func serves(_ tenant: TenantID) -> Bool {
    (try? writer(tenant)).map { !$0.isAway } ?? false
  }

  /// What to tell of a tenant that was released; nil where it was not.
  public func release(of tenant: TenantID) -> MoveRelease? {
    guard let context = (try? running())?.context, let head = context.heads[tenant],
      head.ownership == .released
    else { return nil }
    return MoveRelease(head)
  }

  /// What became of a move of this cell's.
  ///
  /// Nil where the tenant has never been here.
  public func moveStanding(_ tenant: TenantID, under epoch: Epoch) -> MoveStanding? {
    guard let head = (try? running())?.context.heads[tenant] else { return nil }
    // Released under a higher epoch means that this cell had it back after `epoch`, or burned it.
    guard head.armed == epoch else { return head.armed > epoch ? .burned : .pending }
    switch head.ownership {
    case .moving: return .pending
    case .released:
      return .released(MoveRelease(head))
    case .owned: return head.epoch < epoch ? .burned : .pending
    case .importing, .ready, .refused: return .pending
    }
  }

  /// How long commands may wait while a record of a move is written.
  private static let holdNanoseconds: UInt64 = 2_000_000_000

  /// Holds a tenant that is served, and waits until it is at rest.
  private func held(
    _ tenant: TenantID, within nanoseconds: UInt64
  ) async throws(Failure) -> TenantWriter {
    let writer = try writer(tenant)
    guard writer.hold() else {
      throw Failure(
        .recovering, "the tenant is stopped, stalled, or held by another operation",
        retryAfterMilliseconds: 1_000)
    }
    let end = MonotonicTime.nanoseconds() + nanoseconds
    while !writer.isAtRest {
      guard MonotonicTime.nanoseconds() < end, writer.problem == nil else {
        writer.endHold()
        throw Failure(.overloaded, "the tenant does not come to rest; try again")
      }
      try? await Task.sleep(for: .microseconds(200))
    }
    return writer
  }

  /// Takes one step of a held tenant's move: asks the rule, appends the record, moves the head on.
  @discardableResult
  private func take(
    _ step: MoveStep, _ kind: RecordKind, under epoch: Epoch, counterpart: CellID?,
    _ writer: TenantWriter, isPatient: Bool = false
  ) async throws(Failure) -> TenantHead {
    let context = writer.context
    let before = writer.committedHead
    if let refusal = MoveRule.refusal(of: step, at: context.heads[writer.tenant]) { throw refusal }
    let identity = RecordIdentity(
      tenant: writer.tenant, lineage: before.lineage, epoch: epoch,
      tenantSeq: before.tenantSeq.next, previousHash: before.hash,
      time: before.timeOfNext(at: context.now), schemaVersion: before.schemaVersion, kind: kind,
      nextDue: before.nextDue)
    let detail = counterpart.map { MoveDetail(counterpart: $0).bytes } ?? []
    switch try await append(
      identity, detail: detail, counterpart: counterpart, isPatient: isPatient, context)
    {
    case .durable(let head):
      writer.didAppend(head)
      return head
    case .late(let head):
      writer.didAppend(head)
      throw Failure(.outcomeUnknown, "the move's record is not yet at the follower")
    case .failed:
      throw Failure(.diskFull, "the move's record could not be written")
    }
  }
}
