import Edge
import Storage
import Wire

/// What the control plane, and whoever asks for its health, hears of a cell.
extension CellNode {
  public func report() -> HealthReport { health.report(link) }

  /// Keeps a webhook part for its owner, once.
  public func keep(_ part: Aimstors_ProtoSpoolPart) async throws {
    _ = try await Spool(store: engine).accept(part, trace: "")
  }

  /// What the control plane may ask of it as long work.
  func makeWork() -> CellWorkRequests {
    CellWorkRequests(
      work: work, archive: archive, restoration: restoration, recovery: recovery,
      departures: departures, directives: directives,
      survey: CellSurvey(engine: engine, directives: directives),
      suspended: SuspendedWork(engine: engine, directives: directives, clock: clock),
      loads: loads, cell: configuration.id, logger: logger)
  }

  func inventory() -> Aimstors_ProtoJoin {
    var join = Aimstors_ProtoJoin()
    join.cell = configuration.id.rawValue
    join.region = configuration.region.rawValue
    join.address =
      configuration.advertise.isEmpty ? address?.url ?? "" : configuration.advertise
    join.joinToken = configuration.joinToken ?? ""
    join.generation = messenger.identity.generation.rawValue
    join.version = configuration.version
    join.formatVersion = UInt32(Journal.formatVersion)
    join.readsLevel = FormatLevel.newest
    join.tenants = engine.servedHeads.filter { $0.key != .cellStore }.prefix(
      CellLimits.inventoryLimit
    )
    .map { tenant, head in
      var owned = Aimstors_ProtoOwnedTenant()
      owned.tenant = tenant.rawValue
      owned.epoch = head.epoch.rawValue
      owned.tenantSeq = head.tenantSeq.rawValue
      owned.state = directives.state(of: tenant).rawValue
      owned.durability = directives.modes.own(of: tenant)?.rawValue ?? ""
      return owned
    }
    return join
  }

  func heartbeat() -> Aimstors_ProtoHeartbeat {
    let metrics = engine.metrics
    let now = Timestamp(milliseconds: clock.milliseconds())
    directives.modes.drop { [engine, arrivals] tenant in
      engine.ownership(tenant).map { !$0.state.isHere } == true && !arrivals.isArriving(tenant)
    }
    let problems =
      health.problems()
      + (replication?.problems() ?? FollowerProblems.unkept(directives.modes, at: now))
    var heartbeat = Aimstors_ProtoHeartbeat()
    heartbeat.cell = configuration.id.rawValue
    heartbeat.generation = messenger.identity.generation.rawValue
    heartbeat.tenants = UInt32(clamping: max(0, metrics.tenants - 1))
    heartbeat.openTenants = UInt32(clamping: metrics.openTenants)
    heartbeat.operations = metrics.commands
    heartbeat.journalBytes = metrics.journal.untrimmedBytes
    heartbeat.diskFreeBytes = health.diskFreeBytes
    heartbeat.hasFollower_p = replication?.keepsFollower(engine.journal) ?? false
    heartbeat.state = health.isReady ? "active" : "not_ready"
    let requests = counts.now
    heartbeat.requests = requests.all
    heartbeat.failedRequests = requests.failed
    heartbeat.startedAtMs = health.startedAt.milliseconds
    heartbeat.readsLevel = FormatLevel.newest
    heartbeat.formatCeiling = ceilings.ceiling.level
    heartbeat.oldestDueMs = health.oldestDue?.milliseconds ?? 0
    heartbeat.problems = problems.map {
      Aimstors_ProtoProblem(
        code: $0.code, detail: $0.detail, since: $0.since, runbook: $0.runbook, tenant: $0.tenant)
    }
    return heartbeat
  }
}
