import Edge
import Storage
import Wire

/// Begins to spread a cell that is lost for good over the others; the rounds do the rest.
///
/// From here on no process serves under its name again.
struct CellSpreadCommands: Sendable {
  let services: AdminServices

  /// What suspended tenants wait for the release of: one name per lost cell, so that what one
  /// operation has left another goes on with.
  static func name(_ cell: CellID) -> String { "\(cell)@spread" }

  func spread(
    _ id: CellID, oldIsDead: Bool, reason: String, _ command: AdminCommand
  ) async throws(Failure) -> StoredAnswer {
    let standing = standing(of: id)
    let answer = try await command.perform { transaction, rows in
      try Self.demandDead(oldIsDead)
      let operation = try Self.begin(id, standing, reason, command, transaction, rows)
      return try .json(202, OperationView(operation))
    }
    try await RebalanceCommands(services: services).reread(id)
    return answer
  }

  /// What a spread would take on; everything that it asks for is asked for.
  func dryRun(_ id: CellID, oldIsDead: Bool) async throws -> StoredAnswer {
    struct Plan: Encodable, Sendable {
      let cell: String
      let tenants: Int
      /// Restores of the cell that it takes over from.
      let ends: [String]
    }
    try Self.demandDead(oldIsDead)
    let standing = standing(of: id)
    let plan = try await services.store.read { rows -> Plan in
      let (_, restores) = try Self.check(id, standing, rows)
      return Plan(
        cell: id.rawValue, tenants: try rows.tenantCount(on: id),
        ends: restores.map(\.id.rawValue))
    }
    return try services.dryRun(.cellSpread, of: id, plan)
  }

  /// Throws `invalid_state` where nobody has stated that the old process is stopped.
  static func demandDead(_ isStated: Bool) throws(Failure) {
    guard !isStated else { return }
    throw Failure(
      .invalidState,
      "what the old process had and the archive has not is lost, and it must not send any more; "
        + "state that it is stopped with old_is_dead")
  }

  /// What this process sees of a cell.
  struct Standing: Sendable {
    let isAlive: Bool
    /// Followers that have reported lately and have all that they had.
    let heard: Set<String>
  }

  func standing(of id: CellID) -> Standing {
    Standing(
      isAlive: services.roster.isAlive(id),
      heard: Set(
        services.replicas.sights(of: id).map(\.replica).filter {
          let standing = services.replicas.standing(of: $0, in: id)
          return standing.isHeard && !standing.lacks
        }))
  }

  /// A follower that has all that was acknowledged and is there; nil: none.
  static func successor(of id: CellID, _ standing: Standing, _ rows: PlatformRows) throws -> String?
  {
    try rows.register(of: id)?.promotable.sorted().first { standing.heard.contains($0) }
  }

  /// Whether the cell may be spread; answers the restores of it that the spread takes over from.
  ///
  /// Such a restore may wait for ever: the machine that was to take the lost one's place may be
  /// gone as well.
  private static func check(
    _ id: CellID, _ standing: Standing, _ rows: PlatformRows
  ) throws -> (cell: CellRecord, restores: [Operation]) {
    let cell = try rows.lostCell(id)
    // From a copy that has not heard its cells an epoch might be issued twice.
    try rows.requireSurveyed()
    guard cell.state != .retired else { throw Failure(.invalidState, "the cell is retired") }
    guard !standing.isAlive else {
      throw Failure(.invalidState, "\(id) answers: drain it, which loses nothing")
    }
    if let follower = try successor(of: id, standing, rows) {
      throw Failure(
        .invalidState, "\(follower) has all that was acknowledged: promote it, or drain with --dead"
      )
    }
    let running = try rows.runningRecoveries(of: id)
    if let spread = running.first(where: { $0.kind == .cellSpread }) {
      throw Failure(.conflict, "\(spread.id) spreads \(id)")
    }
    try RebalanceCommands.demandNoDrain(of: id, rows)
    try PromotionStop.demandSpreadable(from: try rows.sendStop(.cell, id.rawValue))
    return (cell, running)
  }

  /// Records it in the transaction of whoever wants it.
  static func begin(
    _ id: CellID, _ standing: Standing, _ reason: String, _ command: AdminCommand,
    _ transaction: Transaction, _ rows: PlatformRows
  ) throws -> Operation {
    let (found, restores) = try check(id, standing, rows)
    var cell = found
    try rows.end(
      restores, Failure(.conflict, "the cell was spread over others"), at: transaction.now)
    cell.generation = .ended
    cell.state = .draining
    cell.mapVersion = try rows.raiseVersion()
    try rows.put(cell)
    try rows.endRegister(of: id)
    let tenants = try rows.tenantCount(on: id)
    let operation = try rows.begin(
      .cellSpread, id.rawValue, total: Int64(tenants), unit: "tenants", transaction)
    try rows.put(
      RestoreRecord(
        id: operation.id, tenant: .wholeCell, target: .wholeCell, cell: id, at: name(id),
        mode: .swap, accept: true, releasedAt: nil))
    try rows.append(
      command.audit(
        "cell.spread", id.rawValue,
        "stated: the old process is stopped"
          + restores.map { ", in place of \($0.id)" }.joined()
          + (reason.isEmpty ? "" : ": \(reason)")),
      id: transaction.freshID(), at: transaction.now)
    return operation
  }
}

extension PlatformRows {
  /// Another order takes over from operations: they fail, with what there is to read of them.
  func end(_ operations: [Operation], _ failure: Failure, at now: Timestamp) throws {
    for var operation in operations {
      try operation.failed(failure, result: operation.result, at: now)
      try put(operation)
    }
  }
}
