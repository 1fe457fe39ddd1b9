import Edge
import Hummingbird
import Logging

/// The cell's whole API: one line per context.
enum CellAPI {
  static func responder(
    _ services: CellServices, logger: Logger
  ) -> HTTPOverMessaging<CellContext> {
    HTTPOverMessaging(router: router(services), logger: logger)
  }

  static func router(_ services: CellServices) -> Router<CellContext> {
    let router = makeEdgeRouter(CellContext.self)
    let group = router.group()
      .add(middleware: Observing(windows: services.security.windows))
      .add(middleware: Authentication(keys: services.keys, identity: services.identity))
    let routes = CellRoutes(group, services)
    WalletRoutes.register(on: routes)
    PriceRoutes.register(on: routes)
    APIKeyRoutes.register(on: routes)
    SignInRoutes.register(on: routes)
    SessionRoutes.register(on: routes)
    MeRoutes.register(on: routes)
    PeopleRoutes.register(on: routes)
    AuditRoutes.register(on: routes)
    AlertChannelRoutes.register(on: routes)
    SecurityEventRoutes.register(on: routes)
    NumberRoutes.register(on: routes)
    ContactRoutes.register(on: routes)
    TemplateRoutes.register(on: routes)
    MessageRoutes.register(on: routes)
    CampaignRoutes.register(on: routes)
    WebhookRoutes.register(on: routes)
    return router
  }
}
