import Edge
import Hummingbird
import Trust
import Wire

/// Every route of the admin host that the control plane answers.
enum AdminRoutes {
  /// Answered without an operator token: the document, and the acts that take a proof of the
  /// deployment's key.
  static let openPaths: Set<String> = [
    "/openapi.json", "/v1/operators/first", OperatorSessionRoutes.recovery,
  ]

  /// The rule of what a tenant's cell answers: `/v1/tenants/{id}/…` as the table writes it.
  static func tenantRule(_ method: String, _ path: String) -> RouteRule? {
    let parts = path.split(separator: "/")
    return PermissionTable.rules.first { rule in
      guard rule.host == .admin, rule.method == method else { return false }
      let pattern = rule.path.split(separator: "/")
      return pattern.count == parts.count
        && zip(pattern, parts).allSatisfy { $0 == "{}" || $0 == $1 }
    }
  }

  static func router(_ services: AdminServices) -> Router<EdgeContext> {
    let router = makeEdgeRouter(EdgeContext.self)
    router.add(middleware: OperatorAuthentication(store: services.store, clock: services.clock))
    OperatorRoutes(services: services).register(on: router)
    OperatorSessionRoutes(services: services).register(on: router)
    TenantRoutes(services: services).register(on: router)
    ImpersonationRoutes(services: services).register(on: router)
    AuditRoutes(services: services).register(on: router)
    AlertChannelRoutes(services: services).register(on: router)
    TenantForwarding(services: services).register(on: router)
    SendStopRoutes(services: services).register(on: router)
    MetaAppRoutes(services: services).register(on: router)
    QuarantineRoutes(services: services).register(on: router)
    CellRoutes(services: services).register(on: router)
    PromoteRoute(services: services).register(on: router)
    CellRestoreRoute(services: services).register(on: router)
    OperationRoutes(services: services).register(on: router)
    RestoreRoutes(services: services).register(on: router)
    MoveRoutes(services: services).register(on: router)
    RebalanceRoutes(services: services).register(on: router)
    UpgradeRoutes(services: services).register(on: router)
    StatusRoutes(services: services).register(on: router)
    OpenAPIRoutes().register(on: router)
    return router
  }
}
