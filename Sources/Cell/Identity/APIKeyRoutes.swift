import Edge
import Hummingbird
import Storage
import Wire

/// Making, listing and revoking API keys: by operators for a tenant, and by the tenant itself.
enum APIKeyRoutes {
  static func register(on routes: CellRoutes) {
    let services = routes.services
    routes.admin(.post, "/v1/tenants/:tenant/api-keys") { request, context in
      try await create(request, context, services)
    }
    routes.admin(.get, "/v1/tenants/:tenant/api-keys") { request, context in
      try await list(request, context, services)
    }
    routes.admin(.delete, "/v1/tenants/:tenant/api-keys/:id") { request, context in
      try await revoke(request, context, services)
    }
    routes.api(.post, "/v1/api-keys", .apiKeysWrite) { request, context in
      try await create(request, context, services)
    }
    routes.api(.get, "/v1/api-keys", .apiKeysRead) { request, context in
      try await list(request, context, services)
    }
    routes.api(.get, "/v1/api-keys/:id", .apiKeysRead) { _, context in
      try await show(context, services)
    }
    routes.api(.delete, "/v1/api-keys/:id", .apiKeysWrite) { request, context in
      try await revoke(request, context, services)
    }
  }

  /// The answer holds the key, which is shown once: it is kept sealed under its idempotency key,
  /// so that a repeat gets the same bytes and the files hold no secret.
  private static func create(
    _ request: Request, _ context: CellContext, _ services: CellServices
  ) async throws -> Response {
    let call = try await context.command(APIKeyInput.self, request, file: .sessions)
    let principal = try context.principal()
    let sealer = services.sealer
    let owner = "\(call.tenant)/api-key-answer"
    let input = call.input
    let answer = try await services.store.perform(call.tenant, call.origin, call.claim) { tx in
      let (key, text) = try APIKeyCommands.create(input, by: principal, tx)
      let body = try EdgeJSON.encode(APIKeyAnswer(key, text: text.text))
      return StoredAnswer(
        status: 201, contentType: "application/json",
        body: sealer.seal(body, owner: owner, nonce: tx.randomBytes(Sealer.nonceBytes)))
    }
    return StoredAnswer(
      status: answer.status, contentType: answer.contentType,
      body: try sealer.open(answer.body, owner: owner)
    ).response
  }

  private static func list(
    _ request: Request, _ context: CellContext, _ services: CellServices
  ) async throws -> Response {
    let query = try ListQuery(request)
    let after = try query.afterRow()
    let tenant = try context.tenant()
    let rows = try await services.store.read(tenant, [.sessions]) { snapshot in
      try APIKeysStore(snapshot).list(after: after, limit: query.limit + 1)
    }
    let page = Page(rows, query, key: \.id) { key in
      APIKeyAnswer(key, lastUse: services.keys.lastUse(tenant, publicID: key.publicID))
    }
    return try .json(page)
  }

  private static func show(
    _ context: CellContext, _ services: CellServices
  ) async throws -> Response {
    let id = try context.rowID("id", .apiKey)
    let tenant = try context.tenant()
    let found = try await services.store.read(tenant, [.sessions]) { snapshot in
      try APIKeysStore(snapshot).find(id)
    }
    guard let found else { throw Failure(.notFound, "there is no such API key") }
    return try .json(
      APIKeyAnswer(found, lastUse: services.keys.lastUse(tenant, publicID: found.publicID)))
  }

  private static func revoke(
    _ request: Request, _ context: CellContext, _ services: CellServices
  ) async throws -> Response {
    let id = try context.rowID("id", .apiKey)
    let keys = services.keys
    try await services.store.write(try context.tenant(), context.origin) { tx in
      try APIKeyCommands.revoke(id, keys: keys, tx)
    }
    return StoredAnswer.noContent.response
  }
}
