import Alerts
import Edge
import Storage
import Synchronization
import Trust
import Wire

/// Brings tenants' alerts to their channels.
///
/// Of a tenant that is about to move or a fork none leaves (``NoticeRule``). After a promotion or
/// restore those go out at once that an owner before this one may have delivered: who asked for
/// alerts wants them late rather than never, and twice rather than late. Twice is as often as it
/// gets, since what is delivered is durable here, and a post's id tells the second from a new one.
final class AlertDelivery: Sendable {
  /// Tenants whose alerts leave at the same time.
  static let atATime = 8

  private let store: any TenantStore
  private let sealer: Sealer
  private let gate: any SendGate
  private let deliverer: AlertRound
  private let waiting = Mutex<Set<TenantID>>([])

  init(store: any TenantStore, sealer: Sealer, gate: any SendGate, round: AlertRound) {
    self.store = store
    self.sealer = sealer
    self.gate = gate
    deliverer = round
  }

  /// Says that a tenant's log may have a new alert.
  func note(_ tenant: TenantID) { waiting.withLock { _ = $0.insert(tenant) } }

  /// Whether its alerts are looked at in the next round.
  func isWaiting(_ tenant: TenantID) -> Bool { waiting.withLock { $0.contains(tenant) } }

  /// One round; whoever has something left is looked at in the next.
  func round() async {
    let tenants = waiting.withLock { waiting in
      let tenants = waiting
      waiting = []
      return tenants
    }
    // Whoever is slow holds up one of a few, not all.
    await withTaskGroup(of: Void.self) { group in
      var rest = tenants.makeIterator()
      for _ in 0..<Self.atATime {
        guard let tenant = rest.next() else { break }
        group.addTask { await self.deliver(of: tenant) }
      }
      for await _ in group {
        guard let tenant = rest.next() else { continue }
        group.addTask { await self.deliver(of: tenant) }
      }
    }
  }

  private func deliver(of tenant: TenantID) async {
    guard gate.notices(of: tenant) != .nothing else { return note(tenant) }
    let log = TenantAlertLog(tenant: tenant, store: store, sealer: sealer)
    do throws(Failure) {
      if try await !deliverer.deliver(from: log) { note(tenant) }
    } catch {
      // Who is not here any more is noted where it is.
      guard error.code != .moved, error.code != .notFound else { return }
      note(tenant)
    }
  }
}

/// A tenant's audit log and alert channels.
struct TenantAlertLog: AlertLog {
  let tenant: TenantID
  let store: any TenantStore
  let sealer: Sealer

  var scope: AlertScope { .tenant(tenant) }

  /// What a channel's sealed target is bound to.
  static func owner(_ tenant: TenantID, _ kind: AlertChannel.Kind) -> String {
    "\(tenant)/alert-channel/\(kind.rawValue)"
  }

  func waiting(
    limit: Int
  ) async throws(Failure) -> [(channel: AlertChannel, alerts: [AuditEvent])] {
    try await store.read(tenant, [.sessions]) { snapshot in
      let log = AuditStore(snapshot)
      return try AlertChannelsStore(snapshot.file(.sessions)).list().map {
        ($0, try log.alerts(after: $0.delivered, limit: limit))
      }
    }
  }

  func target(of channel: AlertChannel) throws -> AlertChannel.Target {
    let bytes = try sealer.open(channel.sealedTarget, owner: Self.owner(tenant, channel.kind))
    return try EdgeJSON.decode(AlertChannel.Target.self, from: bytes)
  }

  func update(
    _ channel: AlertChannel, _ change: @escaping @Sendable (inout AlertChannel) -> Void
  ) async -> Bool {
    let origin = CommandOrigin(requestID: "alerts", traceID: "")
    let isChanged: Bool? = try? await store.write(tenant, origin) { tx in
      let rows = try AlertChannelsStore(tx.file(.sessions))
      // It may have been changed or removed meanwhile.
      guard var stored = try rows.find(channel.kind),
        stored.sealedTarget == channel.sealedTarget
      else { return false }
      change(&stored)
      try rows.put(stored)
      return true
    }
    return isChanged ?? false
  }
}
