import Edge
import Storage
import Wire

/// Arms moves: one transaction decides, and issues the epoch.
struct MoveCommands: Sendable {
  let services: AdminServices

  /// How long a move can be reversed.
  static let reversibleMilliseconds: Int64 = 24 * 3_600_000

  /// Records a move; its operation is the answer, and the rounds do the rest.
  func arm(
    _ id: TenantID, _ input: MoveInput, _ command: AdminCommand
  ) async throws(Failure) -> StoredAnswer {
    guard let target = CellID(input.toCell) else {
      throw Failure(.invalidField, "to_cell: not a cell")
    }
    let cap = input.capMilliseconds ?? ControlPlaneLimits.moveCapMilliseconds
    guard (1...ControlPlaneLimits.longestMoveCapMilliseconds).contains(cap) else {
      throw Failure(
        .invalidField,
        "cap_ms must be between 1 and \(ControlPlaneLimits.longestMoveCapMilliseconds)")
    }
    let (services, sights) = (services, services.roster.sights())
    return try await command.perform { transaction, rows in
      let tenant = try rows.requireTenant(id)
      let operation = try Self.arm(
        tenant, to: target, cap: cap, isDryRun: input.dryRun ?? false, transaction, rows,
        sights, services.configuration)
      try rows.append(
        command.audit(
          "tenant.move", id.rawValue,
          "\(tenant.placement.cell) to \(target)\(input.dryRun == true ? ", dry run" : "")"),
        id: transaction.freshID(), at: transaction.now)
      return try .json(202, OperationView(operation))
    }
  }

  /// Arms the way back of a move that has succeeded within a day.
  func reverse(
    _ id: OperationID, _ command: AdminCommand
  ) async throws(Failure) -> StoredAnswer {
    let (services, sights) = (services, services.roster.sights())
    return try await command.perform { transaction, rows in
      guard let move = try rows.move(id), let operation = try rows.operation(id) else {
        throw Failure(.notFound, "no such move")
      }
      guard operation.state == .succeeded, !move.isDryRun else {
        throw Failure(.invalidState, "only a move that has succeeded goes back")
      }
      let age = transaction.now.milliseconds - operation.updatedAt.milliseconds
      guard age <= Self.reversibleMilliseconds else {
        throw Failure(.invalidState, "the move is older than a day; move the tenant anew")
      }
      let tenant = try rows.requireTenant(move.tenant)
      guard tenant.placement == move.to else {
        throw Failure(
          .invalidState, "the tenant has moved on since; it is on \(tenant.placement.cell)")
      }
      let back = try Self.arm(
        tenant, to: move.from.cell, cap: move.capMilliseconds, isDryRun: false, transaction,
        rows, sights, services.configuration)
      try rows.append(
        command.audit(
          "tenant.move", move.tenant.rawValue,
          "back to \(move.from.cell), reversing \(move.id)"),
        id: transaction.freshID(), at: transaction.now)
      return try .json(202, OperationView(back))
    }
  }

  /// Arms a move in the transaction of whoever wants it: an operator, a drain, a rebalance.
  static func arm(
    _ tenant: TenantRecord, to target: CellID, cap: Int64, isDryRun: Bool,
    _ transaction: Transaction, _ rows: PlatformRows, _ sights: [CellRoster.Sight],
    _ configuration: ControlPlaneConfiguration
  ) throws -> Operation {
    // From a copy that has not heard its cells an epoch might be issued twice.
    try rows.requireSurveyed()
    if !isDryRun {
      try SendStopRule.demandMovable(
        from: try rows.sendStop(.cell, tenant.placement.cell.rawValue))
    }
    let candidates = try rows.candidates(sights, configuration)
    var rule = PlacementRule()
    rule.minimumDiskFreeBytes = configuration.minimumDiskFreeBytes
    try MoveAdmission.check(
      tenant, to: target, pending: try rows.pendingMove(of: tenant.id), among: candidates,
      rule: rule)
    let operation = try rows.begin(
      .tenantMove, tenant.id.rawValue, total: 0, unit: "bytes", transaction)
    let epoch = EpochRule.issue(
      known: tenant.placement.epoch,
      seen: [try rows.armedEpoch(of: tenant.id)].compactMap { $0 })
    try rows.put(
      MoveRecord(
        id: operation.id, tenant: tenant.id, from: tenant.placement,
        to: Placement(cell: target, epoch: isDryRun ? tenant.placement.epoch : epoch),
        capMilliseconds: cap, isDryRun: isDryRun, state: .pending, isCancelled: false))
    return operation
  }
}
