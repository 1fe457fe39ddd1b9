import CSQLite
import Platform
import Wire

/// What a start found and did.
public struct RecoveryReport: Sendable, Hashable {
  public var tenants = 0
  public var records: UInt64 = 0
  public var cutBytes: UInt64 = 0
  public var damage: [DamagedRange] = []
  public var stopped: [TenantID] = []
}

extension StorageEngine {
  private static let configureSQLite: Void = aim_sqlite_configure()

  /// Takes the directory, opens the journal, replays what the files lack; then commands run.
  ///
  /// Throws ``JournalError``, `FileError` (`isOwnedByAnother` for a directory in use).
  public func start() async throws -> RecoveryReport {
    let mayStart = life.withLock { life -> Bool in
      guard case .new = life else { return false }
      life = .starting
      return true
    }
    precondition(mayStart, "an engine starts once")
    // Opening and replaying block: not on Swift's pool.
    return try await Blocking.run("recovery") { try self.open() }.get()
  }

  private var bootMark: BootMark {
    BootMark(directory: configuration.directory, files: files, log: log)
  }

  private func open() throws -> RecoveryReport {
    // The process ends as after ``fatal``, and the next may be in the same run of the machine.
    try bootMark.discarded(ifSyncFails: { try recover() })
  }

  private func recover() throws -> RecoveryReport {
    Self.configureSQLite
    let tenantsDirectory = TenantDirectory.all(in: configuration.directory)
    try files.createDirectory(tenantsDirectory)
    let lock = try files.lock("\(configuration.directory)/owner.lock")
    var journalConfiguration = JournalConfiguration(
      directory: "\(configuration.directory)/journal", cell: configuration.cell,
      generation: configuration.generation)
    journalConfiguration.oldestGeneration = configuration.oldestGeneration
    journalConfiguration.isCopy = configuration.isFollowing
    journalConfiguration.followerGate = configuration.followerGate
    configuration.adjustJournal(&journalConfiguration)
    // Before any tenant's file is opened: a torn end has them asked.
    let (crashes, running) = crashes()
    let opened = try Journal.open(
      journalConfiguration, files: files,
      applied: { try self.appliedSeqs(but: Set(crashes.quarantined.keys), running) }, fatal: fatal)
    try finishRestores(
      opened.heads, isWhole: opened.damage.isEmpty && opened.headsProblem == nil)
    try imports.recover(opened.heads)
    let context = EngineContext(
      configuration: configuration, clock: clock, random: random, files: files,
      journal: opened.journal, heads: HeadsTable(heads: opened.heads, through: opened.last),
      due: DueIndex(
        clock: clock, repeatMilliseconds: configuration.dueRepeatMilliseconds,
        announce: announceDue),
      faults: faults, fatal: fatal, fatality: fatality, running: running, log: log)
    var report = RecoveryReport()
    report.cutBytes = opened.cutBytes
    report.damage = opened.damage
    var writers: [TenantID: TenantWriter] = [:]
    for (tenant, head) in opened.heads {
      let writer = TenantWriter(
        tenant: tenant, context: context, schema: index(tenant), head: head)
      writers[tenant] = writer
      // What this generation has begun itself is whole here, and ends as with any other restart.
      let isCopied = opened.generationStart.map { head.cellSeq < $0 } ?? true
      let isUnsettled = head.ownership == .moving && configuration.settlesMoves && isCopied
      if head.ownership.isServed, !isUnsettled {
        context.due.set(tenant, head.nextDue)
      } else {
        writer.leave()
      }
    }
    for (tenant, since) in crashes.quarantined {
      let problem = Problem.tenantQuarantined(tenant, since: since)
      guard let writer = writers[tenant] else {
        // It was to come here, by a restore or a move.
        context.problems.add(problem)
        continue
      }
      writer.stop(problem.detail, problem)
    }
    try stopCut(writers)
    let without = try opened.heads.filter { try !imports.hasFiles($0.key, $0.value) }
    // A copy applies many records of one file before those of the next, as long as it runs.
    let isUnbroken = !configuration.isFollowing && bootMark.isUnbroken()
    try bootMark.remove()
    var recovery = Recovery(
      context: context, writers: writers, without: Set(without.keys), isUnbroken: isUnbroken)
    try recovery.run(opened)
    // What held before the replay holds behind it. Where nothing did, all of it has to be there:
    // a tenant that was not brought up may have lost any record with the power.
    let isWhole =
      opened.damage.isEmpty && opened.headsProblem == nil
      && writers.values.allSatisfy { without[$0.tenant] != nil || $0.problem == nil }
    if !configuration.isFollowing, !context.isEnding, !recovery.hasFailed, isUnbroken || isWhole {
      try mark()
    }
    report.tenants = writers.count
    report.records = recovery.replayed
    let unseen = try unseen(opened)
    for (tenant, reason) in unseen.named {
      context.problems.add(.tenantStopped(tenant, detail: reason, since: context.now))
    }
    report.stopped =
      (writers.values.filter { $0.problem != nil }.map(\.tenant) + unseen.named.keys).sorted()
    serve(context, lock, writers, unseen)
    return report
  }

  /// Stops the tenants whose files a ``JournalCut`` has put aside: they are to be fetched.
  ///
  /// Nothing else would say so before such a file is opened, which may be after a promotion.
  private func stopCut(_ writers: [TenantID: TenantWriter]) throws {
    for (tenant, writer) in writers where writer.problem == nil {
      let place = writer.context.directory(tenant)
      guard writer.context.heads[tenant]?.ownership.isHere == true, try files.exists(place),
        try files.list(place).contains(where: { $0.hasSuffix(JournalCut.suffix) })
      else { continue }
      writer.stop("its files had what was cut off the journal; they are to be fetched")
    }
  }

  private func unseen(_ opened: OpenedJournal) throws -> UnseenTenants {
    let directories = try files.list(TenantDirectory.all(in: configuration.directory))
      .compactMap(TenantID.init)
    return UnseenTenants(
      damage: opened.damage, headsProblem: opened.headsProblem,
      checkpointThrough: opened.checkpointThrough, heads: Set(opened.heads.keys),
      directories: Set(directories))
  }

  /// Whom earlier runs crashed with, and this run's own file of who is served.
  private func crashes() -> (CrashCounter, RunningTenants?) {
    guard let quarantines = configuration.quarantines else { return (CrashCounter(), nil) }
    let file = CrashFile(directory: configuration.directory, files: files)
    let taken = file.takeOver(
      at: Timestamp(milliseconds: clock.milliseconds()), counting: quarantines)
    for tenant in taken.crashed {
      log.critical("the last run crashed with this tenant", metadata: ["tenant": "\(tenant)"])
    }
    for failure in taken.failures {
      log.error("crashes cannot be counted over starts", metadata: ["error": "\(failure)"])
      // The start goes on, and takes no proof from files of a disk that drops what it is given.
      if failure.isFailedSync { bootMark.discard() }
    }
    for line in taken.unreadable {
      log.error("a line of `crashes` is unreadable", metadata: ["line": "\(line.prefix(100))"])
    }
    let running = file.begin()
    if running == nil { log.error("crashes are not counted: `running` cannot be mapped") }
    return (taken.counter, running)
  }

  private func serve(
    _ context: EngineContext, _ lock: any FileLock, _ writers: [TenantID: TenantWriter],
    _ unseen: UnseenTenants
  ) {
    let flusher = flusher(context)
    let running = Running(
      context: context, lock: lock,
      flusherThread: OwnThread(name: "flusher") { flusher.run() },
      dueThread: OwnThread(name: "due") { context.due.run() },
      applyThread: configuration.isFollowing
        ? OwnThread(name: "apply") { [weak self] in self?.applyCopied(context) } : nil,
      writers: writers, unseen: unseen)
    let last = context.heads.tenants.values.map(\.time).max() ?? .zero
    context.following.applied(context.journal.lastSeq, last)
    life.withLock { $0 = .running(running) }
  }

  /// A disk that takes no mark costs no start: files prove less after the next damage.
  private func mark() throws {
    do {
      try bootMark.set()
    } catch {
      guard !FailedSync.isCause(of: error) else { throw error }
      log.error("the mark of this boot cannot be written", metadata: ["error": "\(error)"])
    }
  }

  /// What every tenant's files prove to have been durable; asked where the journal's end is torn.
  ///
  /// A quarantined tenant's stay closed: where they had more, they say so once it is released.
  private func appliedSeqs(
    but closed: Set<TenantID>, _ running: RunningTenants?
  ) throws -> [TenantID: TenantSeq] {
    try AppliedSeqs.read(
      dataDirectory: configuration.directory, files: files, vfs: configuration.vfs, but: closed,
      naming: running
    ) { path, reason in
      // Its tenant stops when the file is opened; the others must not wait for that.
      log.error(
        "a tenant's file proves nothing", metadata: ["file": "\(path)", "error": "\(reason)"])
    }
  }
}
