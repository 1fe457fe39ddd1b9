import Storage
import Wire

/// What is written when a cell joins.
extension PlatformRows {
  /// A cell that is new has every stop to make durable.
  func enqueueStops(for cell: CellID, at now: Timestamp) throws {
    for stop in try sendStops() {
      try put(
        Directive(
          cell: cell, kind: .sendStop, subject: stop.subject, version: stop.version,
          createdAt: now, operation: nil))
    }
  }

  /// Takes over one tenant of a cell's inventory; answers where two owners are claimed.
  func learn(_ owned: Aimstors_ProtoOwnedTenant, of cell: CellID, at now: Timestamp) throws
    -> OwnerConflict?
  {
    // A name that we never issued is nobody's tenant (the cell's own store, a newer cell's kind).
    guard let id = TenantID(owned.tenant), !owned.tenant.hasPrefix("_") else { return nil }
    let known = try tenant(id)
    let conclusion = InventoryRule.conclude(
      known: known?.placement, isProvisioned: known?.isProvisioned ?? false,
      claimed: Epoch(owned.epoch), by: cell)
    switch conclusion {
    case .confirmed: return nil
    case .learned(let placement):
      var tenant = try known ?? unknownTenant(id, owned, on: cell, at: now)
      tenant.placement = placement
      tenant.isProvisioned = true
      tenant.version = try raiseVersion()
      try put(tenant)
      return nil
    case .stale(let current), .conflict(let current):
      return OwnerConflict(id, epoch: owned.epoch, by: cell, placed: current, at: now)
    }
  }

  /// Whether a claim that contradicted does so no more.
  func isOver(_ claim: OwnerConflict.Claim) throws -> Bool {
    switch claim.subject {
    case .tenant:
      return claim.isOver(placement: try tenant(claim.tenant)?.placement, holder: nil)
    case .key(let kind, let key):
      return claim.isOver(placement: nil, holder: try self.claim(kind, key))
    }
  }

  /// A tenant that this store lost: what only its profile tells is left open, visibly.
  private func unknownTenant(
    _ id: TenantID, _ owned: Aimstors_ProtoOwnedTenant, on cell: CellID, at now: Timestamp
  ) throws -> TenantRecord {
    guard let record = try self.cell(cell), let currency = Currency("XXX") else {
      throw Failure(.notFound, "no such cell")
    }
    return TenantRecord(
      id: id, name: id.rawValue, slug: id.rawValue, region: record.region, currency: currency,
      timeZone: "UTC", tier: "standard", parent: nil,
      state: TenantState(rawValue: owned.state) ?? .active,
      reason: "learned from \(cell)", isProvisioned: true,
      placement: Placement(cell: cell, epoch: Epoch(owned.epoch)),
      durability: try hasDurabilities ? TenantDurability(told: owned.durability) : .cell,
      createdAt: now, version: 0)
  }
}
