import Wire

/// A move as it was armed; its operation says how far it has come.
struct MoveRecord: Hashable, Sendable {
  enum State: String, Hashable, Sendable {
    /// Its epoch is armed: at most one per tenant.
    case pending
    /// The target has adopted.
    case done
    /// The source goes on, and the epoch is never used.
    case burned
  }

  let id: OperationID
  let tenant: TenantID
  let from: Placement
  let to: Placement
  let capMilliseconds: Int64
  /// Only what it would cost is asked.
  let isDryRun: Bool
  var state: State
  /// Somebody wants it given up.
  var isCancelled: Bool
}

/// The body of `POST /v1/tenants/{id}/moves`.
struct MoveInput: Decodable, Sendable {
  let toCell: String
  let dryRun: Bool?
  /// The longest the tenant may be unavailable before the move is given up.
  let capMilliseconds: Int64?

  enum CodingKeys: String, CodingKey {
    case toCell = "to_cell"
    case dryRun = "dry_run"
    case capMilliseconds = "cap_ms"
  }
}

/// Whether a tenant may move to a cell.
///
/// Decides only; asked in the transaction that arms the move.
enum MoveAdmission {
  /// Throws `invalid_field` for a cell that does not exist, `conflict` where the tenant is there
  /// already or moves, `cell_unavailable`, `follower_missing`, `cell_full`.
  static func check(
    _ tenant: TenantRecord, to target: CellID, pending: MoveRecord?,
    among cells: [PlacementCandidate], rule: PlacementRule
  ) throws(Failure) {
    guard tenant.isProvisioned else {
      throw Failure(.invalidState, "the tenant is not provisioned yet; try again")
    }
    guard tenant.placement.cell != target else {
      throw Failure(.conflict, "the tenant is on \(target)")
    }
    if let pending {
      throw Failure(.conflict, "\(pending.id) moves this tenant to \(pending.to.cell)")
    }
    guard let source = cells.first(where: { $0.id == tenant.placement.cell }), source.isAlive else {
      throw Failure(
        .cellUnavailable, "\(tenant.placement.cell), where the tenant is, does not answer",
        retryAfterMilliseconds: ControlPlaneLimits.heartbeatTimeoutMilliseconds)
    }
    _ = try rule.choose(
      region: tenant.region, tier: tenant.tier, durability: tenant.durability, pinned: target,
      among: cells)
  }
}
