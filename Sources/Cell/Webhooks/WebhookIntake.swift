import Platform
import Storage
import Wire

/// Makes webhook parts durable in their tenant.
///
/// A part that returns is safe to acknowledge.
struct WebhookIntake: Sendable {
  private let store: any TenantStore
  private let wakeOutbox: @Sendable (TenantID) -> Void

  /// Bytes of raw values in one command; a part with more becomes several commands, each of which
  /// may be repeated without harm.
  static let bytesPerCommand = 400_000

  init(store: any TenantStore, wakeOutbox: @escaping @Sendable (TenantID) -> Void) {
    self.store = store
    self.wakeOutbox = wakeOutbox
  }

  /// Stores everything in the part, once.
  ///
  /// Throws what the store throws: then Meta, or the spool, brings it again.
  func accept(
    _ part: Aimstors_ProtoWebhookPart, traceID: String = "webhook"
  ) async throws(Failure) {
    guard let tenant = TenantID(part.tenant) else {
      throw Failure(.invalidIdentifier, "the part names no tenant")
    }
    let receivedAt = Timestamp(milliseconds: part.receivedAtMs)
    let items = part.changes.flatMap { WebhookParser.items($0, receivedAt: receivedAt) }
    let wake = wakeOutbox
    let origin = CommandOrigin(requestID: "", traceID: traceID)
    for chunk in Self.chunks(items) {
      try await store.write(tenant, origin) { tx in
        let commands = try WebhookCommands(tx, receivedAt: receivedAt)
        for item in chunk { try commands.apply(item) }
        try commands.finish()
        tx.afterCommit { wake(tenant) }
      }
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
