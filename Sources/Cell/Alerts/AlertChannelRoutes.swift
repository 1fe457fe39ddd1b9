import Alerts
import Edge
import Hummingbird
import Storage
import Trust
import Wire

/// Where a tenant's alerts go: shown, set and taken away by its own people.
enum AlertChannelRoutes {
  static func register(on routes: CellRoutes) {
    let services = routes.services
    routes.api(.get, "/v1/alert-channels", .auditRead) { _, context in
      let tenant = try context.tenant()
      let log = TenantAlertLog(tenant: tenant, store: services.store, sealer: services.sealer)
      let channels = try await services.store.read(tenant, [.sessions]) {
        try AlertChannelsStore($0.file(.sessions)).list()
      }
      return try .json(
        Page(
          data: channels.map { AlertChannelView($0, try? log.target(of: $0)) },
          nextCursor: nil))
    }
    for kind in AlertChannel.Kind.allCases {
      let path = RouterPath("/v1/alert-channels/\(kind.rawValue)")
      routes.api(.put, path) { request, context in
        let target = try AlertChannelInput.read(
          try await context.bytes(request), for: kind,
          mayStayInside: services.identity.alertsMayStayInside
        ) { (text) throws(Failure) in try User.checked(email: text) }
        return try await put(kind, target, context, services)
      }
      routes.api(.delete, path) { request, context in
        try await delete(kind, request, context, services)
      }
    }
  }

  private static func delete(
    _ kind: AlertChannel.Kind, _ request: Request, _ context: CellContext,
    _ services: CellServices
  ) async throws -> Response {
    let actor = try context.actor()
    let call = try await context.command(request, file: .sessions)
    return try await call.perform(services) { tx, _ in
      guard try AlertChannelsStore(tx.file(.sessions)).delete(kind) else {
        throw Failure(.notFound, "there is no such channel")
      }
      try AuditLog(tx).append(
        actor.event("alert_channel.delete", subject: kind.rawValue), at: tx.now)
      return .noContent
    }
  }

  /// A channel begins with what comes after it; one that is changed goes on where it was.
  private static func put(
    _ kind: AlertChannel.Kind, _ target: AlertChannel.Target, _ context: CellContext,
    _ services: CellServices
  ) async throws -> Response {
    let (actor, sealer, tenant) = (try context.actor(), services.sealer, try context.tenant())
    let bytes = try EdgeJSON.encode(target)
    let channel = try await services.store.write(tenant, context.origin) { tx in
      let rows = try AlertChannelsStore(tx.file(.sessions))
      let sealed = sealer.seal(
        bytes, owner: TenantAlertLog.owner(tx.tenant, kind),
        nonce: tx.randomBytes(Sealer.nonceBytes))
      let last = try AuditStore(tx).size() - 1
      let channel = AlertChannel(
        kind: kind, sealedTarget: sealed,
        delivered: try rows.find(kind)?.delivered ?? last)
      try rows.put(channel)
      try AuditLog(tx).append(
        actor.event("alert_channel.put", subject: kind.rawValue), at: tx.now)
      return channel
    }
    return try .json(AlertChannelView(channel, target))
  }
}
