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
