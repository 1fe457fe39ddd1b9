import Wire

/// What a cell has and what it could have, summed up.
package struct CellUse: Hashable, Sendable {
  package let id: CellID
  package let region: RegionID
  /// Takes tenants: alive, active, with disk left.
  package var takesTenants: Bool
  package var isDraining: Bool
  /// Whether one of its tenants shares with nobody.
  package var hasDedicated: Bool
  package var tenants: Int
  package var tenantCapacity: Int
  package var used: Load
  package var capacity: Load
  /// The part of the cell that its largest tenant takes.
  package var largest: Double

  /// Only places are known, not what tenants ask.
  package init(
    id: CellID, region: RegionID, takesTenants: Bool = true, isDraining: Bool = false,
    hasDedicated: Bool = false, tenants: Int, tenantCapacity: Int
  ) {
    self.id = id
    self.region = region
    self.takesTenants = takesTenants
    self.isDraining = isDraining
    self.hasDedicated = hasDedicated
    self.tenants = tenants
    self.tenantCapacity = tenantCapacity
    used = Load()
    capacity = Load()
    largest = 0
  }

  init(_ cell: CellLoad) {
    self.init(
      id: cell.id, region: cell.region, takesTenants: cell.takesTenants,
      isDraining: cell.isDraining, hasDedicated: cell.tenants.contains(where: \.isDedicated),
      tenants: cell.tenants.count, tenantCapacity: cell.tenantCapacity)
    used = cell.tenants.reduce(Load()) { $0 + $1.load }
    capacity = cell.capacity
    largest = cell.tenants.map { $0.load.share(of: cell.capacity) }.max() ?? 0
  }

  var isOpen: Bool { takesTenants && !isDraining && !hasDedicated }
}

extension PlatformRows {
  /// The cells that are not retired, with their tenants counted.
  func cellUses(
    _ sights: [CellRoster.Sight], _ configuration: ControlPlaneConfiguration
  ) throws -> [CellUse] {
    let counts = try tenantCounts()
    return sights.compactMap { sight in
      let cell = sight.record
      guard cell.state != .retired else { return nil }
      let isRoomy =
        sight.report.diskFreeBytes.map { $0 >= configuration.minimumDiskFreeBytes } ?? true
      return CellUse(
        id: cell.id, region: cell.region,
        takesTenants: sight.isAlive && cell.state == .active && isRoomy,
        isDraining: cell.state == .draining,
        hasDedicated: counts[cell.id]?.hasDedicated ?? false,
        tenants: counts[cell.id]?.tenants ?? 0, tenantCapacity: configuration.tenantsPerCell)
    }
  }
}
