import Logging
import Platform
import Storage
import Wire

/// Makes webhook parts durable in their tenant.
///
/// A part that returns is safe to acknowledge.
struct WebhookIntake: Sendable {
  private let store: any TenantStore
  private let wakeOutbox: @Sendable (TenantID) -> Void
  private let logger: Logger?

  /// Bytes of raw values in one command; a part with more becomes several commands, each of which
  /// may be repeated without harm.
  static let bytesPerCommand = 400_000

  init(
    store: any TenantStore, wakeOutbox: @escaping @Sendable (TenantID) -> Void,
    logger: Logger? = nil
  ) {
    self.store = store
    self.wakeOutbox = wakeOutbox
    self.logger = logger
  }

  /// Stores everything in the part, once.
  ///
  /// Throws what the store throws: then Meta, or the spool, brings it again. What still waits after
  /// `deadline`, when nobody listens any more, is left to that too.
  func accept(
    _ part: Aimstors_ProtoWebhookPart, traceID: String = "webhook",
    deadline: ContinuousClock.Instant? = nil
  ) async throws(Failure) {
    guard let tenant = TenantID(part.tenant) else {
      throw Failure(.invalidIdentifier, "the part names no tenant")
    }
    let receivedAt = Timestamp(milliseconds: part.receivedAtMs)
    let items = part.changes.flatMap { WebhookParser.items($0, receivedAt: receivedAt) }
    let wake = wakeOutbox
    for chunk in Self.chunks(items) {
      let origin = CommandOrigin(
        requestID: "", traceID: traceID, deadline: deadline,
        bytes: CommandOrigin.ownBytes + chunk.reduce(0) { $0 + $1.bytes })
      let applied = try await store.write(tenant, origin) { tx in
        var commands = try WebhookCommands(tx, receivedAt: receivedAt)
        for item in chunk { try commands.apply(item) }
        try commands.finish()
        tx.afterCommit { wake(tenant) }
        return commands.applied
      }
      note(applied, of: tenant, traceID)
    }
    logger?.info(
      "webhook part stored",
      metadata: [
        "tenant": .string(tenant.rawValue), "trace_id": .string(traceID),
        "items": .stringConvertible(items.count),
      ])
  }

  /// The way back: a line per status under the trace of the request that sent the message.
  private func note(_ applied: [AppliedStatus], of tenant: TenantID, _ traceID: String) {
    guard let logger else { return }
    for status in applied {
      logger.info(
        "status applied",
        metadata: [
          "tenant": .string(tenant.rawValue), "trace_id": .string(status.trace),
          "webhook_trace_id": .string(traceID),
          "message_id": .string(status.message.text(.message)),
          "wamid": .string(status.wamid), "status": .string(status.status),
        ])
    }
  }

  private static func chunks(_ items: [WebhookItem]) -> [[WebhookItem]] {
    var chunks: [[WebhookItem]] = []
    var chunk: [WebhookItem] = []
    var bytes = 0
    for item in items {
      if !chunk.isEmpty, bytes + item.bytes > bytesPerCommand {
        chunks.append(chunk)
        chunk = []
        bytes = 0
      }
      chunk.append(item)
      bytes += item.bytes
    }
    if !chunk.isEmpty { chunks.append(chunk) }
    return chunks
  }
}
