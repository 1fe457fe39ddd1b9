import Edge
import Storage
import Wire

/// Drives the spread of a lost cell to its end: its journal is ended in the archive, its tenants
/// are planned onto other cells and brought back there, and what waited in its spool goes on.
///
/// All that must outlast this process is in the store; a cell that restarted begins anew.
struct CellSpreads: Sendable {
  let rounds: CellWorkRounds

  var services: AdminServices { rounds.services }

  func drive(_ operation: Operation, trace: String) async throws(Failure) {
    guard let id = CellID(operation.subject),
      let cell = try await services.store.read({ try $0.cell(id) })
    else { throw Failure(.notFound, "the cell is gone") }
    switch operation.stepName {
    case "claim": try await claim(operation, cell, trace: trace)
    case "plan": try await plan(operation, cell, trace: trace)
    case "restore": try await restore(operation, cell, trace: trace)
    case "spool": try await drainSpool(operation, cell, trace: trace)
    default: break
    }
  }

  /// Cells that can take something over now.
  func survivors(of cell: CellRecord) -> [CellRecord] {
    services.roster.living().filter { $0.id != cell.id }
  }

  /// One cell's short work about the lost one; nil while it is at it.
  private func ask(
    _ kind: String, _ operation: Operation, _ cell: CellRecord, trace: String
  ) async throws(Failure) -> Aimstors_ProtoCellWorkStatus? {
    // A cell of its own region first: its webhooks wait there, too.
    let others = survivors(of: cell)
    guard let survivor = others.first(where: { $0.region == cell.region }) ?? others.first else {
      throw Failure(.cellUnavailable, "no other cell answers")
    }
    var work = Aimstors_ProtoCellWork()
    work.operation = "\(operation.id) \(kind)"
    work.kind = kind
    work.cell = cell.id.rawValue
    let status = try await rounds.ask(work, survivor.id, trace: trace)
    return status.state == "running" ? nil : status
  }

  // The journal's end.

  private func claim(
    _ operation: Operation, _ cell: CellRecord, trace: String
  ) async throws(Failure) {
    guard let status = try await ask("cell_end", operation, cell, trace: trace) else { return }
    guard status.state == "done" else {
      return try await rounds.end(
        operation, CellWorkRounds.failure(status), result: nil, trace: trace)
    }
    try await rounds.done("claim", of: operation, trace: trace)
  }

  // Who goes where: by the rules of a drain.

  private func plan(
    _ operation: Operation, _ cell: CellRecord, trace: String
  ) async throws(Failure) {
    let drain = RebalanceRecord(
      id: operation.id, cell: cell.id, region: cell.region, isDryRun: false, maximumMoves: 0)
    guard let measured = await RebalanceRounds(services: services).measure(drain, trace: trace)
    else { return }
    let (sights, configuration) = (services.roster.sights(), services.configuration)
    let others = Array(measured.values)
    let takers = Set(survivors(of: cell).map(\.id))
    let begins = try await services.store.write(trace: trace) { transaction, rows -> Bool in
      guard var operation = try rows.operation(operation.id), operation.state == .running,
        operation.stepName == "plan"
      else { return false }
      var measured = measured
      measured[cell.id] = MeasuredCell.assumed(
        try rows.tenantCount(on: cell.id), like: others,
        atLeast: 1 / Double(max(configuration.tenantsPerCell, 1)))
      let plan = RebalanceRounds.rule(drain).plan(
        try rows.cellLoads(sights, configuration, measured, for: drain))
      var chosen = Dictionary(plan.moves.map { ($0.tenant, $0.to) }) { first, _ in first }
      for tenant in try rows.tenants(on: cell.id)
      where !tenant.isProvisioned || (chosen[tenant.id] == nil && tenant.durability == .follower) {
        chosen[tenant.id] = try rows.taker(of: tenant.id, sights, configuration)
      }
      let earlier = Dictionary(
        try rows.spreadTenants(of: cell.id).map { ($0.tenant, $0) }
      ) { first, _ in first }
      let planned = SpreadRule.rows(
        of: cell.id, for: operation.id, try rows.placed(at: cell.id), chosen: chosen,
        earlier: earlier, takers: takers)
      for row in planned { try rows.plan(row, at: transaction.now) }
      try operation.finished(step: "plan", at: transaction.now)
      operation.progress.total = Int64(planned.count)
      try rows.put(operation)
      return planned.contains { $0.state == .done }
    }
    if begins { try await announce(trace: trace) }
  }

  /// Says what was placed anew.
  func announce(trace: String) async throws(Failure) {
    try await services.map.refresh()
    await services.directives.sweep(grace: 0, trace: trace)
  }

  // Each at its new cell.

  private func restore(
    _ operation: Operation, _ lost: CellRecord, trace: String
  ) async throws(Failure) {
    let open = try await services.store.read {
      try $0.spreadTenants(of: operation.id).filter { $0.state != .done }
    }
    guard open.contains(where: { $0.state == .planned }) else {
      // Whose moves to the lost cell have not ended comes last: no other tenant waits for them.
      guard try await planLate(operation, lost, trace: trace) else { return }
      return try await rounds.done("restore", of: operation, trace: trace)
    }
    let byCell = Dictionary(grouping: open) { $0.to?.cell }
    await withTaskGroup(of: Void.self) { group in
      for (cell, tenants) in byCell {
        guard let cell, tenants.contains(where: { $0.state == .planned }) else { continue }
        // One that is away or busy is asked again, and holds up nobody else.
        group.addTask { try? await bringBack(tenants, to: cell, operation, lost, trace: trace) }
      }
    }
  }

  private func bringBack(
    _ tenants: [SpreadTenant], to cell: CellID, _ operation: Operation, _ lost: CellRecord,
    trace: String
  ) async throws(Failure) {
    let takers = Set(survivors(of: lost).map(\.id))
    guard services.roster.cell(cell)?.isGone == false else {
      let gone = Failure(.cellUnavailable, "\(cell), which was to take it, is no more")
      return try await settle(tenants, operation, takers, trace: trace) { _ in .failed(gone) }
    }
    let status = try await rounds.ask(
      try await order(operation, to: cell), cell, trace: trace)
    if status.state == "failed" {
      let failure = CellWorkRounds.failure(status)
      return try await settle(tenants, operation, takers, trace: trace) { _ in .failed(failure) }
    }
    guard let answer = SpreadAnswer(status.result) else { return }
    let (back, adopted) = (Set(answer.restored), Set(answer.adopted ?? []))
    let failed = Dictionary(answer.failed.map { ($0.tenantID, $0) }) { first, _ in first }
    let incomplete = (answer.incomplete ?? []).map { ($0.tenantID, $0) }
    let lacking = Dictionary(incomplete) { first, _ in first }
    try await settle(tenants, operation, takers, trace: trace) { tenant in
      if back.contains(tenant.rawValue) { return .restored(lacking[tenant.rawValue]) }
      if adopted.contains(tenant.rawValue) { return .adopted }
      return failed[tenant.rawValue].map {
        .failed(
          Failure(FailureCode(rawValue: $0.code), $0.detail),
          leaving: $0.leaving.flatMap { CellID($0) })
      }
    }
  }

  /// What one cell is asked for: the same in every round, whoever is back by now.
  ///
  /// Named by its list: one that somebody was put on late is other work.
  private func order(
    _ operation: Operation, to cell: CellID
  ) async throws(Failure) -> Aimstors_ProtoCellWork {
    try await services.store.read { rows in
      var work = Aimstors_ProtoCellWork()
      work.kind = "cell_spread"
      work.cell = operation.subject
      work.at = CellSpreadCommands.name(CellID(trusted: operation.subject))
      for row in try rows.spreadTenants(of: operation.id) where row.to?.cell == cell {
        guard let to = row.to, var tenant = try rows.tenant(row.tenant) else { continue }
        tenant.placement = to
        work.tenants.append(tenant.proto)
      }
      let list = SHA256Hash.of(Array(work.tenants.map(\.tenant).joined(separator: " ").utf8))
      work.operation = "\(operation.id) spread \(list)"
      return work
    }
  }

  /// What became of a tenant.
  private enum End: Sendable {
    /// And what it may lack.
    case restored(SpreadAnswer.Failed?)
    /// By the move that was under way when its cell was lost.
    case adopted
    /// `leaving`: the cell that may have it instead.
    case failed(Failure, leaving: CellID? = nil)
  }

  /// Writes down what became of tenants; nil: nothing yet.
  private func settle(
    _ tenants: [SpreadTenant], _ operation: Operation, _ takers: Set<CellID>, trace: String,
    _ ended: @escaping @Sendable (TenantID) -> End?
  ) async throws(Failure) {
    guard tenants.contains(where: { ended($0.tenant) != nil }) else { return }
    let isPlaced = try await services.store.write(trace: trace) { transaction, rows -> Bool in
      guard var operation = try rows.operation(operation.id), operation.state == .running else {
        return false
      }
      var isPlaced = false
      for var row in tenants {
        guard let end = ended(row.tenant) else { continue }
        do {
          var lacking: (code: String, detail: String)?
          switch end {
          case .failed(let failure, let leaving):
            // A list that it was on before is asked about again.
            guard row.state == .planned else { continue }
            if let leaving,
              let redirected = SpreadRule.redirected(
                row, to: leaving, failure, placedAt: try rows.tenant(row.tenant)?.placement,
                armed: try rows.armedEpoch(of: row.tenant), takers: takers)
            {
              try rows.put(redirected)
              continue
            }
            throw failure
          case .restored(let lacks):
            try rows.place(row, by: operation.id, at: transaction.now)
            lacking = lacks.map { ($0.code, $0.detail) }
          case .adopted: try rows.placeAdopted(row, at: transaction.now)
          }
          row.succeed(lacking: lacking)
          isPlaced = true
        } catch let failure as Failure {
          row.fail(failure)
        }
        try rows.put(row)
      }
      operation.progress.done = Int64(
        try rows.spreadTenants(of: operation.id, in: .done).count)
      try rows.put(operation)
      return isPlaced
    }
    if isPlaced { try await announce(trace: trace) }
  }

  // What waited in its spool, and the end.

  private func drainSpool(
    _ operation: Operation, _ cell: CellRecord, trace: String
  ) async throws(Failure) {
    guard let status = try await ask("cell_spool", operation, cell, trace: trace) else { return }
    var spool = SpreadView.Spool()
    if status.state == "done" {
      struct Drained: Decodable {
        let parts: Int
        let missing: String?
      }
      let drained = try? EdgeJSON.decode(Drained.self, from: Array(status.result.utf8))
      (spool.parts, spool.missing) = (drained?.parts ?? 0, drained?.missing)
    } else {
      let failure = CellWorkRounds.failure(status)
      spool.failure = "\(failure.code.rawValue): \(failure.detail)"
    }
    let found = spool
    let cells = try await services.store.read { rows in
      Set(
        try rows.spreadTenants(of: cell.id).filter { $0.state == .done }.compactMap { $0.to?.cell })
    }
    guard
      let sends = await rounds.suspended(
        CellSpreadCommands.name(cell.id), in: cells.sorted(), for: operation.id, trace: trace)
    else { return }
    try await services.store.write(trace: trace) { transaction, rows in
      guard var operation = try rows.operation(operation.id), operation.state == .running else {
        return
      }
      let tenants = try rows.spreadTenants(of: operation.id)
      let view = SpreadView(cell.id, tenants, found, sends)
      let result = String(decoding: try EdgeJSON.encode(view), as: UTF8.self)
      if view.failed > 0 {
        try operation.failed(
          Failure(
            .verificationFailed, "\(view.failed) of \(tenants.count) tenants are not back"),
          result: result, at: transaction.now)
      } else if let failure = found.failure {
        try operation.failed(
          Failure(.verificationFailed, "the spool is not drained: \(failure)"), result: result,
          at: transaction.now)
      } else if try rows.isMoveTarget(cell.id) || rows.tenantCount(on: cell.id) > 0 {
        // It has what nobody else has of a tenant: it is not retired, and its journal stays.
        try operation.failed(
          Failure(
            .conflict, "a tenant came to \(cell.id), or was on its way there: give the order again"
          ),
          result: result, at: transaction.now)
      } else {
        if var cell = try rows.cell(cell.id), cell.state != .retired {
          try RebalanceCommands.end(&cell, transaction, rows)
        }
        try operation.finished(step: "spool", at: transaction.now)
        try operation.succeeded(result: result, at: transaction.now)
      }
      try rows.put(operation)
    }
    try await RebalanceCommands(services: services).reread(cell.id)
  }
}
