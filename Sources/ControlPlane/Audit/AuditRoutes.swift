import Cryptography
import Edge
import Hummingbird
import Storage
import Trust
import Wire

/// The platform's own audit log, to read and to take along; what the witness signed of tenants'.
struct AuditRoutes: Sendable {
  struct View: Encodable, Sendable {
    let event: AuditEvent

    private enum CodingKeys: String, CodingKey {
      case sequence, at, action, subject, detail
      case operatorID = "operator"
      case traceID = "trace_id"
    }

    func encode(to encoder: any Encoder) throws {
      var container = encoder.container(keyedBy: CodingKeys.self)
      try container.encode(event.sequence, forKey: .sequence)
      try container.encode(event.at, forKey: .at)
      try container.encode(event.actor.id, forKey: .operatorID)
      try container.encode(event.action, forKey: .action)
      try container.encode(event.subject, forKey: .subject)
      try container.encode(event.detail.first?.value ?? "", forKey: .detail)
      try container.encode(event.traceID, forKey: .traceID)
    }
  }

  struct CheckpointView: Encodable, Sendable {
    let size: Int64
    let root: String
    let checkpoint: String
    let key: String
  }

  let services: AdminServices

  func register(on router: Router<EdgeContext>) {
    router.get("/v1/audit", use: list)
    router.get("/v1/audit/checkpoint", use: checkpoint)
    router.get("/v1/audit/export", use: export)
    router.get("/v1/audit/witness/:id", use: witness)
    router.post("/v1/audit/witness/:id/branch", use: acceptBranch)
    router.get("/v1/alerts", use: alerts)
  }

  private struct Branch: Decodable, Sendable { let reason: String }

  /// Accepts that a tenant's log is shorter than the witness knows it: its end was lost.
  @Sendable private func acceptBranch(_ request: Request, _ context: EdgeContext) async throws
    -> Response
  {
    let tenant = try AdminInput.tenantID(context)
    let body = try await AdminBody.read(request)
    let input = try body.decode(Branch.self)
    let reason = try AdminInput.text(input.reason, "reason", length: 8...500)
    let command = try AdminCommand(request, body, context, services)
    return try await command.perform { transaction, rows in
      guard try rows.tenant(tenant) != nil else { throw Failure(.notFound, "no such tenant") }
      let id = transaction.freshID().text(.operation)
      try rows.acceptBranch(id, tenant, reason: reason, at: transaction.now)
      try rows.append(
        command.audit("audit.branch_accept", tenant.rawValue, "\(id): \(reason)"),
        id: transaction.freshID(), at: transaction.now)
      return .noContent
    }.response
  }

  /// What of the operators' acts is worth a look, the newest first.
  @Sendable private func alerts(_ request: Request, _ context: EdgeContext) async throws
    -> Response
  {
    let query = try ListQuery(request)
    guard let before = Int64(query.after ?? "\(Int64.max)") else {
      throw Failure(.invalidCursor, "cursor must be the next_cursor of an earlier page")
    }
    let events = try await services.store.read {
      try $0.auditAlerts(before: before, limit: query.limit + 1)
    }
    let page = Page(events.map { View(event: $0) }, query) { "\($0.event.sequence)" }
    return try StoredAnswer.json(200, page).response
  }

  private var key: SigningKey { services.secrets.witnessKey }

  @Sendable private func list(_ request: Request, _ context: EdgeContext) async throws -> Response {
    let query = try ListQuery(request)
    guard let before = Int64(query.after ?? "\(Int64.max)") else {
      throw Failure(.invalidCursor, "cursor must be the next_cursor of an earlier page")
    }
    let events = try await services.store.read {
      try $0.auditEvents(before: before, limit: query.limit + 1)
    }
    let page = Page(events.map { View(event: $0) }, query) { "\($0.event.sequence)" }
    return try StoredAnswer.json(200, page).response
  }

  @Sendable private func checkpoint(_ request: Request, _ context: EdgeContext) async throws
    -> Response
  {
    let key = key
    return try Self.answer(try await services.store.read { try $0.auditCheckpoint(key: key) }, key)
  }

  /// What the witness signed last of a tenant's log: what to compare an export with.
  @Sendable private func witness(_ request: Request, _ context: EdgeContext) async throws
    -> Response
  {
    let tenant = try AdminInput.tenantID(context)
    guard let log = try await services.store.read({ try $0.witnessedLog(tenant) }) else {
      throw Failure(.notFound, "the witness has not seen a log of this tenant")
    }
    return try Self.answer(log.checkpoint, key)
  }

  private static func answer(_ checkpoint: Checkpoint, _ key: SigningKey) throws -> Response {
    try StoredAnswer.json(
      200,
      CheckpointView(
        size: checkpoint.size, root: checkpoint.root.hexText, checkpoint: checkpoint.text,
        key: key.verifying.bytes.hexText)
    ).response
  }

  /// A page of the file that `aimstors audit verify` reads; `next-from` and `next-to` say where to
  /// go on, up to what the first page's checkpoint speaks for.
  @Sendable private func export(_ request: Request, _ context: EdgeContext) async throws
    -> Response
  {
    let from = request.uri.queryParameters["from"].map { Int64($0) } ?? 0
    let until = request.uri.queryParameters["to"].map { Int64($0) } ?? .max
    guard let from, from >= 0, let until, until >= 0 else {
      throw Failure(.invalidField, "from and to must be numbers")
    }
    if from == 0 {
      let (operatorID, trace) = (try context.admin().id, context.traceID)
      try await services.store.write(trace: trace) { transaction, rows in
        try rows.append(
          AuditEntry(
            operatorID: operatorID, action: "audit.export", subject: "audit",
            detail: "\(try rows.auditSize()) entries", traceID: trace),
          id: transaction.freshID(), at: transaction.now)
      }
    }
    let key = key
    let (lines, next, end) = try await services.store.read { rows in
      let end = try min(until, rows.auditSize())
      let limit = min(Int64(ControlPlaneLimits.auditPage), max(0, end - from))
      var lines: [UInt8] = []
      if from == 0 { lines += AuditExport.line(try rows.auditCheckpoint(key: key)) + [0x0A] }
      for body in try rows.auditBodies(from: from, limit: Int(limit)) {
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
}
