import Edge
import Platform
import Storage
import Synchronization
import Trust
import Wire

/// Brings alerts to their channels: in the log's order, at least once, tried again with growing
/// pauses.
///
/// What is delivered is durable, so that a restart goes on from there.
final class AlertDelivery: Sendable {
  /// Alerts of one channel in one round.
  static let batch = 32

  private let store: any TenantStore
  private let sealer: Sealer
  private let mail: any MailSender
  private let webhook: any AlertWebhookSender
  private let clock: any WallClock
  private let waiting = Mutex<Set<TenantID>>([])

  init(
    store: any TenantStore, sealer: Sealer, mail: any MailSender,
    webhook: any AlertWebhookSender, clock: any WallClock
  ) {
    self.store = store
    self.sealer = sealer
    self.mail = mail
    self.webhook = webhook
    self.clock = clock
  }

  /// Says that a tenant's log may have a new alert.
  func note(_ tenant: TenantID) { waiting.withLock { _ = $0.insert(tenant) } }

  /// One round; whoever has something left is looked at in the next.
  func round() async {
    let tenants = waiting.withLock { waiting in
      let tenants = waiting
      waiting = []
      return tenants
    }
    for tenant in tenants where await !deliver(of: tenant) { note(tenant) }
  }

  /// Whether nothing is left.
  private func deliver(of tenant: TenantID) async -> Bool {
    let batch = Self.batch
    let found = try? await store.read(tenant, [.sessions]) { snapshot in
      let store = AlertChannelsStore(snapshot)
      return try store.list().map {
        ($0, try store.alerts(after: $0.delivered, limit: batch))
      }
    }
    guard let found else { return false }
    var isDone = true
    for (channel, alerts) in found where !alerts.isEmpty {
      let now = Timestamp(milliseconds: clock.milliseconds())
      if let retryAt = channel.retryAt, now < retryAt {
        isDone = false
        continue
      }
      if await !deliver(alerts, to: channel, of: tenant) || alerts.count == batch {
        isDone = false
      }
    }
    return isDone
  }

  private func deliver(
    _ alerts: [AuditEvent], to channel: AlertChannel, of tenant: TenantID
  ) async -> Bool {
    for alert in alerts {
      let now = Timestamp(milliseconds: clock.milliseconds())
      var next: AlertChannel?
      do throws(AlertFailure) {
        try await send(alert, through: channel, of: tenant, at: now)
      } catch {
        next = channel
        next?.failures += 1
        next?.failingSince = channel.failingSince ?? now
        next?.lastError = error.reason
      }
      guard await settle(alert, channel, failed: next, of: tenant, at: now), next == nil else {
        return false
      }
    }
    return true
  }

  /// Stores how it went; false where it could not be stored.
  private func settle(
    _ alert: AuditEvent, _ channel: AlertChannel, failed: AlertChannel?, of tenant: TenantID,
    at now: Timestamp
  ) async -> Bool {
    let origin = CommandOrigin(requestID: "alerts", traceID: "")
    let isStored: Bool? = try? await store.write(tenant, origin) { tx in
      let rows = try AlertChannelsStore(tx)
      // It may have been changed or removed meanwhile.
      guard var stored = try rows.find(channel.kind),
        stored.sealedTarget == channel.sealedTarget
      else { return true }
      if let failed {
        stored.failures = failed.failures
        stored.lastError = failed.lastError
        stored.failingSince = failed.failingSince
        stored.retryAt = now.adding(
          seconds: AlertRetry.pause(afterFailures: failed.failures))
      }
      if failed == nil || AlertRetry.isGivenUp(failingSince: failed?.failingSince, now: now) {
        stored.delivered = max(stored.delivered, alert.sequence)
        stored.failures = 0
        stored.failingSince = nil
        stored.retryAt = nil
        if failed == nil { stored.lastError = "" }
      }
      try rows.put(stored)
      return true
    }
    return isStored ?? false
  }

  private func send(
    _ alert: AuditEvent, through channel: AlertChannel, of tenant: TenantID, at now: Timestamp
  ) async throws(AlertFailure) {
    let target: AlertChannel.Target
    do {
      target = try EdgeJSON.decode(
        AlertChannel.Target.self,
        from: try sealer.open(
          channel.sealedTarget, owner: AlertChannel.owner(tenant, channel.kind)))
    } catch {
      throw AlertFailure("the channel's settings cannot be opened")
    }
    switch channel.kind {
    case .webhook:
      let body = Self.body(alert, of: tenant)
      try await webhook.post(
        body,
        signature: AlertWebhook.signature(body, secret: target.secret ?? "", at: now),
        to: target.url ?? "")
    case .email:
      for address in target.addresses ?? [] {
        do {
          try await mail.send(Self.letter(alert, to: address, of: tenant))
        } catch {
          throw AlertFailure("the mail server did not take it")
        }
      }
    }
  }

  /// An alert as it is posted: `{tenant_id, alert}`, the alert as the log has it.
  static func body(_ alert: AuditEvent, of tenant: TenantID) -> [UInt8] {
    var json = Array("{\"version\":1,\"tenant_id\":".utf8)
    JSONText.append(tenant.rawValue, to: &json)
    json += Array(",\"alert\":".utf8) + alert.json
    json.append(UInt8(ascii: "}"))
    return json
  }

  private static func letter(
    _ alert: AuditEvent, to address: String, of tenant: TenantID
  ) -> Mail {
    let details = alert.detail.map { "\($0.name): \($0.value)" }.joined(separator: "\n")
    return Mail(
      to: address, subject: "Alert: \(alert.action)",
      text: """
        \(alert.action) (\(alert.outcome.rawValue)) at \(alert.at.rfc3339)

        workspace: \(tenant)
        by: \(alert.actor.kind.rawValue) \(alert.actor.id)
        on: \(alert.subject)
        from: \(alert.address)
        \(details)

        Entry \(alert.sequence) of the audit log. If you do not know what this is, ask now.
        """)
  }
}
