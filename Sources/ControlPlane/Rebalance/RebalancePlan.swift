import Wire

/// Which tenants are to go where, and what cannot be had.
package struct RebalancePlan: Hashable, Sendable {
  package enum Reason: String, Hashable, Sendable {
    /// Its cell is emptied.
    case drain
    /// A dedicated tenant shares with nobody.
    case dedicated
    /// Two of the largest tenants do not share a cell.
    case largest
    /// Its cell does more than others.
    case balance
  }

  package struct Move: Hashable, Sendable {
    package let tenant: TenantID
    package let from: CellID
    package var to: CellID
    package let reason: Reason
  }

  /// A tenant that has to go and fits nowhere.
  package struct Unplaced: Hashable, Sendable {
    package let tenant: TenantID
    package let from: CellID
    package let reason: Reason
  }

  /// A cell whose loss the others could not take.
  package struct Gap: Hashable, Sendable {
    package let cell: CellID
    /// What the others lack for it.
    package let lacks: String
  }

  /// The part of its capacity that a cell gives, before and after.
  package struct Shares: Hashable, Sendable {
    package let cell: CellID
    package let before: Double
    package let after: Double
  }

  package var moves: [Move] = []
  package var unplaced: [Unplaced] = []
  package var gaps: [Gap] = []
  package var shares: [Shares] = []
}

/// Whether the rest could take what any one cell has.
package enum HeadroomRule {
  /// The cells whose loss would not fit into the others of their region.
  ///
  /// What a dedicated tenant's cell has left is nobody's, and such a tenant needs an empty cell.
  package static func gaps(_ cells: [CellLoad]) -> [RebalancePlan.Gap] {
    let used = cells.map { cell in cell.tenants.reduce(Load()) { $0 + $1.load } }
    let isOpen = cells.map { cell in
      cell.takesTenants && !cell.isDraining && !cell.tenants.contains(where: \.isDedicated)
    }
    return cells.indices.compactMap { lost in
      let cell = cells[lost]
      guard !cell.isDraining, !cell.tenants.isEmpty else { return nil }
      var rest = Rest()
      for other in cells.indices
      where other != lost && isOpen[other] && cells[other].region == cell.region {
        rest.add(cells[other], used[other])
      }
      return rest.lacks(cell, used[lost]).map { RebalancePlan.Gap(cell: cell.id, lacks: $0) }
    }
  }

  /// What the others have left.
  private struct Rest {
    var free = Load()
    var places = 0
    /// Of the cell that has most left, as a part of a cell.
    var largest = 0.0
    var hasEmpty = false

    mutating func add(_ cell: CellLoad, _ used: Load) {
      free = free + (cell.capacity - used).clamped
      places += max(cell.tenantCapacity - cell.tenants.count, 0)
      largest = max(largest, 1 - used.share(of: cell.capacity))
      hasEmpty = hasEmpty || cell.tenants.isEmpty
    }

    func lacks(_ cell: CellLoad, _ used: Load) -> String? {
      if places < cell.tenants.count {
        return "places for \(cell.tenants.count - places) tenants"
      }
      if cell.tenants.contains(where: \.isDedicated), !hasEmpty {
        return "an empty cell for its dedicated tenant"
      }
      if free.bytes < used.bytes { return "\(Int(used.bytes - free.bytes)) bytes" }
      if free.operations < used.operations {
        return "\(Int((used.operations - free.operations).rounded(.up))) operations a second"
      }
      if free.syncMicroseconds < used.syncMicroseconds { return "time of fsyncs" }
      let most = cell.tenants.map { $0.load.share(of: cell.capacity) }.max() ?? 0
      return most > largest ? "one place for its largest tenant" : nil
    }
  }
}
