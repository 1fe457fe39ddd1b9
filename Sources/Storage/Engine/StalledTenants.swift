import Synchronization
import Wire

/// The tenants whose files wait for the machine; the flusher's thread has them try again.
final class StalledTenants: Sendable {
  /// Attempts begun in one look, so that many stalled tenants leave the writers to the others.
  static let attemptsPerLook = 16

  private let state = Mutex<Set<TenantID>>([])

  func add(_ tenant: TenantID) { state.withLock { _ = $0.insert(tenant) } }
  func remove(_ tenant: TenantID) { state.withLock { _ = $0.remove(tenant) } }

  /// Begins an attempt with those whose time has come.
  func look(_ writer: (TenantID) -> TenantWriter?) {
    var left = Self.attemptsPerLook
    for tenant in state.withLock({ $0 }) where left > 0 {
      if writer(tenant)?.attempt() == true { left -= 1 }
    }
  }
}
