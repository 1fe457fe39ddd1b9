import Edge
import Hummingbird
import Storage
import Trust
import Wire

/// A security event as people see it.
struct SecurityEventAnswer: Encodable, Sendable {
  let id: RowID
  let event: SecurityEvent

  private struct Name: CodingKey {
    let stringValue: String
    var intValue: Int? { nil }
    init(_ name: StaticString) { stringValue = "\(name)" }
    init?(stringValue: String) { self.stringValue = stringValue }
    init?(intValue: Int) { nil }
  }

  func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: Name.self)
    try container.encode(event.at, forKey: Name("at"))
    try container.encode(event.principalKind.rawValue, forKey: Name("principal_kind"))
    try container.encode(event.principal, forKey: Name("principal"))
    for number in event.numbers where "\(number.name)" != "at_ms" {
      try container.encode(number.value, forKey: Name(number.name))
    }
  }
}

/// What anomaly detection looks at, to read.
enum SecurityEventRoutes {
  static func register(on routes: CellRoutes) {
    let services = routes.services
    routes.api(.get, "/v1/security-events", .auditRead) { request, context in
      try await list(request, context, services)
    }
    routes.admin(.get, "/v1/tenants/:tenant/security-events") { request, context in
      try await list(request, context, services)
    }
  }

  /// The newest first.
  private static func list(
    _ request: Request, _ context: CellContext, _ services: CellServices
  ) async throws -> Response {
    let query = try ListQuery(request)
    let after = try query.afterRow()
    let before = query.after == nil ? RowID(.max) : after
    let principal = request.uri.queryParameters["principal"].map(String.init)
    let rows = try await services.store.read(try context.tenant(), [.sessions]) { snapshot in
      try SecurityEventsStore(snapshot).list(
        before: before, principal: principal, limit: query.limit + 1)
    }.map { SecurityEventAnswer(id: $0.0, event: $0.1) }
    return try .json(Page(rows, query, key: \.id) { $0 })
  }
}
