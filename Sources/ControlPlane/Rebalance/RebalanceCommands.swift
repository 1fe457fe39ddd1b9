import Edge
import Storage
import Wire

/// Begins drains and rebalances, and retires cells; the rounds do the rest.
struct RebalanceCommands: Sendable {
  let services: AdminServices

  func rebalance(
    _ input: RebalanceInput, _ command: AdminCommand
  ) async throws(Failure) -> StoredAnswer {
    let most = input.maximumMoves ?? ControlPlaneLimits.rebalanceMoves
    guard (1...ControlPlaneLimits.rebalanceMovesMaximum).contains(most) else {
      throw Failure(
        .invalidField,
        "max_moves must be between 1 and \(ControlPlaneLimits.rebalanceMovesMaximum)")
    }
    let isDryRun = input.dryRun ?? false
    return try await command.perform { transaction, rows in
      if !isDryRun {
        for id in try rows.runningRebalances() {
          guard let running = try rows.rebalance(id), !running.isDryRun, running.cell == nil else {
            continue
          }
          throw Failure(.conflict, "\(id) balances loads already")
        }
      }
      if let region = input.region, !(try rows.cells().contains { $0.region == region }) {
        throw Failure(.invalidField, "region: no cell of region \(region) has joined")
      }
      let operation = try rows.begin(
        .rebalance, input.region?.rawValue ?? "all", total: 0, unit: "tenants", transaction)
      try rows.insert(
        RebalanceRecord(
          id: operation.id, cell: nil, region: input.region, isDryRun: isDryRun,
          maximumMoves: most))
      try rows.append(
        command.audit(
          "rebalance", operation.subject,
          (isDryRun ? "dry run" : "at most \(most) moves") + Self.suffix(input.reason)),
        id: transaction.freshID(), at: transaction.now)
      return try .json(202, OperationView(operation))
    }
  }

  /// From here on the cell takes no tenants, and all that it has are moved to others.
  func drain(
    _ id: CellID, _ input: CellInput, _ command: AdminCommand
  ) async throws(Failure) -> StoredAnswer {
    let isDryRun = input.dryRun ?? false
    let standing = CellSpreadCommands(services: services).standing(of: id)
    let isAlive = standing.isAlive
    let isLost = !isAlive && input.oldIsDead == true && !isDryRun
    let isMixed = try await PromoteRoute.isMixed(id, services)
    let answer = try await command.perform { transaction, rows in
      var cell = try Self.demandDrainable(id, rows)
      guard isAlive || isLost else {
        throw Failure(
          .cellUnavailable,
          "\(id) does not answer: state with old_is_dead that it is gone, and its follower takes "
            + "over, or the archive gives its tenants to the other cells",
          retryAfterMilliseconds: ControlPlaneLimits.heartbeatTimeoutMilliseconds)
      }
      if isLost {
        guard try Self.successor(of: id, isMixed: isMixed, services.replicas, rows) != nil else {
          let operation = try CellSpreadCommands.begin(
            id, standing, input.reason ?? "", command, transaction, rows)
          return try .json(202, OperationView(operation))
        }
        _ = try PromoteRoute.begin(
          id, .promotable(reason: input.reason), isMixed: false, services.replicas, command,
          transaction, rows)
        cell = try Self.demandDrainable(id, rows)
      } else if !isDryRun {
        try Self.demandNoDrain(of: id, rows)
        try demandHeadroom(without: id, input, rows)
        try SendStopRule.demandMovable(from: try rows.sendStop(.cell, id.rawValue))
      }
      let operation = try rows.begin(
        .cellDrain, id.rawValue, total: 0, unit: "tenants", transaction)
      try rows.insert(
        RebalanceRecord(
          id: operation.id, cell: id, region: cell.region, isDryRun: isDryRun, maximumMoves: 0))
      if !isDryRun {
        cell.state = .draining
        cell.mapVersion = try rows.raiseVersion()
        try rows.put(cell)
      }
      try rows.append(
        command.audit(
          "cell.drain", id.rawValue, (isDryRun ? "dry run" : "") + Self.suffix(input.reason)),
        id: transaction.freshID(), at: transaction.now)
      return try .json(202, OperationView(operation))
    }
    try await reread(id)
    return answer
  }

  /// What the drain of a cell that is stated to be dead would begin with: it cannot be measured.
  func drainDryRun(ofDead id: CellID) async throws -> StoredAnswer {
    struct Plan: Encodable, Sendable {
      let cell: String
      let tenants: Int
      /// The follower that takes over first, and under which generation.
      let promotes: String
      let generation: UInt64
    }
    let isMixed = try await PromoteRoute.isMixed(id, services)
    let plan = try await services.store.read { rows -> Plan? in
      _ = try Self.demandDrainable(id, rows)
      return try Self.successor(of: id, isMixed: isMixed, services.replicas, rows).map { after in
        Plan(
          cell: id.rawValue, tenants: try rows.tenantCount(on: id),
          promotes: after.primary, generation: after.generation.rawValue)
      }
    }
    guard let plan else {
      return try await CellSpreadCommands(services: services).dryRun(id, oldIsDead: true)
    }
    return try services.dryRun(.cellDrain, of: id, plan)
  }

  private static func demandDrainable(_ id: CellID, _ rows: PlatformRows) throws -> CellRecord {
    guard let cell = try rows.cell(id) else { throw Failure(.notFound, "no such cell") }
    guard cell.state != .retired else { throw Failure(.invalidState, "the cell is retired") }
    return cell
  }

  /// The register after the promotion with which the drain of a dead cell begins, where that may
  /// begin; nil: the register names no follower, and the archive gives its tenants to others.
  ///
  /// A follower that has everything is waited for, where it does not answer now.
  private static func successor(
    of id: CellID, isMixed: Bool, _ replicas: ReplicaRoster, _ rows: PlatformRows
  ) throws -> CellRegister? {
    guard try rows.register(of: id)?.promotable.isEmpty == false else { return nil }
    try demandNoDrain(of: id, rows)
    try SendStopRule.demandMovable(from: try rows.sendStop(.cell, id.rawValue))
    // Its sends would have to stop until somebody has looked; elsewhere they would go on.
    guard !isMixed else {
      throw Failure(
        .invalidState,
        "tenants of \(id) wait for no follower, so its copy may be incomplete: promote it, "
          + "look at its sends, and drain then")
    }
    return try PromoteRoute.decide(
      id, .promotable(reason: nil), isMixed: false, replicas, rows
    ).after
  }

  /// Ends a cell that has no tenants: it may never join again.
  ///
  /// Beside a control plane from a copy also one that only the archive names: nobody waits for it.
  func retire(
    _ id: CellID, _ input: CellInput, _ command: AdminCommand, trace: String
  ) async throws(Failure) -> StoredAnswer {
    let isAlive = try await demandEmptySpool(id, trace: trace)
    let answer = try await command.perform { transaction, rows in
      if var cell = try demandRetirable(id, input, isAlive: isAlive, rows) {
        try Self.end(&cell, transaction, rows)
      } else {
        try rows.dismissArchived(id)
      }
      var operation = try rows.begin(
        .cellRetire, id.rawValue, total: 0, unit: "tenants", transaction)
      try operation.finished(step: "retire", at: transaction.now)
      try operation.succeeded(result: "{}", at: transaction.now)
      try rows.put(operation)
      try rows.append(
        command.audit(
          "cell.retire", id.rawValue,
          (input.oldIsDead == true ? "stated: gone for good" : "") + Self.suffix(input.reason)),
        id: transaction.freshID(), at: transaction.now)
      return try .json(202, OperationView(operation))
    }
    try await reread(id)
    return answer
  }

  /// What would end; everything that the real order asks for is asked for.
  func retireDryRun(
    _ id: CellID, _ input: CellInput, trace: String
  ) async throws -> StoredAnswer {
    let isAlive = try await demandEmptySpool(id, trace: trace)
    let cell = try await services.store.read { rows in
      try demandRetirable(id, input, isAlive: isAlive, rows)
    }
    return try services.dryRun(
      .cellRetire, of: id,
      [
        "cell": id.rawValue, "from": cell?.state.rawValue ?? "unknown",
        "to": CellState.retired.rawValue, "spool": isAlive ? "empty" : "unknown",
      ])
  }

  /// The cell, where it may end; nil: only the archive names it, and nobody is to wait for it.
  private func demandRetirable(
    _ id: CellID, _ input: CellInput, isAlive: Bool, _ rows: PlatformRows
  ) throws -> CellRecord? {
    guard let cell = try rows.cell(id) else {
      if try rows.isArchivedOnly(id) {
        try demandUnheard(id)
        try Self.demandStated(id, input, isAlive: isAlive)
        return nil
      }
      guard try rows.register(of: id)?.generation != .ended else {
        throw Failure(.alreadyDone, "the cell is no more")
      }
      throw Failure(.notFound, "no such cell")
    }
    guard cell.state != .retired else { throw Failure(.alreadyDone, "the cell is retired") }
    try Self.demandStated(id, input, isAlive: isAlive)
    try Self.demandNoDrain(of: id, rows)
    let tenants = try rows.tenantCount(on: id)
    guard tenants == 0 else {
      throw Failure(.conflict, "\(id) has \(tenants) tenants; drain it first")
    }
    guard try !rows.isMoveTarget(id) else {
      throw Failure(.conflict, "a tenant is on its way to \(id)")
    }
    // One that is dead already gives nobody room.
    if isAlive { try demandHeadroom(without: id, input, rows) }
    return cell
  }

  /// Throws `invalid_state` where a replica reports that has something of a cell which has not
  /// joined: ended, it would be out for good, and nobody else has its tenants.
  private func demandUnheard(_ id: CellID) throws(Failure) {
    let heard = services.replicas.sights(of: id).filter {
      !$0.isLost && services.replicas.isHeard($0)
    }
    guard let one = heard.first(where: \.isPrimary) ?? heard.first else { return }
    throw Failure(
      .invalidState, "\(one.replica) of \(id) reports: promote it by name, or let it join")
  }

  private static func demandStated(
    _ id: CellID, _ input: CellInput, isAlive: Bool
  ) throws(Failure) {
    guard isAlive || input.oldIsDead == true else {
      throw Failure(
        .cellUnavailable,
        "\(id) does not answer, so nobody knows what its spool holds; state that it is gone "
          + "for good with old_is_dead")
    }
  }

  /// Throws `cell_full` where the loss of one of the others would not fit any more without this
  /// cell, unless the operator accepts that.
  private func demandHeadroom(
    without id: CellID, _ input: CellInput, _ rows: PlatformRows
  ) throws {
    guard input.acceptGap != true else { return }
    let uses = try rows.cellUses(services.roster.sights(), services.configuration)
    guard let gap = HeadroomRule.opened(byLosing: id, of: uses).first else { return }
    throw Failure(
      .cellFull,
      "without \(id) the others could not take the tenants of \(gap.cell): \(gap.lacks) are "
        + "missing; add a cell, or say accept_gap")
  }

  /// The cell may never join again.
  static func end(
    _ cell: inout CellRecord, _ transaction: Transaction, _ rows: PlatformRows
  ) throws {
    cell.state = .retired
    cell.mapVersion = try rows.raiseVersion()
    try rows.put(cell)
    // Nobody waits for what it will never make durable.
    for waiting in try rows.directives(for: cell.id, before: .distantFuture, limit: .max) {
      try rows.acknowledge(waiting, at: transaction.now)
    }
  }

  /// A drain that was cancelled or has failed: the cell takes tenants again.
  static func reopen(_ id: CellID, _ rows: PlatformRows) throws {
    guard var cell = try rows.cell(id), cell.state == .draining else { return }
    cell.state = .active
    cell.mapVersion = try rows.raiseVersion()
    try rows.put(cell)
  }

  /// A cell's row was changed: roster and map know it.
  func reread(_ id: CellID) async throws(Failure) {
    guard let cell = try await services.store.read({ try $0.cell(id) }) else { return }
    services.roster.set(cell)
    try await services.map.refresh()
  }

  /// Throws `conflict` while webhook parts wait in a cell that answers; answers whether it does.
  private func demandEmptySpool(_ id: CellID, trace: String) async throws(Failure) -> Bool {
    let isAlive = services.roster.isAlive(id)
    guard isAlive, let cell = services.roster.cell(id), cell.state != .retired else {
      return isAlive
    }
    var query = Aimstors_ProtoSpoolQuery()
    query.limit = 1
    let bytes = try await services.ask(
      cell, .spoolQuery, try ProtoCoding.encode(query), timeout: ControlPlaneLimits.spoolTimeout,
      trace: trace)
    let page = try ProtoCoding.decode(Aimstors_ProtoSpoolPage.self, bytes)
    guard page.entries.isEmpty else {
      throw Failure(
        .conflict,
        "webhook parts wait in the spool of \(cell.id); it empties by itself, or see "
          + "/v1/quarantine", retryAfterMilliseconds: 1_000)
    }
    return true
  }

  static func demandNoDrain(of id: CellID, _ rows: PlatformRows) throws {
    for running in try rows.runningRebalances() {
      guard let drain = try rows.rebalance(running), drain.cell == id, !drain.isDryRun else {
        continue
      }
      throw Failure(.conflict, "\(running) drains \(id)")
    }
  }

  private static func suffix(_ reason: String?) -> String {
    guard let reason, !reason.isEmpty else { return "" }
    return ": \(reason)"
  }
}

/// The body of `POST /v1/cells/{id}/drain` and `…/retire`.
struct CellInput: Decodable, Sendable {
  let dryRun: Bool?
  /// The operator states that the cell is gone for good.
  let oldIsDead: Bool?
  /// The operator accepts that without this cell the loss of another one would not fit.
  let acceptGap: Bool?
  let reason: String?

  enum CodingKeys: String, CodingKey {
    case reason
    case dryRun = "dry_run"
    case oldIsDead = "old_is_dead"
    case acceptGap = "accept_gap"
  }

  static let empty = CellInput(dryRun: nil, oldIsDead: nil, acceptGap: nil, reason: nil)
}
