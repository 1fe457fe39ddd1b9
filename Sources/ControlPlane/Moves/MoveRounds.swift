import Edge
import Storage
import Wire

extension CellWorkRounds {
  /// Asks the source how far a move has come, and records what became of it.
  ///
  /// The source alone decides: the placement changes here after it has handed the tenant over.
  func move(_ operation: Operation, trace: String) async throws(Failure) {
    let stored = try await services.store.read { rows in
      (try rows.move(operation.id), try rows.tenant(TenantID(trusted: operation.subject)))
    }
    guard let move = stored.0, let tenant = stored.1 else {
      throw Failure(.internalError, "the move's record is gone")
    }
    if move.isDryRun, let failure = outdated(move, tenant) {
      return try await giveUp(operation, move, failure, trace: trace)
    }
    guard let target = services.roster.cell(move.to.cell) else {
      throw Failure(.cellUnavailable, "\(move.to.cell) is unknown")
    }
    var work = Aimstors_ProtoCellWork()
    work.operation = operation.id.rawValue
    work.kind = move.isDryRun ? "move_plan" : "move"
    work.tenant = move.tenant.rawValue
    work.move.target = move.to.cell.rawValue
    work.move.address = target.address
    work.move.epoch = move.to.epoch.rawValue
    work.move.capMs = move.capMilliseconds
    // Who goes to a cell that is no more stays, unless it was released already.
    work.move.cancel = move.isCancelled || target.generation >= .ended
    let status: Aimstors_ProtoCellWorkStatus
    do throws(Failure) { status = try await ask(work, move.from.cell, trace: trace) } catch {
      // How a move ends stands in its source's journal, and a status says it. Who refuses the
      // question (a process that follows by now, one of another version) says nothing of the move.
      guard move.isDryRun else { return }
      throw error
    }
    switch status.state {
    case "done":
      let result = move.isDryRun ? effect(status.result, move) : status.result
      try await finish(operation, move, tenant, result, trace: trace)
    case "failed":
      try await giveUp(operation, move, Self.failure(status), trace: trace)
    default:
      try await note(operation, status, trace: trace)
    }
  }

  /// Why nobody will ever say what a move would cost; nil: its source may.
  private func outdated(_ move: MoveRecord, _ tenant: TenantRecord) -> Failure? {
    do throws(Failure) {
      try demandNotGone(move.from.cell)
      try demandNotGone(move.to.cell)
    } catch { return error }
    guard tenant.placement.cell != move.from.cell else { return nil }
    return Failure(.conflict, "\(tenant.id) is on \(tenant.placement.cell) by now")
  }

  private func note(
    _ operation: Operation, _ status: Aimstors_ProtoCellWorkStatus, trace: String
  ) async throws(Failure) {
    let age = services.clock.milliseconds() - operation.updatedAt.milliseconds
    guard
      status.step != operation.stepName || age >= ControlPlaneLimits.progressMilliseconds
    else { return }
    try await services.store.write(trace: trace) { transaction, rows in
      guard var operation = try rows.operation(operation.id), operation.state == .running else {
        return
      }
      operation.reached(
        step: status.step, done: status.done, total: status.total, at: transaction.now)
      try rows.put(operation)
    }
  }

  private func finish(
    _ operation: Operation, _ move: MoveRecord, _ tenant: TenantRecord, _ result: String,
    trace: String
  ) async throws(Failure) {
    let isMoved = try await services.store.write(trace: trace) { transaction, rows -> Bool in
      guard let operation = try rows.operation(operation.id), operation.state == .running,
        try rows.tenant(move.tenant) != nil
      else { return false }
      try rows.complete(move, operation, result: result, at: transaction.now)
      return !move.isDryRun
    }
    guard isMoved else { return }
    try await services.map.refresh()
    await services.directives.sweep(grace: 0, trace: trace)
  }

  /// What a dry run answers: the source's figures, and what both cells have now and would have.
  private func effect(_ plan: String, _ move: MoveRecord) -> String {
    struct Size: Decodable { let bytes: Int64 }
    guard
      case .object(var members)? = try? EdgeJSON.decode(AnyJSON.self, from: Array(plan.utf8)),
      let size = try? EdgeJSON.decode(Size.self, from: Array(plan.utf8))
    else { return plan }
    for (name, id, sign) in [("source", move.from.cell, -1), ("target", move.to.cell, 1)] {
      guard let sight = services.roster.sights().first(where: { $0.record.id == id }) else {
        continue
      }
      let (tenants, sign) = (Int64(sight.report.tenants), Int64(sign))
      let free = Int64(clamping: sight.report.diskFreeBytes ?? 0)
      members[name] = .object([
        "cell": .string(id.rawValue), "tenants": .integer(tenants),
        "tenants_after": .integer(tenants + sign), "disk_free_bytes": .integer(free),
        "disk_free_bytes_after": .integer(free - sign * size.bytes),
        "operations_per_second": .integer(Int64(sight.report.operationsPerSecond)),
      ])
    }
    guard let bytes = try? EdgeJSON.encode(AnyJSON.object(members)) else { return plan }
    return String(decoding: bytes, as: UTF8.self)
  }

  private func giveUp(
    _ operation: Operation, _ move: MoveRecord, _ failure: Failure, trace: String
  ) async throws(Failure) {
    try await services.store.write(trace: trace) { transaction, rows in
      try rows.end(move, failure, at: transaction.now)
    }
  }

  /// Asks about one operation again and again until it has ended, beside the rounds: who moves many
  /// tenants does not wait for the next round after each.
  func follow(_ id: OperationID, trace: String) async {
    var pause = ControlPlaneLimits.followPause
    while !Task.isCancelled {
      guard let operation = try? await services.store.read({ try $0.operation(id) }),
        operation.state == .running
      else { return }
      await look(operation, trace: trace)
      do { try await Task.sleep(for: pause) } catch { return }
      pause = min(pause * 2, ControlPlaneLimits.workInterval)
    }
  }
}
