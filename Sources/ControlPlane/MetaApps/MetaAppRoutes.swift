import Edge
import Hummingbird
import Storage
import Wire

/// `PUT /v1/meta-apps/{app}`.
struct MetaAppRoutes: Sendable {
  struct Input: Decodable, Sendable {
    let appSecret: String
    let previousAppSecret: String?
    let verifyToken: String
    let tenantID: TenantID?

    enum CodingKeys: String, CodingKey {
      case appSecret = "app_secret"
      case previousAppSecret = "previous_app_secret"
      case verifyToken = "verify_token"
      case tenantID = "tenant_id"
    }
  }

  /// Secrets go in and are never shown again.
  struct View: ResponseEncodable, Sendable {
    let app: String
    let webhookURL: String
    let secretSet: Bool
    let previousSecretSet: Bool
    let tenantID: String?

    enum CodingKeys: String, CodingKey {
      case app
      case webhookURL = "webhook_url"
      case secretSet = "secret_set"
      case previousSecretSet = "previous_secret_set"
      case tenantID = "tenant_id"
    }
  }

  let services: AdminServices

  func register(on router: Router<EdgeContext>) {
    router.put("/v1/meta-apps/:app", use: put)
    router.get("/v1/meta-apps/:app", use: show)
  }

  @Sendable private func put(_ request: Request, _ context: EdgeContext) async throws -> View {
    let id = try Self.app(context)
    let input = try await AdminBody.read(request).decode(Input.self)
    let length = 1...ControlPlaneLimits.secretLength
    _ = try AdminInput.text(input.appSecret, "app_secret", length: length)
    _ = try AdminInput.text(input.verifyToken, "verify_token", length: length)
    if let previous = input.previousAppSecret {
      _ = try AdminInput.text(previous, "previous_app_secret", length: length)
    }
    let operatorID = try context.admin().id
    let trace = context.traceID
    let sealer = services.sealer
    try await services.store.write(trace: trace) { transaction, rows in
      if let tenant = input.tenantID, try rows.tenant(tenant) == nil {
        throw Failure(.invalidField, "tenant_id: no such tenant")
      }
      let app = MetaApp(
        id: id, appSecret: input.appSecret, previousAppSecret: input.previousAppSecret,
        verifyToken: input.verifyToken, tenant: input.tenantID,
        version: try rows.raiseVersion())
      try rows.put(try sealer.seal(app) { transaction.randomBytes(12) })
      try rows.append(
        AuditEntry(
          operatorID: operatorID, action: "meta_app.set", subject: id.rawValue, detail: "",
          traceID: trace), id: transaction.freshID(), at: transaction.now)
    }
    try await services.map.refresh()
    return view(id, hasPrevious: input.previousAppSecret != nil, tenant: input.tenantID)
  }

  @Sendable private func show(_ request: Request, _ context: EdgeContext) async throws -> View {
    let id = try Self.app(context)
    guard let app = try await services.store.read({ try $0.metaApp(id) }) else {
      throw Failure(.notFound, "no such Meta app")
    }
    return view(id, hasPrevious: app.previousAppSecret != nil, tenant: app.tenant)
  }

  private func view(_ id: MetaAppID, hasPrevious: Bool, tenant: TenantID?) -> View {
    View(
      app: id.rawValue, webhookURL: "\(services.configuration.apiURL)/webhooks/whatsapp/\(id)",
      secretSet: true, previousSecretSet: hasPrevious, tenantID: tenant?.rawValue)
  }

  private static func app(_ context: EdgeContext) throws(Failure) -> MetaAppID {
    guard let id = MetaAppID(try context.parameter("app")) else {
      throw Failure(.invalidField, "app must be 1 to 64 of a-z A-Z 0-9 _ -")
    }
    return id
  }
}
