import Platform
import Wire

/// A follower's copy: another process's groups, made durable and applied here.
extension StorageEngine {
  /// Makes the next group of the primary's journal durable here, byte for byte; answers when it is.
  ///
  /// It is applied to the tenants' files soon after; reads see it then. Throws `conflict` where it
  /// does not follow the journal's end, and `diskFull` where it could not be written.
  public func follow(_ group: DurableGroup) async throws(Failure) {
    let running = try running()
    precondition(configuration.isFollowing, "only a follower copies groups")
    let records: [JournalRecord]
    do { records = try group.records() } catch {
      throw Failure(.invalidRequest, "a group whose records cannot be read")
    }
    let context = running.context
    let outcome = await withUnsafeContinuation {
      (caller: UnsafeContinuation<AppendOutcome, Never>) in
      context.journal.append(group) { outcome in
        if case .durable = outcome {
          for record in records {
            let (tenant, seq) = (record.identity.tenant, record.position.cellSeq)
            let before = context.heads[tenant]
            // A detail that cannot be read costs the other cell's name, not the position.
            let head =
              (try? TenantHead(after: before, record))
              ?? TenantHead(after: before, record.identity, hash: record.hash, at: seq)
            context.heads.durable(tenant, head)
          }
          context.following.add(records)
        }
        caller.resume(returning: outcome)
      }
    }
    switch outcome {
    case .durable: return
    case .refused(.notNext):
      throw Failure(.conflict, "the group does not follow this journal's end")
    case .refused(.closed): throw Failure(.shuttingDown, "this follower is shutting down")
    case .cut, .refused, .unacknowledged:
      throw Failure(.diskFull, "the group could not be written", retryAfterMilliseconds: 1_000)
    }
  }

  /// The last position that the tenants' files have, and the time of its record.
  public var applied: (seq: CellSeq, time: Timestamp)? {
    guard let context = (try? running())?.context else { return nil }
    let state = context.following.state
    return (state.seq, state.time)
  }

  /// The time of the oldest record that was copied and that its tenant's files lack; nil: they have
  /// every one.
  public var oldestUnapplied: Timestamp? {
    guard let context = (try? running())?.context else { return nil }
    return context.following.state.oldest
  }

  /// What was copied and is not applied yet.
  public var unapplied: (records: Int, bytes: Int) {
    guard let context = (try? running())?.context else { return (0, 0) }
    let state = context.following.state
    return (state.waiting.count, state.bytes)
  }

  /// Applies what was copied, on a thread of its own, until the engine closes.
  func applyCopied(_ context: EngineContext) {
    while let records = context.following.next() {
      var byTenant: [TenantID: [JournalRecord]] = [:]
      for record in records { byTenant[record.identity.tenant, default: []].append(record) }
      for (tenant, records) in byTenant {
        guard let head = context.heads[tenant] else { continue }
        applyCopied(tenant, records, head, context)
      }
      if let last = records.last {
        context.following.applied(last.position.cellSeq, last.identity.time)
      }
    }
  }

  private func applyCopied(
    _ tenant: TenantID, _ records: [JournalRecord], _ head: TenantHead, _ context: EngineContext
  ) {
    let known = try? self.writer(tenant)
    // Whatever these records bring: it may be what ended the process. The journal keeps them.
    if let problem = context.problems.find(Problem.quarantineCode, tenant) {
      guard let known else {
        addWriter(tenant, head, context, stoppedBy: problem)
        return
      }
      if known.problem == nil { known.stop(problem.detail, problem) }
      return
    }
    var writer = known ?? addWriter(tenant, head, context)
    var records = records[...]
    // The last one decides whose files these are: what lies before it was in others.
    if let last = records.lastIndex(where: { $0.identity.kind.exchangesFiles }) {
      let identity = records[last].identity
      switch identity.kind {
      case .import:
        writer = takeImported(tenant, under: identity.epoch, head, context)
        records = records[last...]
      case .refuse:
        return discardRefused(tenant, under: identity.epoch, head, context)
      default:
        // The journal does not hold what the branch begins with.
        return writer.stop("it was restored at the primary: its files are to be fetched")
      }
    }
    writer.applyCopied(Array(records), head: head)
    if let first = records.first, first.identity.kind == .import, writer.problem == nil {
      // They were synced before they came to their place.
      context.heads.flushed(tenant, through: first.position.cellSeq)
    }
    if head.ownership.isServed { writer.arrive() }
  }
}

/// Records between a follower's journal and its files.
final class CopiedRecords: Sendable {
  /// Records and bytes in one step.
  static let perStep = 8_000
  static let bytesPerStep = 16 * 1_024 * 1_024
  /// How long what arrives is gathered: a transaction of many records of a tenant costs little more
  /// than one of a single one, and nobody waits for a follower's files.
  static let gatherNanoseconds: UInt64 = 500_000_000

  struct State: Sendable {
    var waiting: [JournalRecord] = []
    /// Of their payloads.
    var bytes = 0
    /// The time of the first of those that are being applied.
    var underWay: Timestamp?
    var seq = CellSeq(0)
    var time = Timestamp.zero
    var isClosed = false

    /// The time of the first record that is not applied.
    var oldest: Timestamp? { underWay ?? waiting.first?.identity.time }
  }
  private let monitor = Monitor(State())

  var state: State { monitor.withLock { $0 } }

  func add(_ records: [JournalRecord]) {
    monitor.withLock { state in
      state.waiting += records
      state.bytes += records.reduce(0) { $0 + $1.payload.count }
    }
    monitor.signal()
  }

  /// The next records; nil at the end.
  ///
  /// What waits then is applied by the next start.
  func next() -> [JournalRecord]? {
    let isOpen = monitor.wait { state -> Bool? in
      state.isClosed ? false : state.waiting.isEmpty ? nil : true
    }
    guard isOpen else { return nil }
    _ = monitor.wait(nanoseconds: Self.gatherNanoseconds) { state -> Bool? in
      let isFull = state.waiting.count >= Self.perStep || state.bytes >= Self.bytesPerStep
      return isFull || state.isClosed ? true : nil
    }
    return monitor.withLock { state in
      guard !state.isClosed else { return nil }
      let step = Array(state.waiting.prefix(Self.perStep))
      state.underWay = step.first?.identity.time
      state.waiting.removeFirst(step.count)
      state.bytes -= step.reduce(0) { $0 + $1.payload.count }
      return step
    }
  }

  func applied(_ seq: CellSeq, _ time: Timestamp) {
    monitor.withLock {
      $0.seq = seq
      $0.time = time
      $0.underWay = nil
    }
  }

  func close() {
    monitor.withLock { $0.isClosed = true }
    monitor.broadcast()
  }
}
