import Edge
import Hummingbird
import Wire

/// `/v1/tenants`.
struct TenantRoutes: Sendable {
  let services: AdminServices

  func register(on router: Router<EdgeContext>) {
    router.post("/v1/tenants", use: create)
    router.get("/v1/tenants", use: list)
    router.get("/v1/tenants/:id", use: show)
    router.patch("/v1/tenants/:id", use: change)
    router.get("/v1/tenants/:id/digest", use: digest)
  }

  @Sendable private func create(_ request: Request, _ context: EdgeContext) async throws
    -> Response
  {
    let body = try await AdminBody.read(request)
    let input = try body.decode(TenantInput.self).validated()
    let command = try AdminCommand(request, body, context, services)
    var response = try await TenantCommands(services: services).create(input, command).response
    response.headers[.cacheControl] = "no-store"
    return response
  }

  @Sendable private func list(_ request: Request, _ context: EdgeContext) async throws
    -> Page<TenantView>
  {
    let query = try ListQuery(request)
    let rows = try await services.store.read {
      try $0.tenants(after: query.after ?? "", limit: query.limit + 1)
    }
    return Page(rows.map { TenantView($0) }, query) { $0.id }
  }

  @Sendable private func show(_ request: Request, _ context: EdgeContext) async throws
    -> TenantView
  {
    let id = try AdminInput.tenantID(context)
    return TenantView(try await services.store.read { try $0.requireTenant(id) })
  }

  @Sendable private func change(_ request: Request, _ context: EdgeContext) async throws
    -> TenantView
  {
    let id = try AdminInput.tenantID(context)
    let patch = try await AdminBody.read(request).decode(TenantPatch.self)
    if let reason = patch.reason {
      _ = try AdminInput.text(reason, "reason", length: 0...ControlPlaneLimits.reasonLength)
    }
    if let name = patch.name {
      _ = try AdminInput.text(name, "name", length: 1...ControlPlaneLimits.nameLength)
    }
    let tenant = try await TenantCommands(services: services).change(
      id, patch, operatorID: try context.admin().id, trace: context.traceID)
    return TenantView(tenant)
  }
}
