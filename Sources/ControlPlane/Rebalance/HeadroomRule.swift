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

  /// What is missing now, where two cells or more take tenants: one alone has nobody who could take
  /// what it has, and whoever runs it knows.
  package static func missing(_ cells: [CellUse]) -> [RebalancePlan.Gap] {
    let open = cells.filter(\.takesTenants)
    let there = Dictionary(grouping: open, by: \.region).mapValues(\.count)
    return gaps(cells.filter { there[$0.region, default: 0] > 1 })
  }

  /// The gaps that are there once a cell is gone, and are not there with it.
  package static func opened(byLosing id: CellID, of cells: [CellUse]) -> [RebalancePlan.Gap] {
    guard let lost = cells.first(where: { $0.id == id }) else { return [] }
    // The emptiest is filled first, as a drain does.
    var rest = cells.filter { $0.id != id }.sorted { ($0.tenants, $0.id) < ($1.tenants, $1.id) }
    var left = lost.tenants
    for index in rest.indices where rest[index].isOpen && rest[index].region == lost.region {
      guard !lost.hasDedicated || rest[index].tenants == 0 else { continue }
      let taken = min(left, max(rest[index].tenantCapacity - rest[index].tenants, 0))
      rest[index].tenants += taken
      if lost.hasDedicated, taken > 0 { rest[index].hasDedicated = true }
      left -= taken
    }
    let before = Set(missing(cells).map(\.cell))
    return missing(rest).filter { !before.contains($0.cell) }.sorted { $0.cell < $1.cell }
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
