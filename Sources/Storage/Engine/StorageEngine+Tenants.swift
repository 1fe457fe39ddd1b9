import CSQLite
import Platform
import Wire

extension StorageEngine {
  /// What one tenant's files hold at one moment.
  public struct TenantDigest: Sendable, Hashable {
    public let tenantSeq: TenantSeq
    /// By file name; only files that exist.
    public let files: [String: Digest]
    /// Whether every digest was computed by a full scan and equalled the kept one.
    public let recomputed: Bool
  }

  /// Begins a tenant here: its first record.
  ///
  /// Answers when it is durable; its files are made on first use. Throws `tenantExists`,
  /// `outcomeUnknown`, and `tenantStopped` where the tenant may exist in a damaged range.
  public func create(
    _ tenant: TenantID, epoch: Epoch, lineage: Lineage? = nil
  ) async throws(Failure) {
    let running = try running()
    if running.context.heads[tenant] == nil, let refusal = running.unseen.refusal(of: tenant) {
      throw refusal
    }
    let mayCreate = life.withLock { life -> Bool in
      guard case .running(var running) = life, running.writers[tenant] == nil else { return false }
      let isFirst = running.creating.insert(tenant).inserted
      life = .running(running)
      return isFirst
    }
    guard mayCreate else { throw Failure(.tenantExists, "this tenant exists in this cell") }
    defer {
      life.withLock { life in
        guard case .running(var running) = life else { return }
        running.creating.remove(tenant)
        life = .running(running)
      }
    }
    let context = running.context
    let schema = index(tenant)
    let identity = RecordIdentity(
      tenant: tenant, lineage: lineage ?? Lineage(random.uint64()), epoch: epoch,
      tenantSeq: TenantSeq(1), previousHash: .zero, time: context.now,
      schemaVersion: schema.version(at: configuration.ceiling.level), kind: .create, nextDue: nil)
    let appended = try await append(identity, detail: [], context)
    let head: TenantHead
    switch appended {
    case .durable(let first), .late(let first): head = first
    case .failed:
      throw Failure(.outcomeUnknown, "the tenant may or may not have been created; try again")
    }
    // Also where it waits for a follower: what comes later waits longer.
    addWriter(tenant, head, context)
    if case .late = appended {
      throw Failure(.outcomeUnknown, "the tenant is not yet at the follower; ask again later")
    }
  }

  /// The writer of a tenant that was not known before; with a `problem` nobody finds it unstopped.
  @discardableResult
  func addWriter(
    _ tenant: TenantID, _ head: TenantHead, _ context: EngineContext,
    stoppedBy problem: Problem? = nil
  ) -> TenantWriter {
    let writer = TenantWriter(
      tenant: tenant, context: context, schema: index(tenant), head: head)
    if let problem { writer.stop(problem.detail, problem) }
    life.withLock { life in
      guard case .running(var running) = life else { return }
      running.writers[tenant] = writer
      life = .running(running)
    }
    return writer
  }

  /// Tenants whose files are open now; empty before ``start()``.
  public var openTenants: Set<TenantID> { (try? running())?.context.openTenants.tenants ?? [] }

  /// Where each tenant's history stands.
  public var heads: [TenantID: TenantHead] {
    (try? running())?.context.heads.tenants ?? [:]
  }

  /// The same of the tenants that this cell serves: not of those on their way, or gone.
  public var servedHeads: [TenantID: TenantHead] { overview?.served ?? [:] }

  /// When the first of these tenants has something due.
  public var firstDue: Timestamp? { overview?.firstDue }

  var overview: HeadsOverview? { (try? running())?.context.heads.overview }

  /// Under which epoch this cell holds a tenant, and whether it may write; nil: not known here.
  public func ownership(_ tenant: TenantID) -> (epoch: Epoch, state: TenantHead.Ownership)? {
    guard let head = (try? running())?.context.heads[tenant] else { return nil }
    return (head.epoch, head.ownership)
  }

  /// Why a tenant that is not known here may exist all the same; nil where it does not.
  public func refusalOfUnseen(_ tenant: TenantID) -> Failure? {
    guard let running = try? running(), running.context.heads[tenant] == nil else { return nil }
    return running.unseen.refusal(of: tenant)
  }

  /// The digests kept in the files, or (recompute) a full scan that must equal them; a difference
  /// stops the tenant with a problem and throws `tenantStopped`.
  public func digest(
    _ tenant: TenantID, recompute: Bool
  ) async throws(Failure) -> TenantDigest {
    let schema = index(tenant)
    let directory = TenantDirectory.of(tenant, in: configuration.directory)
    let writer = try writer(tenant)
    // Also of one without files, whose records wait in the journal.
    if let problem = writer.problem, !problem.allowsReads { throw TenantWriter.refusal(problem) }
    var kinds: Set<FileKind> = []
    for file in schema.files.values
    where (try? files.exists("\(directory)/\(file.name)")) == true { kinds.insert(file.kind) }
    let context = writer.context
    guard !kinds.isEmpty else {
      return TenantDigest(
        tenantSeq: context.heads[tenant]?.tenantSeq ?? .zero, files: [:], recomputed: recompute)
    }
    let states = try await read(tenant, kinds) { [kinds] snapshot in
      try kinds.map { kind -> (TenantFileStore.State, Digest?) in
        let connection = snapshot.file(kind)
        guard let state = try TenantFileStore(connection: connection).state() else {
          throw StorageError.mismatch(file: schema.file(kind).name, detail: "no state row")
        }
        guard recompute else { return (state, nil) }
        return (state, try DigestStore.digest(connection, tenant, schema.file(kind)))
      }
    }
    for (state, scanned) in states where scanned.map({ $0 != state.digest }) ?? false {
      context.metrics.digestMismatch()
      let name = schema.file(state.kind).name
      writer.stop("\(name) differs from its digest at \(state.appliedSeq.rawValue)")
      throw Failure(.tenantStopped, "\(name) differs from its digest")
    }
    return TenantDigest(
      tenantSeq: states.map(\.0.appliedSeq).max() ?? .zero,
      files: Dictionary(
        uniqueKeysWithValues: states.map { (schema.file($0.0.kind).name, $0.0.digest) }),
      recomputed: recompute)
  }

  /// Everything an operator must look at.
  public var problems: [Problem] { (try? running())?.context.problems.all ?? [] }

  public var metrics: EngineMetricsSnapshot {
    guard let running = try? running() else { return EngineMetricsSnapshot() }
    var snapshot = running.context.metrics.snapshot
    snapshot.queuedCommands = running.context.queuedCommands.load(ordering: .relaxed)
    snapshot.openTenants = running.context.openTenants.count
    snapshot.tenants = running.context.heads.overview.served.count
    snapshot.journal = running.context.journal.metrics
    return snapshot
  }

  /// Announces due work now instead of when the thread looks; for clocks that stand still.
  public func checkDue() { (try? running())?.context.due.check() }

  /// Makes all tenants' files durable and trims the journal.
  ///
  /// Blocks the caller for its fsyncs.
  public func flush() {
    guard let running = try? running() else { return }
    flusher(running.context).pass(limit: Int.max)
  }

  func flusher(_ context: EngineContext) -> Flusher {
    // Weak: the thread outlives an engine that was never closed.
    Flusher(context: context, writer: { [weak self] in try? self?.writer($0) })
  }

  /// Finishes what was admitted, then gives up journal, files and directory.
  ///
  /// Nothing runs after. Once the journal has said that the process must end, there is nothing to
  /// finish: the callers that wait are never answered.
  public func close() async {
    let running = life.withLock { life -> Running? in
      guard case .running(let running) = life else {
        life = .closed
        return nil
      }
      life = .closed
      return running
    }
    guard let running else { return }
    await Drain.wait(for: running.writers.values.filter(\.isActive), orUntil: fatality)
    _ = await Blocking.run("closing") { Self.end(running) }
  }

  /// Ends without finishing what was admitted, as a test's process or machine does: the callers
  /// that wait are never answered.
  package func abandon() async {
    let running = life.withLock { life -> Running? in
      defer { life = .closed }
      if case .running(let running) = life { return running }
      return nil
    }
    guard let running else { return }
    _ = await Blocking.run("closing") { Self.end(running) }
  }

  private static func end(_ running: Running) {
    let context = running.context
    context.due.close()
    context.flusher.close()
    context.following.close()
    running.applyThread?.join()
    running.dueThread.join()
    running.flusherThread.join()
    context.readers.close()
    context.media.close()
    context.journal.close()
    context.writers.close()
    for writer in context.openTenants.removeAll() {
      writer.readers.close()
      writer.withCore { $0.closeFiles() }
    }
    running.lock.release()
  }
}
