import Edge
import Storage
import Wire

extension PlatformRows {
  /// The tenants that a lost cell served, as a spread sees them.
  func placed(at cell: CellID) throws -> [SpreadRule.Placed] {
    try tenants(on: cell).map { tenant in
      SpreadRule.Placed(
        id: tenant.id, epoch: tenant.placement.epoch, isProvisioned: tenant.isProvisioned,
        knownBy: try pendingMove(of: tenant.id)?.to.cell, armed: try armedEpoch(of: tenant.id))
    }
  }

  /// Has a tenant that the lost cell was to begin begun at another one; who waits for it goes on
  /// waiting.
  func provision(_ row: SpreadTenant, at now: Timestamp) throws {
    guard var tenant = try tenant(row.tenant), let to = row.to else { return }
    tenant.placement = to
    tenant.version = try raiseVersion()
    try put(tenant)
    let waiting = try directives(for: row.cell, before: .distantFuture, limit: .max)
      .first { $0.kind == .provision && $0.subject == tenant.id.rawValue }
    if let waiting { try remove(waiting) }
    try enqueue(
      Directive(
        cell: to.cell, kind: .provision, subject: tenant.id.rawValue, version: tenant.version,
        createdAt: now, operation: waiting?.operation), at: now)
  }

  /// Places a tenant at its new cell, which holds it durably.
  func place(
    _ row: SpreadTenant, by operation: OperationID, at now: Timestamp
  ) throws {
    guard var tenant = try tenant(row.tenant) else { throw Failure(.notFound, "it is gone") }
    tenant.placement = try SpreadRule.place(row, placedAt: tenant.placement)
    if let move = try pendingMove(of: tenant.id) {
      let lost =
        move.to.cell == row.cell
        ? "\(row.cell) was lost before it said that it has the tenant, which is back"
        : "\(row.cell) was lost before it handed the tenant over"
      try end(move, Failure(.cellUnavailable, lost), at: now)
    }
    try putPlaced(tenant, at: now)
    // What its audit log had in the last moments may be gone.
    try acceptBranch(
      "\(operation) \(tenant.id)", tenant.id, reason: "\(row.cell) was lost and spread", at: now)
  }

  /// Places a tenant that a move had taken to its new cell before the old one was lost, under the
  /// move's epoch; the one that was issued for the spread is never used.
  func placeAdopted(_ row: SpreadTenant, at now: Timestamp) throws {
    guard let tenant = try tenant(row.tenant) else { throw Failure(.notFound, "it is gone") }
    if tenant.placement.cell == row.to?.cell {
      // The move's end was written down meanwhile; or it was to go to the lost cell, and its cell
      // has it.
      if let move = try pendingMove(of: tenant.id), move.to.cell == row.cell {
        try end(move, Failure(.cellUnavailable, "\(row.cell) was lost first"), at: now)
      }
      return
    }
    guard let move = try pendingMove(of: tenant.id), move.to.cell == row.to?.cell,
      let operation = try operation(move.id)
    else {
      throw Failure(.conflict, "\(row.to?.cell.rawValue ?? "a cell") has it by no known move")
    }
    let result = [
      "tenant_id": tenant.id.rawValue, "from_cell": row.cell.rawValue,
      "to_cell": move.to.cell.rawValue,
    ]
    try complete(
      move, operation, result: String(decoding: try EdgeJSON.encode(result), as: UTF8.self),
      at: now)
  }

  /// Stores where a tenant goes; who was never anywhere begins at its new cell.
  func plan(_ row: SpreadTenant, at now: Timestamp) throws {
    try put(row)
    if row.state == .done { try provision(row, at: now) }
  }

  /// A cell that may take one tenant, by the rules for new ones; nil: none may.
  func taker(
    of tenant: TenantID, _ sights: [CellRoster.Sight], _ configuration: ControlPlaneConfiguration
  ) throws -> CellID? {
    guard let tenant = try self.tenant(tenant) else { return nil }
    var rule = PlacementRule()
    rule.minimumDiskFreeBytes = configuration.minimumDiskFreeBytes
    let candidates = try candidates(sights, configuration)
    // Who asks for a follower is served without one rather than not at all; the cell says so.
    let wanted: [TenantDurability] =
      tenant.durability == .follower ? [.follower, .cell] : [tenant.durability]
    for durability in wanted {
      let cell = try? rule.choose(
        region: tenant.region, tier: tenant.tier, durability: durability, pinned: nil,
        among: candidates)
      if let cell { return cell }
    }
    return nil
  }
}
