import Edge
import Hummingbird
import Storage
import Trust
import Wire

/// Grants by which operators act in a tenant's name for a while: given, listed, taken back.
struct ImpersonationRoutes: Sendable {
  struct Input: Decodable, Sendable {
    let reason: String
    let minutes: Int64?
  }

  struct View: Encodable, ResponseEncodable, Sendable {
    let impersonation: Impersonation
    /// The signed grant: shown once, to be handed to the tenant's cell at once.
    let text: String?

    private enum CodingKeys: String, CodingKey {
      case id, tenant, cell, reason, grant
      case operatorID = "operator"
      case issuedAt = "issued_at"
      case expiresAt = "expires_at"
      case endedAt = "ended_at"
    }

    func encode(to encoder: any Encoder) throws {
      let grant = impersonation.grant
      var container = encoder.container(keyedBy: CodingKeys.self)
      try container.encode(grant.id, forKey: .id)
      try container.encode(grant.operatorID, forKey: .operatorID)
      try container.encode(grant.tenant.rawValue, forKey: .tenant)
      try container.encode(grant.cell.rawValue, forKey: .cell)
      try container.encode(grant.reason, forKey: .reason)
      try container.encode(grant.issuedAt, forKey: .issuedAt)
      try container.encode(grant.expiresAt, forKey: .expiresAt)
      try container.encode(impersonation.endedAt, forKey: .endedAt)
      try container.encodeIfPresent(text, forKey: .grant)
    }
  }

  let services: AdminServices

  func register(on router: Router<EdgeContext>) {
    router.post("/v1/tenants/:id/impersonations", use: create)
    router.get("/v1/impersonations", use: list)
    router.delete("/v1/impersonations/:id", use: end)
  }

  /// The answer is not kept under its idempotency key: it holds a grant.
  ///
  /// A repeat makes another one; unused ones lapse within minutes.
  @Sendable private func create(_ request: Request, _ context: EdgeContext) async throws
    -> Response
  {
    let tenant = try AdminInput.tenantID(context)
    let input = try await AdminBody.read(request).decode(Input.self)
    let bytes = ImpersonationGrant.reasonBytes
    guard bytes.contains(input.reason.utf8.count) else {
      throw Failure(
        .invalidField, "reason must have \(bytes.lowerBound) to \(bytes.upperBound) bytes")
    }
    let minutes = input.minutes ?? 30
    guard (1...ImpersonationGrant.maximumMinutes).contains(minutes) else {
      throw Failure(
        .invalidField, "minutes must be 1 to \(ImpersonationGrant.maximumMinutes)")
    }
    let operatorID = try context.admin().id
    let trace = context.traceID
    let grant = try await services.store.write(trace: trace) { transaction, rows in
      let record = try rows.requireTenant(tenant)
      let grant = ImpersonationGrant(
        id: transaction.freshID().text(.impersonation), operatorID: operatorID, tenant: tenant,
        cell: record.placement.cell, reason: input.reason, issuedAt: transaction.now,
        expiresAt: transaction.now.adding(seconds: minutes * 60))
      try rows.insert(grant)
      try rows.append(
        AuditEntry(
          operatorID: operatorID, action: "impersonation.grant", subject: tenant.rawValue,
          detail: "\(grant.id), \(minutes) minutes: \(input.reason)", traceID: trace),
        id: transaction.freshID(), at: transaction.now)
      return grant
    }
    var response = try StoredAnswer.json(
      201,
      View(
        impersonation: Impersonation(grant: grant, endedAt: nil),
        text: grant.text(signedBy: services.secrets.grantKey))
    ).response
    response.headers[.cacheControl] = "no-store"
    return response
  }

  @Sendable private func list(_ request: Request, _ context: EdgeContext) async throws
    -> Page<View>
  {
    let query = try ListQuery(request)
    let rows = try await services.store.read {
      try $0.impersonations(before: query.after ?? "~", limit: query.limit + 1)
    }
    return Page(rows.map { View(impersonation: $0, text: nil) }, query) {
      $0.impersonation.grant.id
    }
  }

  /// Takes a grant back: its session ends before this answers, or it can never be used.
  @Sendable private func end(_ request: Request, _ context: EdgeContext) async throws -> Response {
    let id = try context.parameter("id")
    guard let impersonation = try await services.store.read({ try $0.impersonation(id) }) else {
      throw Failure(.notFound, "there is no such impersonation")
    }
    try await ImpersonationEnds(services: services).end(
      impersonation, by: context.admin().id, trace: context.traceID)
    return Response(status: .noContent)
  }
}

/// Ends what was granted, where the tenant is now: its session has moved along.
struct ImpersonationEnds: Sendable {
  let services: AdminServices

  /// Throws `cell_unavailable` where the tenant's cell does not answer.
  func end(
    _ impersonation: Impersonation, by operatorID: String, trace: String
  ) async throws {
    let grant = impersonation.grant
    let owner = try await services.store.read { try $0.tenant(grant.tenant)?.placement.cell }
    guard let cell = services.roster.cell(owner ?? grant.cell) else {
      throw Failure(.cellUnavailable, "the tenant's cell is unknown")
    }
    _ = try await services.ask(
      cell, .endImpersonation, Array("\(grant.tenant) \(grant.id)".utf8),
      timeout: ControlPlaneLimits.forwardTimeout, trace: trace)
    try await services.store.write(trace: trace) { transaction, rows in
      try rows.endImpersonation(grant.id, at: transaction.now)
      try rows.append(
        AuditEntry(
          operatorID: operatorID, action: "impersonation.end", subject: grant.id, detail: "",
          traceID: trace), id: transaction.freshID(), at: transaction.now)
    }
  }

  /// Ends all that an operator was granted and that has not run out.
  ///
  /// A cell that does not answer keeps nobody from the rest; its sessions end by their time box,
  /// within the hour. Answers how many could not be ended.
  func endAll(of operatorID: String, by remover: String, trace: String) async throws -> Int {
    let now = Timestamp(milliseconds: services.clock.milliseconds())
    let open = try await services.store.read {
      try $0.openImpersonations(of: operatorID, at: now)
    }
    var failed = 0
    for impersonation in open {
      do { try await end(impersonation, by: remover, trace: trace) } catch { failed += 1 }
    }
    return failed
  }
}
