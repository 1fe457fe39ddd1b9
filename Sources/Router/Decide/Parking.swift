import Wire

/// Room for requests that wait for their tenant's owner: bounded in number and bytes, and per
/// tenant, so that one tenant's pause does not take the room of all.
package struct Parking: Sendable {
  private let limits: RouterLimits
  private(set) var count = 0
  private(set) var bytes = 0
  private var perTenant: [TenantID: Int] = [:]

  package init(limits: RouterLimits) { self.limits = limits }

  /// Takes a place; false where there is none.
  package mutating func enter(_ tenant: TenantID, bytes size: Int) -> Bool {
    let own = perTenant[tenant] ?? 0
    guard count < limits.parkedRequests, own < limits.parkedPerTenant,
      bytes + size <= limits.parkedBytes
    else { return false }
    count += 1
    bytes += size
    perTenant[tenant] = own + 1
    return true
  }

  package mutating func leave(_ tenant: TenantID, bytes size: Int) {
    guard let own = perTenant[tenant] else { preconditionFailure("nobody of \(tenant) is parked") }
    count -= 1
    bytes -= size
    perTenant[tenant] = own == 1 ? nil : own - 1
  }
}

/// How many requests are on their way, by key; keys with none take no room.
struct InFlight<Key: Hashable & Sendable>: Hashable, Sendable {
  private let limit: Int
  private var counts: [Key: Int] = [:]

  init(limit: Int) { self.limit = limit }

  mutating func enter(_ key: Key) -> Bool {
    let count = counts[key] ?? 0
    guard count < limit else { return false }
    counts[key] = count + 1
    return true
  }

  mutating func leave(_ key: Key) {
    guard let count = counts[key] else { preconditionFailure("\(key) has nothing in flight") }
    counts[key] = count == 1 ? nil : count - 1
  }

  var total: Int { counts.values.reduce(0, +) }
}
