import Edge
import Hummingbird
import Storage
import Trust
import Wire

/// Where a tenant's alerts go: shown, set and taken away by its own people.
enum AlertChannelRoutes {
  private struct WebhookInput: Decodable, Sendable {
    let url: String
    let secret: String
  }
  private struct EmailInput: Decodable, Sendable { let addresses: [String] }

  /// A channel as people see it; its secret is never shown again.
  private struct Answer: Encodable, Sendable {
    let channel: AlertChannel
    let target: AlertChannel.Target

    private enum CodingKeys: String, CodingKey {
      case kind, url, addresses, failures
      case secretSet = "secret_set"
      case failingSince = "failing_since"
      case lastError = "last_error"
    }

    func encode(to encoder: any Encoder) throws {
      var container = encoder.container(keyedBy: CodingKeys.self)
      try container.encode(channel.kind.rawValue, forKey: .kind)
      try container.encode(target.url, forKey: .url)
      try container.encode(target.secret != nil, forKey: .secretSet)
      try container.encode(target.addresses ?? [], forKey: .addresses)
      try container.encode(channel.failures, forKey: .failures)
      try container.encode(channel.failingSince, forKey: .failingSince)
      try container.encode(channel.lastError, forKey: .lastError)
    }
  }

  static func register(on routes: CellRoutes) {
    let services = routes.services
    routes.api(.get, "/v1/alert-channels", .auditRead) { _, context in
      let tenant = try context.tenant()
      let channels = try await services.store.read(tenant, [.sessions]) {
        try AlertChannelsStore($0).list()
      }
      return try .json(
        Page(
          data: try channels.map { try answer($0, tenant, services.sealer) }, nextCursor: nil))
    }
    routes.api(.put, "/v1/alert-channels/webhook") { request, context in
      let input = try EdgeJSON.decode(WebhookInput.self, from: try await context.bytes(request))
      _ = try AlertWebhook.host(
        of: input.url, mayStayInside: services.identity.alertsMayStayInside)
      guard AlertChannel.secretBytes.contains(input.secret.utf8.count) else {
        throw Failure(.invalidField, "secret must be 16 to 200 bytes")
      }
      return try await put(
        .webhook, .init(url: input.url, secret: input.secret), context, services)
    }
    routes.api(.put, "/v1/alert-channels/email") { request, context in
      let input = try EdgeJSON.decode(EmailInput.self, from: try await context.bytes(request))
      guard (1...AlertChannel.maximumAddresses).contains(input.addresses.count) else {
        throw Failure(
          .invalidField, "addresses: 1 to \(AlertChannel.maximumAddresses)")
      }
      let addresses = try input.addresses.map { try User.checked(email: $0) }
      return try await put(.email, .init(addresses: addresses), context, services)
    }
    routes.api(.delete, "/v1/alert-channels/webhook") { _, context in
      try await delete(.webhook, context, services)
    }
    routes.api(.delete, "/v1/alert-channels/email") { _, context in
      try await delete(.email, context, services)
    }
  }

  private static func delete(
    _ kind: AlertChannel.Kind, _ context: CellContext, _ services: CellServices
  ) async throws -> Response {
    let actor = try context.actor()
    try await services.store.write(try context.tenant(), context.origin) { tx in
      guard try AlertChannelsStore(tx).delete(kind) else {
        throw Failure(.notFound, "there is no such channel")
      }
      try AuditLog(tx).append(
        actor.event("alert_channel.delete", subject: kind.rawValue), at: tx.now)
    }
    return StoredAnswer.noContent.response
  }

  /// A channel begins with what comes after it; one that is changed goes on where it was.
  private static func put(
    _ kind: AlertChannel.Kind, _ target: AlertChannel.Target, _ context: CellContext,
    _ services: CellServices
  ) async throws -> Response {
    let (actor, sealer, tenant) = (try context.actor(), services.sealer, try context.tenant())
    let bytes = try EdgeJSON.encode(target)
    let channel = try await services.store.write(tenant, context.origin) { tx in
      let rows = try AlertChannelsStore(tx)
      let sealed = sealer.seal(
        bytes, owner: AlertChannel.owner(tx.tenant, kind),
        nonce: tx.randomBytes(Sealer.nonceBytes))
      let last = try AuditStore(tx).size() - 1
      let channel = AlertChannel(
        kind: kind, sealedTarget: sealed,
        delivered: try rows.find(kind)?.delivered ?? last, failures: 0, failingSince: nil,
        retryAt: nil, lastError: "")
      try rows.put(channel)
      try AuditLog(tx).append(
        actor.event("alert_channel.put", subject: kind.rawValue), at: tx.now)
      return channel
    }
    return try .json(try answer(channel, tenant, sealer))
  }

  private static func answer(
    _ channel: AlertChannel, _ tenant: TenantID, _ sealer: Sealer
  ) throws -> Answer {
    let bytes = try sealer.open(
      channel.sealedTarget, owner: AlertChannel.owner(tenant, channel.kind))
    return Answer(
      channel: channel, target: try EdgeJSON.decode(AlertChannel.Target.self, from: bytes))
  }
}
