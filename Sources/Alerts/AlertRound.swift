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
  ///
  /// Throws where the log is not to be read here, or not now.
  func waiting(
    limit: Int
  ) async throws(Failure) -> [(channel: AlertChannel, alerts: [AuditEvent])]
  func target(of channel: AlertChannel) throws -> AlertChannel.Target
  /// Changes the stored channel; false where it has another target by now, is gone, or could not be
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
  /// Alerts of one channel in one round: each a post, or all of them one letter.
  public static let batch = 32
  /// After so long a channel's round ends, so that a slow server holds nobody else up for long.
  public static let milliseconds: Int64 = 15_000

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
  ///
  /// Throws what the log throws.
  public func deliver(from log: any AlertLog) async throws(Failure) -> Bool {
    let found = try await log.waiting(limit: Self.batch)
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
    let end = clock.milliseconds() + Self.milliseconds
    guard channel.kind == .webhook else {
      return await deliver(letter: alerts, to: channel, from: log)
    }
    for alert in alerts {
      let now = now
      guard now.milliseconds < end else { return false }
      var failure: AlertFailure?
      do throws(AlertFailure) {
        try await send(alert, through: channel, from: log, at: now)
      } catch {
        failure = error
      }
      let outcome = failure
      let isStored = await log.update(channel) { $0.note(outcome, of: alert, at: now) }
      guard isStored, outcome == nil else { return false }
    }
    return true
  }

  /// All of them in one letter, so that whoever causes many alerts floods nobody's mail.
  private func deliver(
    letter alerts: [AuditEvent], to channel: AlertChannel, from log: any AlertLog
  ) async -> Bool {
    guard let last = alerts.last else { return true }
    let now = now
    var failure: AlertFailure?
    do throws(AlertFailure) {
      try await send(letter: alerts, through: channel, from: log)
    } catch {
      failure = error
    }
    let outcome = failure
    let isStored = await log.update(channel) { stored in
      stored.note(outcome, of: last, at: now)
      if outcome == nil { stored.retryAt = now.adding(seconds: AlertRetry.letterSeconds) }
    }
    return isStored && outcome == nil
  }

  private func send(
    letter alerts: [AuditEvent], through channel: AlertChannel, from log: any AlertLog
  ) async throws(AlertFailure) {
    let target = try target(of: channel, log)
    var taken = 0
    for address in target.addresses ?? [] {
      let letter = AlertText.letter(alerts, log.scope, to: address)
      if (try? await mail.send(letter)) != nil { taken += 1 }
    }
    // One address that is wrong costs the others nothing: none gets an alert twice for it.
    guard taken > 0 else { throw AlertFailure("the mail server did not take it") }
  }

  private func send(
    _ alert: AuditEvent, through channel: AlertChannel, from log: any AlertLog, at now: Timestamp
  ) async throws(AlertFailure) {
    let target = try target(of: channel, log)
    let body = AlertText.body(alert, log.scope)
    try await webhook.post(
      body, signature: AlertWebhook.signature(body, secret: target.secret ?? "", at: now),
      to: target.url ?? "")
  }

  private func target(
    of channel: AlertChannel, _ log: any AlertLog
  ) throws(AlertFailure) -> AlertChannel.Target {
    do { return try log.target(of: channel) } catch {
      throw AlertFailure("the channel's settings cannot be opened")
    }
  }
}
