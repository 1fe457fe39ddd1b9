import Alerts
import Edge
import Storage
import Synchronization
import Trust
import Wire

/// The platform's audit log and its alert channels.
final class PlatformAlertLog: AlertLog {
  /// Entries looked through at a time: most are no alerts.
  static let page = 500

  private let store: PlatformStore
  private let sealer: Sealer
  /// How far the log was looked through for each channel and found without an alert.
  private let looked = Mutex<[AlertChannel.Kind: Int64]>([:])

  init(store: PlatformStore, sealer: Sealer) {
    self.store = store
    self.sealer = sealer
  }

  let scope = AlertScope.platform

  /// What a channel's sealed target is bound to.
  static func context(_ kind: AlertChannel.Kind) -> String { "alert-channel/\(kind.rawValue)" }

  func waiting(
    limit: Int
  ) async throws(Failure) -> [(channel: AlertChannel, alerts: [AuditEvent])] {
    let looked = looked.withLock { $0 }
    let found = try await store.read { rows in
      try rows.alertChannels.list().map { channel in
        let from = max(channel.delivered, looked[channel.kind] ?? -1)
        return (channel, try rows.auditEvents(after: from, limit: Self.page))
      }
    }
    return found.map { channel, events in
      let alerts = events.filter { AlertRule.isAlert($0) }.prefix(limit)
      if alerts.isEmpty, let last = events.last {
        self.looked.withLock { $0[channel.kind] = last.sequence }
      }
      return (channel, Array(alerts))
    }
  }

  func target(of channel: AlertChannel) throws -> AlertChannel.Target {
    let text = try sealer.open(channel.sealedTarget, context: Self.context(channel.kind))
    return try EdgeJSON.decode(AlertChannel.Target.self, from: Array(text.utf8))
  }

  func update(
    _ channel: AlertChannel, _ change: @escaping @Sendable (inout AlertChannel) -> Void
  ) async -> Bool {
    let isChanged: Bool? = try? await store.write(trace: "") { _, rows in
      // It may have been changed or removed meanwhile.
      guard var stored = try rows.alertChannels.find(channel.kind),
        stored.sealedTarget == channel.sealedTarget
      else { return false }
      change(&stored)
      try rows.alertChannels.put(stored)
      return true
    }
    return isChanged ?? false
  }
}
