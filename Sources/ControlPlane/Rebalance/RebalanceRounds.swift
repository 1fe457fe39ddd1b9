import Edge
import Storage
import Wire

/// Takes drains and rebalances on: measures, plans, arms moves and counts what became of them.
///
/// All that must outlast this process is in the store; measuring is begun anew.
struct RebalanceRounds: Sendable {
  let services: AdminServices

  /// One step of each that runs.
  func look(trace: String) async {
    guard let running = try? await services.store.read({ try $0.runningRebalances() }) else {
      return
    }
    for id in running {
      // Whatever is in the way now is tried again in the next round.
      try? await look(id, trace: trace)
    }
  }

  private func look(_ id: OperationID, trace: String) async throws(Failure) {
    let found = try await services.store.read { rows in
      (try rows.operation(id), try rows.rebalance(id))
    }
    guard let operation = found.0, let rebalance = found.1, operation.state == .running else {
      return
    }
    try await goOn(operation, rebalance, trace: trace)
    // One that has failed takes tenants again.
    if let cell = rebalance.cell,
      try await services.store.read({ try $0.operation(id)?.state == .failed })
    {
      try await RebalanceCommands(services: services).reread(cell)
    }
  }

  private func goOn(
    _ operation: Operation, _ rebalance: RebalanceRecord, trace: String
  ) async throws(Failure) {
    if operation.stepName == "move" { return try await move(rebalance, trace: trace) }
    if let cell = rebalance.cell, !services.roster.isAlive(cell) {
      return try await wait(rebalance, for: cell, trace: trace)
    }
    guard let measured = await measure(rebalance, trace: trace) else { return }
    try await plan(rebalance, measured, trace: trace)
    try await move(rebalance, trace: trace)
  }

  /// Waits for a dead cell that its follower takes over, or that starts again.
  ///
  /// Where the promotion has failed nobody will serve: the drain fails with it.
  private func wait(
    _ rebalance: RebalanceRecord, for cell: CellID, trace: String
  ) async throws(Failure) {
    guard !rebalance.isDryRun,
      try await services.store.read({ try Self.failure(of: cell, for: rebalance.id, $0) }) != nil
    else { return }
    try await services.store.write(trace: trace) { transaction, rows in
      guard var operation = try rows.operation(rebalance.id), operation.state == .running,
        let failure = try Self.failure(of: cell, for: operation.id, rows)
      else { return }
      try RebalanceCommands.reopen(cell, rows)
      try operation.failed(failure, at: transaction.now)
      try rows.put(operation)
    }
  }

  /// Why the cell's last promotion since the drain was ordered has failed; nil: it has not.
  private static func failure(
    of cell: CellID, for drain: OperationID, _ rows: PlatformRows
  ) throws -> Failure? {
    guard let drain = try rows.operation(drain), let promotion = try rows.lastPromotion(of: cell),
      promotion.state == .failed, promotion.createdAt >= drain.createdAt
    else { return nil }
    return promotion.error ?? Failure(.internalError, "\(promotion.id) failed")
  }

  /// What the cells measured; nil while one is still at it.
  func measure(
    _ rebalance: RebalanceRecord, trace: String
  ) async -> [CellID: MeasuredCell]? {
    let rounds = CellWorkRounds(services: services)
    var work = Aimstors_ProtoCellWork()
    work.operation = rebalance.id.rawValue
    work.kind = "load"
    var measured: [CellID: MeasuredCell] = [:]
    var isWaiting = false
    for cell in services.roster.living()
    where rebalance.region == nil || rebalance.region == cell.region {
      do throws(Failure) {
        let status = try await rounds.ask(work, cell.id, trace: trace)
        switch status.state {
        case "done":
          measured[cell.id] = try? EdgeJSON.decode(
            MeasuredCell.self, from: Array(status.result.utf8))
        // One that cannot measure counts its tenants only.
        case "failed": break
        default: isWaiting = true
        }
      } catch {
        // A cell of an older version does not know the question; one that is busy is asked again.
        if error.code == .overloaded || error.code == .recovering { isWaiting = true }
      }
    }
    return isWaiting ? nil : measured
  }

  private func plan(
    _ rebalance: RebalanceRecord, _ measured: [CellID: MeasuredCell], trace: String
  ) async throws(Failure) {
    let (sights, configuration) = (services.roster.sights(), services.configuration)
    try await services.store.write(trace: trace) { transaction, rows in
      guard var operation = try rows.operation(rebalance.id), operation.state == .running,
        operation.stepName != "move"
      else { return }
      let plan = Self.rule(rebalance).plan(
        try rows.cellLoads(sights, configuration, measured, for: rebalance))
      operation.reached(
        step: "move", done: 0, total: Int64(plan.moves.count), at: transaction.now)
      let view = RebalanceView(plan)
      if rebalance.isDryRun {
        operation.progress.total = 0
        try operation.finished(step: "move", at: transaction.now)
        try operation.succeeded(result: try Self.text(view), at: transaction.now)
      } else if let cell = rebalance.cell, !plan.unplaced.isEmpty {
        // Half an emptied cell helps nobody: first there must be room.
        try RebalanceCommands.reopen(cell, rows)
        try operation.failed(
          Failure(.cellFull, "\(plan.unplaced.count) tenants fit into no other cell"),
          result: try Self.text(view), at: transaction.now)
      } else {
        operation.reports(try Self.text(view.settled([])))
        try rows.plan(Self.planned(plan), for: rebalance.id)
      }
      try rows.put(operation)
    }
  }

  static func rule(_ rebalance: RebalanceRecord) -> RebalanceRule {
    var rule = RebalanceRule()
    rule.isDrainOnly = rebalance.cell != nil
    rule.maximumMoves = rebalance.maximumMoves
    return rule
  }

  private static func planned(_ plan: RebalancePlan) -> [PlannedMove] {
    plan.moves.map {
      PlannedMove(tenant: $0.tenant, from: $0.from, to: $0.to, reason: $0.reason)
    }
  }

  private static func text(_ view: RebalanceView) throws -> String {
    String(decoding: try EdgeJSON.encode(view), as: UTF8.self)
  }

  // Moves.

  private func move(_ rebalance: RebalanceRecord, trace: String) async throws(Failure) {
    let id = rebalance.id
    let now = Timestamp(milliseconds: services.clock.milliseconds())
    let isNeeded = try await services.store.read { rows -> Bool in
      let open = try rows.plannedMoves(of: id, isOpen: true)
      if open.isEmpty || !RebalancePace.next(open, at: now).isEmpty { return true }
      return try open.contains { move in
        guard let operation = try move.move.flatMap({ try rows.operation($0) }) else {
          return false
        }
        return operation.state.isFinal
      }
    }
    guard isNeeded else { return }
    let (sights, configuration) = (services.roster.sights(), services.configuration)
    let begun = try await services.store.write(trace: trace) { transaction, rows in
      guard var operation = try rows.operation(id), operation.state == .running,
        operation.stepName == "move"
      else { return [OperationID]() }
      let step = RebalanceStep(
        rows: rows, transaction: transaction, sights: sights, configuration: configuration)
      try step.settle(id)
      let begun = try step.begin(id)
      let counts = try rows.plannedMoveCounts(of: id)
      operation.reached(
        step: "move", done: Int64(counts.ended), total: Int64(counts.all), at: transaction.now)
      if counts.ended == counts.all { try step.end(&operation, rebalance) }
      try rows.put(operation)
      return begun
    }
    let rounds = CellWorkRounds(services: services)
    // Where this process ends, the rounds of the next one go on with them.
    for move in begun { Task { await rounds.follow(move, trace: trace) } }
  }

  /// What is left in a cell that was emptied: placed there while the plan was made.
  fileprivate static func leftover(
    _ rebalance: RebalanceRecord, _ step: RebalanceStep
  ) throws -> [PlannedMove] {
    let cells = try step.rows.cellLoads(step.sights, step.configuration, [:], for: rebalance)
    return planned(rule(rebalance).plan(cells))
  }

  fileprivate static func result(
    _ operation: Operation, _ moves: [PlannedMove]
  ) throws -> String? {
    guard let text = operation.result,
      let view = try? EdgeJSON.decode(RebalanceView.self, from: Array(text.utf8))
    else { return nil }
    return try Self.text(view.settled(moves))
  }
}

/// One step of a plan's moves, in one transaction.
private struct RebalanceStep {
  let rows: PlatformRows
  let transaction: Transaction
  let sights: [CellRoster.Sight]
  let configuration: ControlPlaneConfiguration

  /// Counts what became of the moves under way.
  func settle(_ id: OperationID) throws {
    for var planned in try rows.plannedMoves(of: id, isOpen: true) where planned.state == .moving {
      guard let move = try planned.move.flatMap({ try rows.operation($0) }) else {
        planned.state = .planned
        try rows.put(planned, of: id)
        continue
      }
      switch move.state {
      case .planned, .running: continue
      case .succeeded: planned.state = .done
      case .failed:
        planned = RebalancePace.failed(
          planned, move.error ?? Failure(.internalError, "the move failed"), at: transaction.now)
      case .cancelled: planned = RebalancePace.failed(planned, nil, at: transaction.now)
      }
      try rows.put(planned, of: id)
    }
  }

  /// Arms the moves that may begin now; answers their operations.
  func begin(_ id: OperationID) throws -> [OperationID] {
    var begun: [OperationID] = []
    let open = try rows.plannedMoves(of: id, isOpen: true)
    for var planned in RebalancePace.next(open, at: transaction.now) {
      if let tenant = try rows.tenant(planned.tenant), tenant.placement.cell == planned.from {
        do {
          let operation = try MoveCommands.arm(
            tenant, to: planned.to, cap: ControlPlaneLimits.moveCapMilliseconds, isDryRun: false,
            transaction, rows, sights, configuration)
          planned.state = .moving
          planned.move = operation.id
          begun.append(operation.id)
        } catch  where !takes(planned.to) {
          // What is left in a cell that is emptied is planned again, for the cells that are there.
          planned.state = .skipped
          planned.detail = "\(planned.to) does not take tenants any more"
        } catch let failure as Failure {
          planned = RebalancePace.failed(planned, failure, at: transaction.now)
        }
      } else {
        planned.state = .skipped
      }
      try rows.put(planned, of: id)
    }
    return begun
  }

  private func takes(_ cell: CellID) -> Bool {
    sights.contains { $0.record.id == cell && $0.isAlive && $0.record.state == .active }
  }

  /// Ends the operation, unless the cell that is emptied has got more meanwhile.
  func end(_ operation: inout Operation, _ rebalance: RebalanceRecord) throws {
    let moves = try rows.plannedMoves(of: operation.id, isOpen: false)
    let failed = moves.filter { $0.state == .failed }
    if failed.isEmpty, let cell = rebalance.cell {
      let left = try rows.tenantCount(on: cell)
      let more = left == 0 ? [] : try RebalanceRounds.leftover(rebalance, self)
      if left > 0 {
        // One that somebody else moves, or that is not provisioned yet, is waited for.
        try rows.plan(more, for: operation.id)
        return
      }
    }
    let result = try RebalanceRounds.result(operation, moves)
    guard failed.isEmpty else {
      if let cell = rebalance.cell { try RebalanceCommands.reopen(cell, rows) }
      try operation.failed(
        Failure(.conflict, "\(failed.count) of \(moves.count) tenants were not moved"),
        result: result, at: transaction.now)
      return
    }
    try operation.finished(step: "move", at: transaction.now)
    try operation.succeeded(result: result ?? "{}", at: transaction.now)
  }
}
