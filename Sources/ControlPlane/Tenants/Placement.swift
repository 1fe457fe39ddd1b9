import Wire

/// Where a tenant is, fenced by its epoch.
package struct Placement: Hashable, Sendable {
  package let cell: CellID
  package let epoch: Epoch

  package init(cell: CellID, epoch: Epoch) {
    self.cell = cell
    self.epoch = epoch
  }
}

/// A cell as placement sees it.
struct PlacementCandidate: Hashable, Sendable {
  let id: CellID
  let region: RegionID
  let state: CellState
  /// Whether its heartbeats arrive.
  let isAlive: Bool
  /// Tenants placed here, those included that it has not created yet: many creations at once see
  /// each other.
  let tenants: Int
  let capacity: Int
  let hasDedicatedTenant: Bool
  /// Whether it asks a follower, or has one so near that it will.
  let hasFollower: Bool
  let diskFreeBytes: UInt64
  let operationsPerSecond: Double
}

/// Chooses the cell of a new tenant.
///
/// Decides only; the choice is recorded by its caller in one transaction with the count it was
/// based on.
struct PlacementRule: Sendable {
  /// The tier whose tenants never share a cell.
  static let dedicatedTier = "dedicated"

  var minimumDiskFreeBytes = ControlPlaneLimits.minimumDiskFreeBytes
  var fullLoad = ControlPlaneLimits.operationsPerSecondAtFullLoad

  /// The cell with the most headroom in `region`; `pinned` names one that the operator chose.
  ///
  /// Throws `invalid_field` for a region or cell that does not exist, `cell_unavailable` where none
  /// of them is alive, `follower_missing` where the tenant asks for a follower and none of them
  /// feeds one, `cell_full` where all that are left refuse.
  func choose(
    region: RegionID, tier: String, durability: TenantDurability = .cell, pinned: CellID?,
    among cells: [PlacementCandidate]
  ) throws(Failure) -> CellID {
    let inRegion = cells.filter { $0.region == region && $0.state != .retired }
    guard !inRegion.isEmpty else {
      throw Failure(.invalidField, "region: no cell of region \(region) has joined")
    }
    var wanted = inRegion
    if let pinned {
      wanted = inRegion.filter { $0.id == pinned }
      guard !wanted.isEmpty else {
        throw Failure(.invalidField, "cell: no cell \(pinned) in region \(region)")
      }
    }
    var alive = wanted.filter { $0.isAlive && $0.state == .active }
    guard !alive.isEmpty else {
      throw Failure(
        .cellUnavailable, "no cell of region \(region) takes tenants now",
        retryAfterMilliseconds: ControlPlaneLimits.heartbeatTimeoutMilliseconds)
    }
    if durability == .follower {
      alive.removeAll { !$0.hasFollower }
      guard !alive.isEmpty else { throw Self.noFollower(pinned.map { "\($0)" } ?? "any cell") }
    }
    let free = alive.filter { refusal(of: $0, tier: tier) == nil }
    guard let best = preferred(free, tier, inRegion).min(by: { rank($0) < rank($1) }) else {
      let reasons = alive.compactMap { cell in
        refusal(of: cell, tier: tier).map { "\(cell.id): \($0)" }
      }
      throw Failure(.cellFull, reasons.joined(separator: "; "))
    }
    return best.id
  }

  /// Throws `follower_missing` where the cell does not feed a follower.
  static func demandFollower(
    at cell: CellID, among cells: [PlacementCandidate]
  ) throws(Failure) {
    guard cells.contains(where: { $0.id == cell && $0.hasFollower }) else {
      throw noFollower("\(cell)")
    }
  }

  private static func noFollower(_ place: String) -> Failure {
    Failure(
      .followerMissing,
      "the tenant's records must wait for a follower, and none is fed now at \(place)")
  }

  /// What is left once the region's spare cell is left out, where that leaves room.
  private func preferred(
    _ free: [PlacementCandidate], _ tier: String, _ region: [PlacementCandidate]
  ) -> [PlacementCandidate] {
    let spare = SpareCell.kept(
      of: free.filter { $0.tenants == 0 }.map(\.id),
      hasDedicated: region.contains(where: \.hasDedicatedTenant))
    guard tier != Self.dedicatedTier, let spare else { return free }
    let fill = RebalanceRule().fill
    let others = free.filter { $0.id != spare && max(fullness($0), load($0)) < fill }
    return others.isEmpty ? free : others
  }

  /// Why a living cell takes no tenant of `tier`; nil where it does.
  private func refusal(of cell: PlacementCandidate, tier: String) -> String? {
    if cell.tenants >= cell.capacity { return "has all \(cell.capacity) tenants it may have" }
    if cell.diskFreeBytes < minimumDiskFreeBytes { return "is low on disk" }
    if cell.hasDedicatedTenant { return "belongs to a dedicated tenant" }
    if tier == Self.dedicatedTier, cell.tenants > 0 { return "is shared" }
    return nil
  }

  /// Lower is better: how full and how busy, then the name so that the choice is reproducible.
  private func rank(_ cell: PlacementCandidate) -> (Double, CellID) {
    // A busy cell with room loses against a quiet one with a little less room, so that a burst of
    // new tenants does not land where the load already is.
    return (fullness(cell) + 0.5 * load(cell), cell.id)
  }

  private func load(_ cell: PlacementCandidate) -> Double {
    min(cell.operationsPerSecond / fullLoad, 1)
  }

  private func fullness(_ cell: PlacementCandidate) -> Double {
    Double(cell.tenants) / Double(max(cell.capacity, 1))
  }
}

/// Issues epochs: always above everything seen for the tenant.
package enum EpochRule {
  package static func issue(known: Epoch?, seen: [Epoch]) -> Epoch {
    let highest = ([known].compactMap { $0 } + seen).max()
    return highest?.next ?? .first
  }
}

/// What the control plane concludes from a cell that says it owns a tenant.
package enum InventoryRule {
  package enum Conclusion: Hashable {
    /// As known.
    case confirmed
    /// The cell knows more: its placement is taken over.
    case learned(Placement)
    /// The cell serves under an epoch that has been passed; it must not own the tenant any more.
    case stale(current: Placement)
    /// Two cells claim one epoch. Never resolved here: an operator must look.
    case conflict(current: Placement)
  }

  package static func conclude(
    known: Placement?, isProvisioned: Bool, claimed epoch: Epoch, by cell: CellID
  ) -> Conclusion {
    guard let known else { return .learned(Placement(cell: cell, epoch: epoch)) }
    if epoch > known.epoch { return .learned(Placement(cell: cell, epoch: epoch)) }
    if epoch < known.epoch { return .stale(current: known) }
    guard known.cell == cell else { return .conflict(current: known) }
    // The cell made it durable and the answer was lost.
    return isProvisioned ? .confirmed : .learned(known)
  }
}
