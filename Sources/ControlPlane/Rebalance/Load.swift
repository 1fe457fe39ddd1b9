import Wire

/// What a tenant asks of a cell, or a cell can give, as it was measured.
package struct Load: Hashable, Sendable {
  /// Commands a second.
  package var operations = 0.0
  package var bytes = 0.0
  /// Microseconds of each second that the journal's fsyncs take for it.
  package var syncMicroseconds = 0.0

  package init(operations: Double = 0, bytes: Double = 0, syncMicroseconds: Double = 0) {
    self.operations = operations
    self.bytes = bytes
    self.syncMicroseconds = syncMicroseconds
  }

  /// The part of a capacity that it takes, of whatever it takes most of.
  package func share(of capacity: Load) -> Double {
    max(
      operations / max(capacity.operations, 1), bytes / max(capacity.bytes, 1),
      syncMicroseconds / max(capacity.syncMicroseconds, 1))
  }

  package static func + (a: Load, b: Load) -> Load {
    Load(
      operations: a.operations + b.operations, bytes: a.bytes + b.bytes,
      syncMicroseconds: a.syncMicroseconds + b.syncMicroseconds)
  }

  package static func - (a: Load, b: Load) -> Load {
    Load(
      operations: a.operations - b.operations, bytes: a.bytes - b.bytes,
      syncMicroseconds: a.syncMicroseconds - b.syncMicroseconds)
  }

  static func * (a: Load, factor: Double) -> Load {
    Load(
      operations: a.operations * factor, bytes: a.bytes * factor,
      syncMicroseconds: a.syncMicroseconds * factor)
  }

  /// In each dimension on its own, nothing below zero.
  var clamped: Load {
    Load(
      operations: max(operations, 0), bytes: max(bytes, 0),
      syncMicroseconds: max(syncMicroseconds, 0))
  }
}

/// A tenant as a rebalance sees it.
package struct TenantLoad: Hashable, Sendable {
  package let id: TenantID
  package var load: Load
  package var isDedicated: Bool
  /// It stays where it is: it moves already, or is not provisioned yet.
  package var isPinned: Bool
  /// Its records must wait for a follower.
  package var needsFollower: Bool

  package init(
    _ id: TenantID, _ load: Load, isDedicated: Bool = false, isPinned: Bool = false,
    needsFollower: Bool = false
  ) {
    self.id = id
    self.load = load
    self.isDedicated = isDedicated
    self.isPinned = isPinned
    self.needsFollower = needsFollower
  }
}

/// A cell as a rebalance sees it.
package struct CellLoad: Hashable, Sendable {
  package let id: CellID
  package let region: RegionID
  /// Alive, active, with disk left.
  package var takesTenants: Bool
  /// All of its tenants are to go.
  package var isDraining: Bool
  package var hasFollower: Bool
  /// At full load.
  package var capacity: Load
  package var tenantCapacity: Int
  package var tenants: [TenantLoad]

  package init(
    id: CellID, region: RegionID, takesTenants: Bool = true, isDraining: Bool = false,
    hasFollower: Bool = false, capacity: Load, tenantCapacity: Int, tenants: [TenantLoad]
  ) {
    self.id = id
    self.region = region
    self.takesTenants = takesTenants
    self.isDraining = isDraining
    self.hasFollower = hasFollower
    self.capacity = capacity
    self.tenantCapacity = tenantCapacity
    self.tenants = tenants
  }
}
