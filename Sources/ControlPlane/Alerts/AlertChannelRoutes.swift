import Alerts
import Cryptography
import Edge
import Hummingbird
import Storage
import Trust
import Wire

/// Where the platform's alerts go: shown, set and taken away by its operators.
struct AlertChannelRoutes: Sendable {
  let services: AdminServices

  func register(on router: Router<EdgeContext>) {
    router.get("/v1/alert-channels", use: list)
    for kind in AlertChannel.Kind.allCases {
      let path = RouterPath("/v1/alert-channels/\(kind.rawValue)")
      router.put(path) { request, context in try await put(kind, request, context) }
      router.delete(path) { request, context in try await delete(kind, request, context) }
    }
  }

  private struct List: Encodable, Sendable {
    let data: [AlertChannelView]
    let nextCursor: String?

    private enum CodingKeys: String, CodingKey {
      case data
      case nextCursor = "next_cursor"
    }

    func encode(to encoder: any Encoder) throws {
      var container = encoder.container(keyedBy: CodingKeys.self)
      try container.encode(data, forKey: .data)
      try container.encode(nextCursor, forKey: .nextCursor)
    }
  }

  @Sendable private func list(_ request: Request, _ context: EdgeContext) async throws -> Response {
    let log = PlatformAlertLog(store: services.store, sealer: services.sealer)
    let channels = try await services.store.read { try $0.alertChannels.list() }
    return try StoredAnswer.json(
      200,
      List(
        data: channels.map { AlertChannelView($0, try? log.target(of: $0)) }, nextCursor: nil)
    ).response
  }

  /// A channel begins with what comes after it; one that is changed goes on where it was.
  private func put(
    _ kind: AlertChannel.Kind, _ request: Request, _ context: EdgeContext
  ) async throws -> Response {
    let target = try AlertChannelInput.read(
      try await AdminBody.read(request).bytes, for: kind,
      mayStayInside: services.configuration.alerts.mayStayInside, email: Self.email)
    let (id, trace, sealer) = (try context.admin().id, context.traceID, services.sealer)
    let text = String(decoding: try EdgeJSON.encode(target), as: UTF8.self)
    let channel = try await services.store.write(trace: trace) { transaction, rows in
      let sealed = try sealer.seal(
        text, context: PlatformAlertLog.context(kind),
        nonce: transaction.randomBytes(AuthenticatedCipher.nonceBytes))
      let channel = AlertChannel(
        kind: kind, sealedTarget: sealed,
        delivered: try rows.alertChannels.find(kind)?.delivered ?? rows.auditSize() - 1)
      try rows.alertChannels.put(channel)
      try rows.append(
        AuditEntry(
          operatorID: id, action: "alert_channel.put", subject: kind.rawValue, detail: "",
          traceID: trace), id: transaction.freshID(), at: transaction.now)
      return channel
    }
    return try StoredAnswer.json(200, AlertChannelView(channel, target)).response
  }

  private func delete(
    _ kind: AlertChannel.Kind, _ request: Request, _ context: EdgeContext
  ) async throws -> Response {
    let command = try AdminCommand(request, try await AdminBody.read(request), context, services)
    return try await command.perform { transaction, rows in
      guard try rows.alertChannels.delete(kind) else {
        throw Failure(.notFound, "there is no such channel")
      }
      try rows.append(
        command.audit("alert_channel.delete", kind.rawValue), id: transaction.freshID(),
        at: transaction.now)
      return .noContent
    }.response
  }

  /// One `@`, something before it, a host behind it; who reads the letters is the operators' care.
  private static func email(_ text: String) throws(Failure) -> String {
    let parts = text.split(separator: "@", omittingEmptySubsequences: false)
    guard parts.count == 2, !parts[0].isEmpty, parts[1].contains("."),
      text.utf8.count <= ControlPlaneLimits.emailLength,
      text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F && !"<>,;\"()".utf8.contains($0) })
    else { throw Failure(.invalidField, "addresses: each must be an e-mail address") }
    return text.lowercased()
  }
}
