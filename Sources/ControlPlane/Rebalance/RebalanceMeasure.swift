import Edge
import Wire

/// What a cell measured of its tenants, as it reports it.
struct MeasuredCell: Decodable, Hashable, Sendable {
  struct Entry: Decodable, Hashable, Sendable {
    let tenant: String
    let operations: Double
    let bytes: UInt64
    let syncMicroseconds: Double

    enum CodingKeys: String, CodingKey {
      case tenant = "tenant_id"
      case operations = "operations_per_second"
      case bytes
      case syncMicroseconds = "sync_us_per_second"
    }

    var load: Load {
      Load(
        operations: operations, bytes: Double(bytes), syncMicroseconds: syncMicroseconds)
    }
  }

  let tenants: [Entry]
  /// How many are not listed, and what they ask together.
  let others: Int
  let rest: Entry

  /// What each of some tenants asks; who is not listed has an equal part of the rest.
  func loads(of ids: [TenantID]) -> [TenantID: Load] {
    var known: [String: Load] = [:]
    for entry in tenants { known[entry.tenant] = entry.load }
    let part = rest.load * (1 / Double(max(others, 1)))
    var loads: [TenantID: Load] = [:]
    for id in ids { loads[id] = known[id.rawValue] ?? (others > 0 ? part : Load()) }
    return loads
  }
}

extension MeasuredCell {
  /// What is assumed of a lost cell's tenants, whom nobody can measure: each asks what the others'
  /// do on average, and no less than `share` of a cell's time, so that they are not all put where
  /// least is done.
  static func assumed(_ count: Int, like cells: [MeasuredCell], atLeast share: Double) -> Self {
    var (all, number) = (Load(), 0)
    for cell in cells {
      all = cell.tenants.reduce(all + cell.rest.load) { $0 + $1.load }
      number += cell.tenants.count + cell.others
    }
    let each = all * (1 / Double(max(number, 1)))
    let least = ControlPlaneLimits.operationsPerSecondAtFullLoad * share
    return MeasuredCell(
      tenants: [], others: count,
      rest: Entry(
        tenant: "", operations: max(each.operations, least) * Double(count),
        bytes: UInt64(each.bytes) * UInt64(count),
        syncMicroseconds: each.syncMicroseconds * Double(count)))
  }
}

extension PlatformRows {
  /// The cells of a region, or all, with what was measured of their tenants.
  ///
  /// A cell that measured nothing counts its tenants only.
  func cellLoads(
    _ sights: [CellRoster.Sight], _ configuration: ControlPlaneConfiguration,
    _ measured: [CellID: MeasuredCell], for rebalance: RebalanceRecord
  ) throws -> [CellLoad] {
    let moving = try movingTenants()
    return try sights.compactMap { sight -> CellLoad? in
      let cell = sight.record
      guard cell.state != .retired, rebalance.region == nil || rebalance.region == cell.region
      else { return nil }
      let placed = try tenants(on: cell.id)
      let loads = measured[cell.id]?.loads(of: placed.map(\.id)) ?? [:]
      let tenants = placed.map { tenant in
        TenantLoad(
          tenant.id, loads[tenant.id] ?? Load(),
          isDedicated: tenant.tier == PlacementRule.dedicatedTier,
          isPinned: !tenant.isProvisioned || moving.contains(tenant.id),
          needsFollower: tenant.durability == .follower)
      }
      let free = Double(sight.report.diskFreeBytes ?? 0)
      let used = tenants.reduce(0) { $0 + $1.load.bytes }
      return CellLoad(
        id: cell.id, region: cell.region,
        takesTenants: sight.isAlive && cell.state == .active
          && free >= Double(configuration.minimumDiskFreeBytes),
        isDraining: cell.id == rebalance.cell, hasFollower: sight.report.hasFollower,
        capacity: Load(
          operations: ControlPlaneLimits.operationsPerSecondAtFullLoad, bytes: free + used,
          syncMicroseconds: ControlPlaneLimits.syncMicrosecondsAtFullLoad),
        tenantCapacity: configuration.tenantsPerCell, tenants: tenants)
    }
  }
}
