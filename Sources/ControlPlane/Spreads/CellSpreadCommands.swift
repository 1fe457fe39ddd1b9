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
      guard oldIsDead else {
        throw Failure(
          .invalidState,
          "what the old process had and the archive has not is lost, and it must not send any "
            + "more; state that it is stopped with old_is_dead")
      }
      let operation = try Self.begin(id, standing, reason, command, transaction, rows)
      return try .json(202, OperationView(operation))
    }
    try await RebalanceCommands(services: services).reread(id)
    return answer
  }

  /// What this process sees of a cell.
  struct Standing: Sendable {
    let isAlive: Bool
    /// Replicas that have said something lately.
    let heard: Set<String>
  }

  func standing(of id: CellID) -> Standing {
    Standing(
      isAlive: services.roster.isAlive(id),
      heard: Set(
        services.replicas.sights(of: id).filter { services.replicas.isHeard($0) }.map(\.replica)))
  }

  /// A follower that has all that was acknowledged and is there; nil: none.
  static func successor(of id: CellID, _ standing: Standing, _ rows: PlatformRows) throws -> String?
  {
    try rows.register(of: id)?.promotable.sorted().first { standing.heard.contains($0) }
  }

  /// Records it in the transaction of whoever wants it.
  static func begin(
    _ id: CellID, _ standing: Standing, _ reason: String, _ command: AdminCommand,
    _ transaction: Transaction, _ rows: PlatformRows
  ) throws -> Operation {
    // From a copy that has not heard its cells an epoch might be issued twice.
    try rows.requireSurveyed()
    guard var cell = try rows.cell(id) else { throw Failure(.notFound, "no such cell") }
    guard cell.state != .retired else { throw Failure(.invalidState, "the cell is retired") }
    guard !standing.isAlive else {
      throw Failure(.invalidState, "\(id) answers: drain it, which loses nothing")
    }
    if let follower = try successor(of: id, standing, rows) {
      throw Failure(
        .invalidState, "\(follower) has all that was acknowledged: promote it, or drain with --dead"
      )
    }
    if let running = try rows.runningRecovery(of: id) {
      throw Failure(.conflict, "\(running) restores \(id)")
    }
    try RebalanceCommands.demandNoDrain(of: id, rows)
    try SendStopRule.demandMovable(from: try rows.sendStop(.cell, id.rawValue))
    cell.generation = .ended
    cell.state = .draining
    cell.mapVersion = try rows.raiseVersion()
    try rows.put(cell)
    if let register = try rows.register(of: id) {
      try rows.put(
        CellRegister(
          cell: id, generation: .ended, primary: register.primary, version: register.version + 1))
    }
    let tenants = try rows.tenantCounts()[id]?.tenants ?? 0
    let operation = try rows.begin(
      .cellSpread, id.rawValue, total: Int64(tenants), unit: "tenants", transaction)
    try rows.put(
      RestoreRecord(
        id: operation.id, tenant: .wholeCell, target: .wholeCell, cell: id, at: name(id),
        mode: .swap, accept: true, releasedAt: nil))
    try rows.append(
      command.audit(
        "cell.spread", id.rawValue,
        "stated: the old process is stopped" + (reason.isEmpty ? "" : ": \(reason)")),
      id: transaction.freshID(), at: transaction.now)
    return operation
  }
}
