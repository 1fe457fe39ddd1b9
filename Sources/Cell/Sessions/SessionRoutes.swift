import Edge
import Hummingbird
import Storage
import Trust
import Wire

/// A session as people see it.
struct SessionAnswer: Encodable, Sendable {
  let session: UserSession
  /// How often its tokens were renewed.
  let renewals: Int64

  private enum CodingKeys: String, CodingKey {
    case id, address, agent, reason, renewals
    case userID = "user_id"
    case isImpersonation = "is_impersonation"
    case impersonatedBy = "impersonated_by"
    case createdAt = "created_at"
    case expiresAt = "expires_at"
  }

  func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(session.id.text(.session), forKey: .id)
    try container.encode(session.userID?.text(.user), forKey: .userID)
    try container.encode(session.impersonatedBy != nil, forKey: .isImpersonation)
    try container.encode(session.impersonatedBy, forKey: .impersonatedBy)
    try container.encode(session.reason, forKey: .reason)
    try container.encode(session.createdAt, forKey: .createdAt)
    try container.encode(session.expiresAt, forKey: .expiresAt)
    try container.encode(session.address, forKey: .address)
    try container.encode(session.agent, forKey: .agent)
    try container.encode(renewals, forKey: .renewals)
  }
}

/// Listing and ending sessions: one's own, everybody's of a tenant, and by operators.
enum SessionRoutes {
  static func register(on routes: CellRoutes) {
    let services = routes.services
    routes.api(.get, "/v1/me/sessions") { request, context in
      let own = try context.personID()
      return try await list(request, context, services, user: own ?? RowID(-1))
    }
    routes.api(.get, "/v1/sessions", .sessionsRead) { request, context in
      try await list(request, context, services, user: nil)
    }
    routes.admin(.get, "/v1/tenants/:tenant/sessions") { request, context in
      try await list(request, context, services, user: nil)
    }
    routes.api(.delete, "/v1/me/sessions/:id") { _, context in
      let principal = try context.principal()
      let id =
        try context.parameter("id") == "current"
        ? principal.session ?? RowID(-1) : try context.rowID("id", .session)
      let own = try context.personID()
      return try await end(id, context, services) { session, _ in
        session.id == principal.session || (own != nil && session.userID == own)
      }
    }
    routes.api(.delete, "/v1/me/sessions") { _, context in
      let own = try context.personID()
      let (actor, sessions) = (try context.actor(), services.identity.sessions)
      if let own {
        try await services.store.write(try context.tenant(), context.origin) { tx in
          try SignIn.endSessions(
            of: own, besides: nil, reason: "all", by: own.text(.user), tx)
          try AuditLog(tx).append(
            actor.event("session.revoke_all", subject: own.text(.user)), at: tx.now)
          let tenant = tx.tenant
          tx.afterCommit { sessions.forget(tenant, user: own) }
        }
      }
      return StoredAnswer.noContent.response
    }
    routes.api(.delete, "/v1/sessions/:id") { _, context in
      let power = try context.principal().power
      return try await end(try context.rowID("id", .session), context, services) { session, tx in
        // Whoever may end sessions may end an operator's at any time.
        guard let user = session.userID else { return true }
        let users = try UsersStore(tx)
        let role = try users.find(user).flatMap { try users.role($0.role) }
        return power.rules(role?.power ?? .none)
      }
    }
    routes.admin(.delete, "/v1/tenants/:tenant/sessions/:id") { _, context in
      try await end(try context.rowID("id", .session), context, services) { _, _ in true }
    }
  }

  private static func list(
    _ request: Request, _ context: CellContext, _ services: CellServices, user: RowID?
  ) async throws -> Response {
    let query = try ListQuery(request)
    let after = try query.afterRow()
    let rows = try await services.store.read(try context.tenant(), [.sessions]) { snapshot in
      let store = SessionsStore(snapshot)
      return try store.list(
        user: user, after: after, now: snapshot.now, limit: query.limit + 1
      ).map { SessionAnswer(session: $0, renewals: try store.renewals(of: $0.id)) }
    }
    return try .json(Page(rows, query, key: \.session.id) { $0 })
  }

  private static func end(
    _ id: RowID, _ context: CellContext, _ services: CellServices,
    where mayEnd: @escaping @Sendable (UserSession, Transaction) throws -> Bool
  ) async throws -> Response {
    let (actor, sessions) = (try context.actor(), services.identity.sessions)
    try await services.store.write(try context.tenant(), context.origin) { tx in
      let store = try SessionsStore(tx)
      guard let session = try store.find(id), try mayEnd(session, tx) else {
        throw Failure(.notFound, "there is no such session")
      }
      guard try store.end(id, at: tx.now, reason: "revoked", by: actor.actor.id) else { return }
      try AuditLog(tx).append(
        actor.event(
          session.impersonatedBy == nil ? "session.revoke" : "impersonation.end",
          subject: id.text(.session)), at: tx.now)
      let tenant = tx.tenant
      tx.afterCommit { sessions.forget(tenant, session: id) }
    }
    return StoredAnswer.noContent.response
  }

  /// Ends the session that a grant has opened: the control plane takes the grant back.
  ///
  /// A grant that was not used yet is used up.
  static func endImpersonation(
    tenant: TenantID, grant: String, _ services: CellServices
  ) async throws(Failure) {
    let sessions = services.identity.sessions
    try await services.store.write(
      tenant, CommandOrigin(requestID: "end-impersonation", traceID: "")
    ) { tx in
      let store = try SessionsStore(tx)
      guard let session = try store.find(grant: grant) else {
        try store.insert(
          UserSession(
            id: tx.freshID(), userID: nil, impersonatedBy: "control_plane", grantID: grant,
            reason: "taken back", createdAt: tx.now, expiresAt: tx.now, endedAt: nil,
            address: "", agent: ""))
        return
      }
      guard try store.end(session.id, at: tx.now, reason: "taken_back", by: "control_plane")
      else { return }
      try AuditLog(tx).append(
        AuditEvent(
          action: "impersonation.end", actor: .system, subject: session.id.text(.session),
          detail: [.init("by", "control_plane")]), at: tx.now)
      let (tenant, id) = (tx.tenant, session.id)
      tx.afterCommit { sessions.forget(tenant, session: id) }
    }
  }
}
