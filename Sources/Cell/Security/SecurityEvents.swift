import Storage
import Synchronization
import Trust
import Wire

/// Turns windows that are over into events: stored in their tenants, then published.
final class SecurityEvents: Sendable {
  typealias Publish = @Sendable (SecurityEvent) async -> Void

  let windows: SecurityWindows
  private let store: any TenantStore
  private let publish = Mutex<Publish?>(nil)

  init(store: any TenantStore, windows: SecurityWindows) {
    self.store = store
    self.windows = windows
  }

  /// Where events go besides their tenants' files.
  func publish(through publish: @escaping Publish) {
    self.publish.withLock { $0 = publish }
  }

  /// One round; what cannot be stored is lost: no request waits for it.
  func round(all isAll: Bool = false) async {
    for (tenant, windows) in windows.take(all: isAll) {
      let sorted = windows.sorted {
        ($0.0.kind.rawValue, $0.0.principal) < ($1.0.kind.rawValue, $1.0.principal)
      }
      let origin = CommandOrigin(requestID: "security-events", traceID: "")
      let events = try? await store.write(tenant, origin) { tx in
        let rows = try SecurityEventsStore(tx)
        let events = try sorted.map { key, window in
          let event = try Self.event(key, window, rows, tx)
          try rows.insert(tx.freshID(), event)
          return event
        }
        try rows.trim()
        return events
      }
      guard let events, let publish = publish.withLock({ $0 }) else { continue }
      for event in events { await publish(event) }
    }
  }

  private static func event(
    _ key: SecurityWindows.Key, _ window: SecurityWindows.Window, _ rows: SecurityEventsStore,
    _ tx: Transaction
  ) throws -> SecurityEvent {
    var features = window.features
    features.routes = Int64(window.routes.count)
    features.addresses = Int64(window.addresses.count)
    features.agents = Int64(window.agents.count)
    let name = "\(key.kind.rawValue):\(key.principal)"
    features.newAddresses = try rows.note(window.addresses, .address, of: name, at: tx.now)
    features.newAgents = try rows.note(window.agents, .agent, of: name, at: tx.now)
    return SecurityEvent(
      tenant: key.tenant, principalKind: key.kind, principal: key.principal, at: window.began,
      features: features)
  }
}
