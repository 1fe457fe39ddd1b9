import Edge
import Wire

/// Collects what is wrong, from memory and one read.
struct StatusCollector: Sendable {
  let services: AdminServices

  func problems() async throws(Failure) -> [ReportedProblem] {
    let now = Timestamp(milliseconds: services.clock.milliseconds())
    var problems = services.roster.conflicts().map(\.problem)
    let sightings = services.problems.sightings
    for sight in services.roster.sights() where sight.record.state != .retired {
      let silence = sightings.silence(of: sight.record.id)
      // A cell that was silent before this process started is so until it is heard.
      if sight.isAlive, sight.isHeard || silence == nil {
        problems += sight.report.problems.map {
          $0.began(sightings.began($0, of: sight.record.id))
        }
      } else {
        problems.append(Self.unreachable(sight, since: silence, services))
      }
      problems += services.replicas.followerProblems(of: sight.record.id)
    }
    for router in services.roster.routers() where router.isSilent(at: now) {
      problems.append(
        ReportedProblem(
          code: "router_silent", detail: "\(router.id) has not compared its map",
          since: router.lastSeen, runbook: Runbook.page("router_map"), cell: nil, tenant: nil))
    }
    let (waiting, stops) = try await services.store.read {
      (try $0.waitingDirectives(), try $0.standingCellStops())
    }
    problems += stops.compactMap(suspended)
    for (cell, queue) in waiting.sorted(by: { $0.key < $1.key })
    where queue.since.adding(milliseconds: ControlPlaneLimits.directiveLateMilliseconds) < now {
      problems.append(
        ReportedProblem(
          code: "directives_waiting",
          detail: "\(queue.count) stops, states or tenants that \(cell) has not acknowledged",
          since: queue.since, runbook: Runbook.page("directives_waiting"), cell: cell.rawValue,
          tenant: nil))
    }
    for (cell, size) in services.spools.lastSizes().sorted(by: { $0.key < $1.key }) {
      guard size.entries > 0, let oldest = size.oldest else { continue }
      problems.append(
        ReportedProblem(
          code: "spool_waiting",
          detail:
            "\(size.entries)\(size.isAtLeast ? " or more" : "") webhook parts wait in \(cell)",
          since: oldest, runbook: Runbook.page("spool_waiting"), cell: cell.rawValue, tenant: nil))
    }
    problems += ownProblems()
    if let waiting = try await SurveyRounds.waiting(services.store) {
      problems.append(
        ReportedProblem(
          code: "control_plane_surveying",
          detail: "restored from a copy; not heard yet: "
            + (waiting.isEmpty ? "nobody" : waiting.map(\.rawValue).joined(separator: " ")),
          since: services.startedAt, runbook: Runbook.page("control_plane_lost"), cell: nil,
          tenant: nil))
    }
    return problems
  }

  /// Sends that wait for the release of a promotion; those of a restore their cells tell of.
  ///
  /// A cell that is no more has none.
  private func suspended(_ stop: SendStop) -> ReportedProblem? {
    guard let promotions = PromotionStop(stop),
      services.roster.cell(CellID(trusted: stop.id))?.isGone != true
    else { return nil }
    return ReportedProblem(
      code: "sends_suspended",
      detail: "\(stop.id) sends nothing before the release of \(promotions.promotion)",
      since: stop.since,
      runbook: Runbook.page("sends_suspended"), cell: stop.id, tenant: nil)
  }

  /// What is wrong with this process: its machine, its store and its archive.
  private func ownProblems() -> [ReportedProblem] {
    let configuration = services.configuration
    return ((configuration.watch?.problems() ?? []) + configuration.ownProblems()).map { found in
      ReportedProblem(
        code: found.code, detail: found.detail, since: found.since, runbook: found.runbook,
        cell: nil, tenant: nil)
    }
  }

  /// What is counted is looked at here; what tenants ask is measured by a rebalance.
  private func headroomProblems(_ cells: [CellUse]) -> [ReportedProblem] {
    let now = Timestamp(milliseconds: services.clock.milliseconds())
    let gaps = HeadroomRule.missing(cells)
    let since = services.problems.headroom(missing: gaps.map(\.cell), at: now)
    return gaps.map { gap in
      ReportedProblem(
        code: "headroom_missing",
        detail: "the others could not take the tenants of \(gap.cell): \(gap.lacks) are missing",
        since: since[gap.cell] ?? now, runbook: Runbook.page("headroom_missing"),
        cell: gap.cell.rawValue, tenant: nil)
    }
  }

  private static func unreachable(
    _ sight: CellRoster.Sight, since: Timestamp?, _ services: AdminServices
  ) -> ReportedProblem {
    let lastHeard = sight.lastHeard ?? services.startedAt
    return ReportedProblem(
      code: ProblemSightings.unreachable, detail: "no heartbeat of \(sight.record.id)",
      since: min(lastHeard, since ?? lastHeard), runbook: Runbook.page("cell_unreachable"),
      cell: sight.record.id.rawValue, tenant: nil)
  }

  func health() async -> HealthReport {
    var problems: [ReportedProblem]
    var ready = true
    do {
      problems = try await self.problems()
    } catch {
      ready = false
      problems = [
        ReportedProblem(
          code: "store_unavailable", detail: error.detail, since: services.startedAt,
          runbook: Runbook.page("store_unavailable"), cell: nil, tenant: nil)
      ]
      problems += ownProblems()
    }
    return HealthReport(
      role: "control_plane", id: services.configuration.id,
      version: services.configuration.version, ready: ready,
      problems: problems.map {
        .init(
          code: $0.code, since: $0.since, runbook: $0.runbook, detail: $0.detail, cell: $0.cell,
          tenant: $0.tenant)
      })
  }

  func report() async throws(Failure) -> StatusReport {
    var problems = try await problems()
    let map = await services.map.summary
    let (sights, configuration) = (services.roster.sights(), services.configuration)
    let (uses, stops) = try await services.store.read { rows in
      (
        try rows.cellUses(sights, configuration),
        try rows.standingSendStops(
          afterScope: "", id: "", limit: ControlPlaneLimits.stopsInStatus
        ).map { SendStopView($0, pending: try rows.cellsWaiting(for: $0.subject)) }
      )
    }
    problems += headroomProblems(uses)
    let counts = Dictionary(uses.map { ($0.id, $0.tenants) }) { first, _ in first }
    return StatusReport(
      ok: problems.isEmpty, role: "control_plane", id: services.configuration.id,
      version: services.configuration.version,
      problems: problems.map { problem in
        .init(
          code: problem.code, detail: problem.detail, since: problem.since,
          runbook: problem.runbook, cell: problem.cell, tenant: problem.tenant)
      },
      sendStops: stops,
      cells: services.roster.sights().map { sight in
        CellView(
          sight, tenants: counts[sight.record.id] ?? 0,
          capacity: services.configuration.tenantsPerCell,
          lag: services.replicas.lag(of: sight.record.id).map(CellView.Lag.init))
      },
      routers: services.roster.routers().map { router in
        .init(
          id: router.id, mapVersion: router.mapVersion,
          lagVersions: map.version > router.mapVersion ? map.version - router.mapVersion : 0,
          lastSeenAt: router.lastSeen)
      },
      map: .init(version: map.version, chunks: map.chunks, entries: map.entries),
      spools: services.spools.lastSizes().sorted { $0.key < $1.key }.map { cell, size in
        .init(
          cell: cell.rawValue, entries: size.entries, more: size.isAtLeast, oldestAt: size.oldest)
      })
  }
}
