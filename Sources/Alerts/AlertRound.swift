import Platform
import Trust
import Wire

/// Whose alerts they are.
public enum AlertScope: Hashable, Sendable {
  case tenant(TenantID)
  case platform
}

/// An audit log whose alerts go out, and where its channels are kept.
public protocol AlertLog: Sendable {
  var scope: AlertScope { get }
  /// Each channel with the alerts after what it has delivered, the oldest first, at most `limit`.
  func waiting(limit: Int) async throws(Failure) -> [(channel: AlertChannel, alerts: [AuditEvent])]
  func target(of channel: AlertChannel) throws -> AlertChannel.Target
  /// Changes the stored channel where it still has this one's target; false where nothing could be
  /// stored.
  func update(
    _ channel: AlertChannel, _ change: @escaping @Sendable (inout AlertChannel) -> Void
  ) async -> Bool
}

/// Brings a log's alerts to its channels: in the log's order, at least once, tried again with
/// growing pauses.
///
/// What is delivered is durable, so that a restart goes on from there.
public struct AlertRound: Sendable {
  /// Alerts of one channel in one round.
  public static let batch = 32

  private let mail: any MailSender
  private let webhook: any AlertWebhookSender
  private let clock: any WallClock

  public init(mail: any MailSender, webhook: any AlertWebhookSender, clock: any WallClock) {
    self.mail = mail
    self.webhook = webhook
    self.clock = clock
  }

  private var now: Timestamp { Timestamp(milliseconds: clock.milliseconds()) }

  /// Whether nothing is left.
  public func deliver(from log: any AlertLog) async -> Bool {
    guard let found = try? await log.waiting(limit: Self.batch) else { return false }
    var isDone = true
    for (channel, alerts) in found where !alerts.isEmpty {
      if let retryAt = channel.retryAt, now < retryAt {
        isDone = false
        continue
      }
      let isTaken = await deliver(alerts, to: channel, from: log)
      if !isTaken || alerts.count == Self.batch { isDone = false }
    }
    return isDone
  }

  private func deliver(
    _ alerts: [AuditEvent], to channel: AlertChannel, from log: any AlertLog
  ) async -> Bool {
    for alert in alerts {
      let now = now
      var failure: AlertFailure?
      do throws(AlertFailure) {
        try await send(alert, through: channel, from: log, at: now)
      } catch {
        failure = error
      }
      let (reason, isStored) = (
        failure,
        await log.update(channel) { [failure] stored in stored.note(failure, of: alert, at: now) }
      )
      guard isStored, reason == nil else { return false }
    }
    return true
  }

  private func send(
    _ alert: AuditEvent, through channel: AlertChannel, from log: any AlertLog, at now: Timestamp
  ) async throws(AlertFailure) {
    let target: AlertChannel.Target
    do { target = try log.target(of: channel) } catch {
      throw AlertFailure("the channel's settings cannot be opened")
    }
    switch channel.kind {
    case .webhook:
      let body = AlertText.body(alert, log.scope)
      try await webhook.post(
        body,
        signature: AlertWebhook.signature(body, secret: target.secret ?? "", at: now),
        to: target.url ?? "")
    case .email:
      for address in target.addresses ?? [] {
        do {
          try await mail.send(AlertText.letter(alert, log.scope, to: address))
        } catch {
          throw AlertFailure("the mail server did not take it")
        }
      }
    }
  }
}
