import Cryptography
import Edge
import Hummingbird
import Storage
import Trust
import Wire

/// An entry of the audit log as people see it.
struct AuditAnswer: Encodable, Sendable {
  let event: AuditEvent

  private enum CodingKeys: String, CodingKey {
    case sequence, at, action, actor, session, subject, outcome, detail, address
    case actorKind = "actor_kind"
    case impersonatedBy = "impersonated_by"
    case traceID = "trace_id"
  }

  func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(event.sequence, forKey: .sequence)
    try container.encode(event.at, forKey: .at)
    try container.encode(event.action, forKey: .action)
    try container.encode(event.actor.kind.rawValue, forKey: .actorKind)
    try container.encode(event.actor.id, forKey: .actor)
    try container.encode(event.actor.session, forKey: .session)
    try container.encode(event.actor.impersonatedBy, forKey: .impersonatedBy)
    try container.encode(event.subject, forKey: .subject)
    try container.encode(event.outcome.rawValue, forKey: .outcome)
    try container.encode(
      Dictionary(event.detail.map { ($0.name, $0.value) }, uniquingKeysWith: { $1 }),
      forKey: .detail)
    try container.encode(event.address, forKey: .address)
    try container.encode(event.traceID, forKey: .traceID)
  }
}

/// The audit log: to read, to prove, to take along.
enum AuditRoutes {
  private struct CheckpointAnswer: Encodable, Sendable {
    let size: Int64
    let root: String
    let checkpoint: String
    let key: String
    let witnessed: String?

    private enum CodingKeys: String, CodingKey { case size, root, checkpoint, key, witnessed }

    func encode(to encoder: any Encoder) throws {
      var container = encoder.container(keyedBy: CodingKeys.self)
      try container.encode(size, forKey: .size)
      try container.encode(root, forKey: .root)
      try container.encode(checkpoint, forKey: .checkpoint)
      try container.encode(key, forKey: .key)
      try container.encode(witnessed, forKey: .witnessed)
    }
  }
  private struct Proof: Encodable, Sendable {
    let hashes: [String]
    let root: String
    let leaf: String?
  }

  static func register(on routes: CellRoutes) {
    let services = routes.services
    routes.api(.get, "/v1/audit", .auditRead) { request, context in
      try await list(request, context, services, alerts: false)
    }
    routes.admin(.get, "/v1/tenants/:tenant/audit") { request, context in
      try await list(request, context, services, alerts: false)
    }
    routes.api(.get, "/v1/alerts", .auditRead) { request, context in
      try await list(request, context, services, alerts: true)
    }
    routes.admin(.get, "/v1/tenants/:tenant/alerts") { request, context in
      try await list(request, context, services, alerts: true)
    }
    routes.api(.get, "/v1/audit/checkpoint", .auditRead) { _, context in
      let key = services.auditKey(of: try context.tenant())
      let answer = try await services.store.read(try context.tenant(), [.sessions]) { snapshot in
        let checkpoint = try AuditCheckpoints.current(snapshot, key: key)
        return CheckpointAnswer(
          size: checkpoint.size, root: checkpoint.root.hexText, checkpoint: checkpoint.text,
          key: key.verifying.bytes.hexText,
          witnessed: try AuditStore(snapshot).witnessed()?.text)
      }
      return try .json(answer)
    }
    routes.api(.get, "/v1/audit/inclusion", .auditRead) { request, context in
      let sequence = try number("sequence", request)
      let size = try number("size", request)
      let proof = try await services.store.read(try context.tenant(), [.sessions]) { snapshot in
        let log = AuditLog(snapshot)
        let path = try log.inclusion(of: sequence, size: size)
        let leaf = try AuditStore(snapshot).leaves(from: sequence, count: 1)
        return Proof(
          hashes: path.map(\.hexText), root: try log.root(size: size).hexText,
          leaf: leaf.hexText)
      }
      return try .json(proof)
    }
    routes.api(.get, "/v1/audit/consistency", .auditRead) { request, context in
      let (from, to) = (try number("from", request), try number("to", request))
      let proof = try await services.store.read(try context.tenant(), [.sessions]) { snapshot in
        let log = AuditLog(snapshot)
        let path = try log.consistency(from: from, size: to)
        return Proof(
          hashes: path.map(\.hexText), root: try log.root(size: to).hexText, leaf: nil)
      }
      return try .json(proof)
    }
    routes.api(.get, "/v1/audit/export", .auditRead) { request, context in
      try await export(request, context, services)
    }
    routes.admin(.get, "/v1/tenants/:tenant/audit/export") { request, context in
      try await export(request, context, services)
    }
  }

  private static func number(_ name: String, _ request: Request) throws(Failure) -> Int64 {
    guard let text = request.uri.queryParameters[Substring(name)], let value = Int64(text),
      value >= 0
    else { throw Failure(.invalidField, "\(name) must be a number") }
    return value
  }

  /// The newest first.
  private static func list(
    _ request: Request, _ context: CellContext, _ services: CellServices, alerts: Bool
  ) async throws -> Response {
    let query = try ListQuery(request)
    let before: Int64
    if let after = query.after {
      guard let number = Int64(after) else {
        throw Failure(.invalidCursor, "cursor must be the next_cursor of an earlier page")
      }
      before = number
    } else {
      before = .max
    }
    let action = request.uri.queryParameters["action"].map(String.init)
    let events = try await services.store.read(try context.tenant(), [.sessions]) { snapshot in
      let store = AuditStore(snapshot)
      return alerts
        ? try store.alerts(before: before, limit: query.limit + 1)
        : try store.newest(before: before, action: action, limit: query.limit + 1)
    }
    let page = Page(events.map { AuditAnswer(event: $0) }, query) { "\($0.event.sequence)" }
    return try .json(page)
  }

  /// A page of the export.
  ///
  /// Begins at position `from`, has at most ``pageEntries``; the first page begins with the
  /// checkpoints. Put together they are the file that `aimstors audit verify` reads.
  ///
  /// The headers `next-from` and `next-to` say where to go on, up to what the checkpoint speaks
  /// for: entries written meanwhile are the next export's.
  private static func export(
    _ request: Request, _ context: CellContext, _ services: CellServices
  ) async throws -> Response {
    let from = request.uri.queryParameters["from"] == nil ? 0 : try number("from", request)
    let until = request.uri.queryParameters["to"] == nil ? nil : try number("to", request)
    let tenant = try context.tenant()
    let key = services.auditKey(of: tenant)
    let isAlready = from > 0
    if !isAlready {
      // Taking a log along is itself an entry of it, and told.
      let actor = try context.principal().actor
      let address = context.edge.clientAddress
      let trace = context.traceID
      try await services.store.write(tenant, context.origin) { tx in
        let log = try AuditLog(tx)
        let size = try log.size()
        try log.append(
          AuditEvent(
            action: "audit.export", actor: actor, subject: "audit",
            detail: [.init("entries", "\(size)")], address: address, traceID: trace), at: tx.now)
      }
      services.identity.logMayHaveGrown(tenant)
    }
    let (lines, next, end) = try await services.store.read(tenant, [.sessions]) { snapshot in
      let store = AuditStore(snapshot)
      let end = try min(until ?? .max, store.size())
      var lines: [UInt8] = []
      if !isAlready {
        if let witnessed = try store.witnessed() {
          lines += AuditExport.line(witnessed) + [0x0A]
        }
        lines += AuditExport.line(try AuditCheckpoints.current(snapshot, key: key)) + [0x0A]
      }
      let limit = min(Int64(pageEntries), max(0, end - from))
      for body in try store.bodies(from: from, limit: Int(limit)) {
        lines += AuditExport.line(entry: body)
        lines.append(0x0A)
      }
      return (lines, from + limit < end ? from + limit : nil, end)
    }
    var response = Response(
      status: .ok, headers: [.contentType: "application/x-ndjson"],
      body: .init(byteBuffer: ByteBuffer(bytes: lines)))
    if let next, let from = HTTPFields.Element.Name("next-from"),
      let to = HTTPFields.Element.Name("next-to")
    {
      response.headers[from] = "\(next)"
      response.headers[to] = "\(end)"
    }
    return response
  }

  /// Entries of one page of an export: about 2 MB.
  static let pageEntries = 2_000
}

/// Checkpoints of a tenant's log, signed with the log's key.
enum AuditCheckpoints {
  static func current(_ snapshot: Snapshot, key: SigningKey) throws -> Checkpoint {
    let log = AuditLog(snapshot)
    let size = try log.size()
    let origin = Checkpoint.origin(ofTenant: snapshot.tenant.rawValue)
    return Checkpoint(origin: origin, size: size, root: try log.root(size: size))
      .signed(origin, by: key)
  }
}
