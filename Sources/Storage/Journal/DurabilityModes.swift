import Synchronization
import Wire

/// Whose durability a record waits for.
public enum DurabilityMode: String, Hashable, Sendable, CaseIterable {
  /// This machine's fsync.
  case local
  /// Also the fsync of every promotable follower: what was acknowledged survives the machine.
  case follower
}

/// The mode of each of a cell's tenants: the cell's, where a tenant has none of its own.
///
/// A tenant's own mode is the control plane's to say, and comes and goes with the tenant.
public final class DurabilityModes: Sendable {
  private struct State {
    var own: [TenantID: DurabilityMode] = [:]
    /// How many of them have each mode.
    var counts: [DurabilityMode: Int] = [:]

    mutating func set(_ mode: DurabilityMode?, for tenant: TenantID) {
      if let before = own[tenant] { counts[before, default: 0] -= 1 }
      own[tenant] = mode
      if let mode { counts[mode, default: 0] += 1 }
    }

    func has(_ mode: DurabilityMode) -> Bool { counts[mode, default: 0] > 0 }
  }

  /// The mode of the cell.
  public let cell: DurabilityMode
  private let state = Mutex(State())

  public init(cell: DurabilityMode) { self.cell = cell }

  /// Gives a tenant a mode of its own from its next record on; nil: the cell's.
  public func set(_ mode: DurabilityMode?, for tenant: TenantID) {
    state.withLock { $0.set(mode, for: tenant) }
  }

  /// The tenant's own mode, where it has one.
  public func own(of tenant: TenantID) -> DurabilityMode? { state.withLock { $0.own[tenant] } }

  public func mode(of tenant: TenantID) -> DurabilityMode {
    state.withLock { state in
      if let mode = state.own[tenant] { return mode }
      // Webhook parts of every tenant lie in the cell's own store: it has the strictest mode.
      let isOwnStore = tenant.rawValue.hasPrefix("_")
      return isOwnStore && state.has(.follower) ? .follower : cell
    }
  }

  /// Tenants for whom `isGone` have no mode of their own any more.
  public func drop(_ isGone: (TenantID) -> Bool) {
    state.withLock { state in
      for tenant in state.own.keys.filter(isGone) { state.set(nil, for: tenant) }
    }
  }

  /// Whether some tenant waits for followers.
  public var isAnyFollower: Bool { cell == .follower || state.withLock { $0.has(.follower) } }

  /// Whether some record does not wait for followers.
  public var isAnyLocal: Bool { cell == .local || state.withLock { $0.has(.local) } }

  /// The tenants that wait for followers although their cell does not, by name.
  public var strict: [TenantID] {
    guard cell == .local else { return [] }
    return state.withLock { $0.own.filter { $0.value == .follower }.keys.sorted() }
  }
}
