import Wire

/// Whether the rest could take what any one cell has.
package enum HeadroomRule {
  /// The cells whose loss would not fit into the others of their region.
  ///
  /// What a dedicated tenant's cell has left is nobody's, and such a tenant needs an empty cell.
  package static func gaps(_ cells: [CellUse]) -> [RebalancePlan.Gap] {
    cells.indices.compactMap { lost in
      let cell = cells[lost]
      guard !cell.isDraining, cell.tenants > 0 else { return nil }
      var rest = Rest()
      for other in cells.indices
      where other != lost && cells[other].isOpen && cells[other].region == cell.region {
        rest.add(cells[other])
      }
      return rest.lacks(cell).map { RebalancePlan.Gap(cell: cell.id, lacks: $0) }
    }
  }

  /// What is missing now, where there are others at all: one cell alone has nobody who could take
  /// what it has, and whoever runs it knows.
  package static func missing(_ cells: [CellUse]) -> [RebalancePlan.Gap] {
    let there = Dictionary(grouping: cells.filter(\.isThere), by: \.region).mapValues(\.count)
    return gaps(cells.filter { there[$0.region, default: 0] > 1 })
  }

  /// The gaps that are there once a cell is gone, and are not there with it.
  package static func opened(byLosing id: CellID, of cells: [CellUse]) -> [RebalancePlan.Gap] {
    guard let lost = cells.first(where: { $0.id == id }) else { return [] }
    var rest = cells.filter { $0.id != id }
    // How the places are filled makes no difference to how many are left.
    var left = lost.tenants
    for index in rest.indices where rest[index].isOpen && rest[index].region == lost.region {
      guard !lost.hasDedicated || rest[index].tenants == 0 else { continue }
      let taken = min(left, max(rest[index].tenantCapacity - rest[index].tenants, 0))
      rest[index].tenants += taken
      if lost.hasDedicated, taken > 0 { rest[index].hasDedicated = true }
      left -= taken
    }
    let before = Set(missing(cells).map(\.cell))
    return missing(rest).filter { !before.contains($0.cell) }
  }

  /// What the others have left.
  private struct Rest {
    var free = Load()
    var places = 0
    /// Of the cell that has most left, as a part of a cell.
    var largest = 0.0
    var hasEmpty = false

    mutating func add(_ cell: CellUse) {
      free = free + (cell.capacity - cell.used).clamped
      places += max(cell.tenantCapacity - cell.tenants, 0)
      largest = max(largest, 1 - cell.used.share(of: cell.capacity))
      hasEmpty = hasEmpty || cell.tenants == 0
    }

    func lacks(_ cell: CellUse) -> String? {
      if places < cell.tenants { return "places for \(cell.tenants - places) tenants" }
      if cell.hasDedicated, !hasEmpty { return "an empty cell for its dedicated tenant" }
      if free.bytes < cell.used.bytes { return "\(Int(cell.used.bytes - free.bytes)) bytes" }
      if free.operations < cell.used.operations {
        let lacking = (cell.used.operations - free.operations).rounded(.up)
        return "\(Int(lacking)) operations a second"
      }
      if free.syncMicroseconds < cell.used.syncMicroseconds { return "time of fsyncs" }
      return cell.largest > largest ? "one place for its largest tenant" : nil
    }
  }
}

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

  var isThere: Bool { takesTenants || isDraining }
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
