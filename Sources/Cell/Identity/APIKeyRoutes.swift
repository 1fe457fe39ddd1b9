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
    routes.admin(.patch, "/v1/tenants/:tenant/api-keys/:id") { request, context in
      try await change(request, context, services)
    }
    routes.admin(.post, "/v1/tenants/:tenant/api-keys/:id/rotate") { request, context in
      try await rotate(request, context, services)
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
    routes.api(.post, "/v1/api-keys/:id/rotate", .apiKeysWrite) { request, context in
      try await rotate(request, context, services)
    }
    routes.api(.patch, "/v1/api-keys/:id", .apiKeysWrite) { request, context in
      try await change(request, context, services)
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
    return try await keep(call, status: 201, context, services) { principal, actor, tx, input in
      try APIKeyCommands.create(input, by: principal, actor, tx)
    }
  }

  private struct Rotation: Decodable, Sendable {
    let overlapSeconds: Int64?
    private enum CodingKeys: String, CodingKey { case overlapSeconds = "overlap_seconds" }
  }
  private struct Change: Decodable, Sendable {
    let allowCIDRs: [String]
    private enum CodingKeys: String, CodingKey { case allowCIDRs = "allow_cidrs" }
  }

  private static func rotate(
    _ request: Request, _ context: CellContext, _ services: CellServices
  ) async throws -> Response {
    let id = try context.rowID("id", .apiKey)
    let call = try await context.command(Rotation.self, request, file: .sessions)
    let keys = services.keys
    return try await keep(call, status: 200, context, services) { principal, actor, tx, input in
      try APIKeyCommands.rotate(
        id, overlap: input.overlapSeconds ?? 86_400, by: principal, keys: keys, actor, tx)
    }
  }

  private static func change(
    _ request: Request, _ context: CellContext, _ services: CellServices
  ) async throws -> Response {
    let id = try context.rowID("id", .apiKey)
    let input = try EdgeJSON.decode(Change.self, from: try await context.bytes(request))
    let (principal, actor) = (try context.principal(), try context.actor())
    let keys = services.keys
    let key = try await services.store.write(try context.tenant(), context.origin) { tx in
      try APIKeyCommands.change(
        id, allowCIDRs: input.allowCIDRs, by: principal, keys: keys, actor, tx)
    }
    return try .json(APIKeyAnswer(key))
  }

  /// Runs a command that makes a secret; its answer is kept sealed.
  private static func keep<Input: Sendable>(
    _ call: CommandCall<Input>, status: Int, _ context: CellContext, _ services: CellServices,
    _ body:
      @escaping @Sendable (Principal, RequestActor, Transaction, Input) throws -> (
        APIKey, APIKeyText
      )
  ) async throws -> Response {
    let (principal, actor) = (try context.principal(), try context.actor())
    let sealer = services.sealer
    let owner = "\(call.tenant)/api-key-answer"
    let input = call.input
    let answer = try await services.store.perform(call.tenant, call.origin, call.claim) { tx in
      let (key, text) = try body(principal, actor, tx, input)
      return try StoredAnswer.json(status, APIKeyAnswer(key, text: text.text))
        .sealed(sealer, owner: owner, tx)
    }
    return try answer.opened(sealer, owner: owner).response
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
    let (keys, actor) = (services.keys, try context.actor())
    try await services.store.write(try context.tenant(), context.origin) { tx in
      try APIKeyCommands.revoke(id, keys: keys, actor, tx)
    }
    return StoredAnswer.noContent.response
  }
}
