/// Every route of the platform and who may use it: the one table.
///
/// Routers register by it: a route that is not in it cannot be registered in a cell and is answered
/// by nobody in the control plane. The documents say what it says, and the test of every route with
/// every role is made from it.
public enum PermissionTable {
  public static let rules: [RouteRule] = tenantRules + peopleRules + adminRules + platformRules

  private static let byRoute = Dictionary(
    uniqueKeysWithValues: rules.map { (key($0.host, $0.method, $0.path), $0) })

  /// The rule of a route; parameters of `path` may be written `{name}`, `:name` or `{}`.
  public static func rule(_ host: RouteRule.Host, _ method: String, _ path: String) -> RouteRule? {
    byRoute[key(host, method, normal(path))]
  }

  /// `path` with `{}` for every parameter.
  public static func normal(_ path: String) -> String {
    path.split(separator: "/", omittingEmptySubsequences: true).map { part in
      part.hasPrefix(":") || part.hasPrefix("{") ? "/{}" : "/\(part)"
    }.joined()
  }

  private static func key(_ host: RouteRule.Host, _ method: String, _ path: String) -> String {
    "\(host.rawValue) \(method) \(path)"
  }

  /// What a tenant's programs and people do with its data.
  private static let tenantRules: [RouteRule] = [
    .init(
      .api, "POST", "/v1/api-keys", .scopes(.apiKeysWrite), .own, impersonable: false),
    .init(.api, "GET", "/v1/api-keys", .scopes(.apiKeysRead)),
    .init(.api, "GET", "/v1/api-keys/{}", .scopes(.apiKeysRead)),
    .init(
      .api, "DELETE", "/v1/api-keys/{}", .scopes(.apiKeysWrite), .own, impersonable: false),
    .init(
      .api, "POST", "/v1/api-keys/{}/rotate", .scopes(.apiKeysWrite), .own,
      impersonable: false),
    .init(
      .api, "PATCH", "/v1/api-keys/{}", .scopes(.apiKeysWrite), .own, impersonable: false),
    .init(
      .api, "POST", "/v1/numbers", .scopes(.numbersWrite), .action("number.connect"),
      impersonable: false),
    .init(.api, "GET", "/v1/numbers", .scopes(.numbersRead)),
    .init(.api, "GET", "/v1/numbers/{}", .scopes(.numbersRead)),
    .init(
      .api, "DELETE", "/v1/numbers/{}", .scopes(.numbersWrite), .action("number.disconnect")),
    .init(
      .api, "PUT", "/v1/templates/{}/{}", .scopes(.templatesWrite), .action("template.put")),
    .init(.api, "GET", "/v1/templates", .scopes(.templatesRead)),
    .init(.api, "GET", "/v1/templates/{}/{}", .scopes(.templatesRead)),
    .init(.api, "POST", "/v1/contacts", .scopes(.contactsWrite)),
    .init(.api, "GET", "/v1/contacts", .scopes(.contactsRead)),
    .init(.api, "GET", "/v1/contacts/{}", .scopes(.contactsRead)),
    .init(.api, "PUT", "/v1/contacts/{}", .scopes(.contactsWrite)),
    .init(.api, "GET", "/v1/wallet", .scopes(.walletRead)),
    .init(.api, "GET", "/v1/wallet/entries", .scopes(.walletRead)),
    .init(.api, "GET", "/v1/prices", .scopes(.walletRead)),
    .init(
      .api, "POST", "/v1/campaigns", .scopes(.campaignsWrite), .action("campaign.create")),
    .init(.api, "GET", "/v1/campaigns", .scopes(.campaignsRead)),
    .init(.api, "GET", "/v1/campaigns/{}", .scopes(.campaignsRead)),
    .init(.api, "POST", "/v1/campaigns/{}/recipients", .scopes(.campaignsWrite)),
    .init(.api, "GET", "/v1/campaigns/{}/recipients", .scopes(.campaignsRead)),
    .init(
      .api, "POST", "/v1/campaigns/{}/start", .scopes(.campaignsWrite),
      .action("campaign.start")),
    .init(
      .api, "POST", "/v1/campaigns/{}/pause", .scopes(.campaignsWrite),
      .action("campaign.pause")),
    .init(
      .api, "POST", "/v1/campaigns/{}/resume", .scopes(.campaignsWrite),
      .action("campaign.resume")),
    .init(
      .api, "POST", "/v1/campaigns/{}/cancel", .scopes(.campaignsWrite),
      .action("campaign.cancel")),
    .init(.api, "POST", "/v1/messages", .scopes(.messagesWrite)),
    .init(.api, "GET", "/v1/messages", .scopes(.messagesRead)),
    .init(.api, "GET", "/v1/messages/{}", .scopes(.messagesRead)),
    .init(.api, "GET", "/v1/messages/{}/money", .scopes(.messagesRead)),
    .init(.api, "POST", "/v1/messages/{}/read", .scopes(.messagesWrite)),
    .init(.api, "GET", "/v1/webhook-events", .scopes(.messagesRead)),
  ]

  /// People, their sessions, and what was done.
  private static let peopleRules: [RouteRule] = [
    .init(.app, "POST", "/t/{}/v1/sessions", .open, .own),
    .init(.app, "POST", "/t/{}/v1/invitations/accept", .open, .own),
    .init(.app, "POST", "/t/{}/v1/password-resets", .open, .own),
    .init(.app, "POST", "/t/{}/v1/password-resets/confirm", .open, .own),
    .init(.app, "POST", "/t/{}/v1/email-verifications/confirm", .open, .own),
    .init(.app, "POST", "/t/{}/v1/impersonations", .open, .own),
    .init(.api, "POST", "/v1/sessions/refresh", .open, .own),
    .init(.api, "GET", "/v1/me", .person([])),
    .init(.api, "PUT", "/v1/me/password", .person([]), .own, impersonable: false),
    .init(.api, "POST", "/v1/me/email", .person([]), .own, impersonable: false),
    .init(.api, "POST", "/v1/me/totp", .person([]), .own, impersonable: false),
    .init(.api, "POST", "/v1/me/totp/confirm", .person([]), .own, impersonable: false),
    .init(.api, "POST", "/v1/me/totp/remove", .person([]), .own, impersonable: false),
    .init(.api, "GET", "/v1/me/sessions", .person([])),
    .init(.api, "DELETE", "/v1/me/sessions", .person([]), .own, impersonable: false),
    .init(.api, "DELETE", "/v1/me/sessions/{}", .person([]), .own),
    .init(.api, "GET", "/v1/sessions", .scopes(.sessionsRead)),
    .init(.api, "DELETE", "/v1/sessions/{}", .person(.sessionsWrite), .own, impersonable: false),
    .init(.api, "POST", "/v1/users", .person(.usersWrite), .own, impersonable: false),
    .init(.api, "GET", "/v1/users", .scopes(.usersRead)),
    .init(.api, "GET", "/v1/users/{}", .scopes(.usersRead)),
    .init(.api, "PATCH", "/v1/users/{}", .person(.usersWrite), .own, impersonable: false),
    .init(.api, "DELETE", "/v1/users/{}", .person(.usersWrite), .own, impersonable: false),
    .init(
      .api, "POST", "/v1/users/{}/invitation", .person(.usersWrite), .own, impersonable: false),
    .init(.api, "GET", "/v1/roles", .scopes(.usersRead)),
    .init(.api, "PUT", "/v1/roles/{}", .person(.usersWrite), .own, impersonable: false),
    .init(.api, "DELETE", "/v1/roles/{}", .person(.usersWrite), .own, impersonable: false),
    .init(.api, "GET", "/v1/access-review", .scopes(.usersRead)),
    .init(.api, "GET", "/v1/audit", .scopes(.auditRead)),
    .init(.api, "GET", "/v1/audit/checkpoint", .scopes(.auditRead)),
    .init(.api, "GET", "/v1/audit/inclusion", .scopes(.auditRead)),
    .init(.api, "GET", "/v1/audit/consistency", .scopes(.auditRead)),
    .init(.api, "GET", "/v1/audit/export", .scopes(.auditRead)),
    .init(.api, "GET", "/v1/alerts", .scopes(.auditRead)),
    .init(.api, "GET", "/v1/alert-channels", .scopes(.auditRead)),
    .init(
      .api, "PUT", "/v1/alert-channels/webhook", .person(.usersWrite), .own,
      impersonable: false),
    .init(
      .api, "PUT", "/v1/alert-channels/email", .person(.usersWrite), .own, impersonable: false),
    .init(
      .api, "DELETE", "/v1/alert-channels/webhook", .person(.usersWrite), .own,
      impersonable: false),
    .init(
      .api, "DELETE", "/v1/alert-channels/email", .person(.usersWrite), .own,
      impersonable: false),
    .init(.api, "GET", "/v1/security-events", .scopes(.auditRead)),
  ]

  /// What operators do for a tenant, answered by its cell.
  private static let adminRules: [RouteRule] = [
    .init(.admin, "POST", "/v1/tenants/{}/api-keys", .platform(.accessWrite), .own),
    .init(.admin, "GET", "/v1/tenants/{}/api-keys", .platform(.accessRead)),
    .init(.admin, "PATCH", "/v1/tenants/{}/api-keys/{}", .platform(.accessWrite), .own),
    .init(.admin, "POST", "/v1/tenants/{}/api-keys/{}/rotate", .platform(.accessWrite), .own),
    .init(.admin, "DELETE", "/v1/tenants/{}/api-keys/{}", .platform(.accessWrite), .own),
    .init(
      .admin, "PUT", "/v1/tenants/{}/prices", .platform(.moneyWrite), .action("price.change")),
    .init(.admin, "GET", "/v1/tenants/{}/prices", .platform(.moneyRead)),
    .init(
      .admin, "POST", "/v1/tenants/{}/wallet/top-ups", .platform(.moneyWrite),
      .action("wallet.top_up")),
    .init(.admin, "GET", "/v1/tenants/{}/wallet", .platform(.moneyRead)),
    .init(.admin, "GET", "/v1/tenants/{}/wallet/entries", .platform(.moneyRead)),
    .init(.admin, "POST", "/v1/tenants/{}/users", .platform(.accessWrite), .own),
    .init(.admin, "GET", "/v1/tenants/{}/users", .platform(.accessRead)),
    .init(.admin, "POST", "/v1/tenants/{}/users/{}/break-glass", .platform(.accessWrite), .own),
    .init(.admin, "GET", "/v1/tenants/{}/sessions", .platform(.accessRead)),
    .init(.admin, "DELETE", "/v1/tenants/{}/sessions/{}", .platform(.accessWrite), .own),
    .init(.admin, "GET", "/v1/tenants/{}/audit", .platform(.auditRead)),
    .init(.admin, "GET", "/v1/tenants/{}/audit/export", .platform(.auditRead)),
    .init(.admin, "GET", "/v1/tenants/{}/alerts", .platform(.auditRead)),
    .init(.admin, "GET", "/v1/tenants/{}/security-events", .platform(.auditRead)),
  ]

  /// What operators do with the platform, answered by the control plane.
  private static let platformRules: [RouteRule] = [
    .init(.admin, "POST", "/v1/tenants", .platform(.tenantsWrite), .own),
    .init(.admin, "GET", "/v1/tenants", .platform(.tenantsRead)),
    .init(.admin, "GET", "/v1/tenants/{}", .platform(.tenantsRead)),
    .init(.admin, "PATCH", "/v1/tenants/{}", .platform(.tenantsWrite), .own),
    .init(.admin, "GET", "/v1/tenants/{}/digest", .platform(.tenantsRead)),
    .init(.admin, "POST", "/v1/tenants/{}/impersonations", .platform(.impersonate), .own),
    .init(.admin, "GET", "/v1/impersonations", .platform(.impersonate)),
    .init(.admin, "DELETE", "/v1/impersonations/{}", .platform(.impersonate), .own),
    .init(.admin, "GET", "/v1/send-stops", .platform(.deliveryRead)),
    .init(.admin, "GET", "/v1/send-stops/{}/{}", .platform(.deliveryRead)),
    .init(.admin, "PUT", "/v1/send-stops/{}/{}", .platform(.deliveryWrite), .own),
    .init(.admin, "DELETE", "/v1/send-stops/{}/{}", .platform(.deliveryWrite), .own),
    .init(.admin, "PUT", "/v1/meta-apps/{}", .platform(.systemWrite), .own),
    .init(.admin, "GET", "/v1/meta-apps/{}", .platform(.systemRead)),
    .init(.admin, "GET", "/v1/quarantine", .platform(.deliveryRead)),
    .init(.admin, "POST", "/v1/quarantine/{}/replay", .platform(.deliveryWrite), .own),
    .init(.admin, "DELETE", "/v1/quarantine/{}", .platform(.deliveryWrite), .own),
    .init(.admin, "GET", "/v1/cells", .platform(.systemRead)),
    .init(.admin, "GET", "/v1/cells/{}", .platform(.systemRead)),
    .init(.admin, "POST", "/v1/cells/join-tokens", .platform(.systemWrite), .own),
    .init(.admin, "POST", "/v1/cells/{}/promote", .platform(.systemWrite), .own),
    .init(.admin, "POST", "/v1/cells/{}/drain", .platform(.systemWrite), .own),
    .init(.admin, "POST", "/v1/cells/{}/retire", .platform(.systemWrite), .own),
    .init(.admin, "POST", "/v1/rebalances", .platform(.systemWrite), .own),
    .init(.admin, "POST", "/v1/upgrades", .platform(.systemWrite), .own),
    .init(.admin, "POST", "/v1/rollbacks", .platform(.systemWrite), .own),
    .init(.admin, "GET", "/v1/format-ceiling", .platform(.systemRead)),
    .init(.admin, "POST", "/v1/format-ceiling", .platform(.systemWrite), .own),
    .init(.admin, "POST", "/v1/tenants/{}/moves", .platform(.systemWrite), .own),
    .init(.admin, "POST", "/v1/operations/{}/reverse", .platform(.systemWrite), .own),
    .init(.admin, "POST", "/v1/cells/{}/restore", .platform(.systemWrite), .own),
    .init(.admin, "POST", "/v1/tenants/{}/restores", .platform(.systemWrite), .own),
    .init(.admin, "POST", "/v1/tenants/{}/snapshots", .platform(.systemWrite), .own),
    .init(.admin, "GET", "/v1/restores/{}", .platform(.systemRead)),
    .init(.admin, "POST", "/v1/restores/{}/release", .platform(.systemWrite), .own),
    .init(.admin, "POST", "/v1/drills", .platform(.systemWrite), .own),
    .init(.admin, "GET", "/v1/operations", .platform(.systemRead)),
    .init(.admin, "GET", "/v1/operations/{}", .platform(.systemRead)),
    .init(.admin, "POST", "/v1/operations/{}/cancel", .platform(.systemWrite), .own),
    .init(.admin, "GET", "/v1/status", .platform(.systemRead)),
    .init(.admin, "POST", "/v1/operators/first", .open, .own),
    .init(.admin, "POST", "/v1/operators/totp-recovery", .open, .own),
    .init(.admin, "GET", "/v1/operators", .platform(.operatorsRead)),
    .init(.admin, "POST", "/v1/operators", .platform(.operatorsWrite), .own),
    .init(.admin, "DELETE", "/v1/operators/{}", .platform(.operatorsWrite), .own),
    .init(.admin, "DELETE", "/v1/operators/{}/totp", .platform(.operatorsWrite), .own),
    .init(.admin, "GET", "/v1/alert-channels", .platform(.auditRead)),
    .init(.admin, "PUT", "/v1/alert-channels/webhook", .platform(.operatorsWrite), .own),
    .init(.admin, "PUT", "/v1/alert-channels/email", .platform(.operatorsWrite), .own),
    .init(.admin, "DELETE", "/v1/alert-channels/webhook", .platform(.operatorsWrite), .own),
    .init(.admin, "DELETE", "/v1/alert-channels/email", .platform(.operatorsWrite), .own),
    .init(.admin, "GET", "/v1/me", .platform([])),
    .init(.admin, "POST", "/v1/me/totp", .platform([]), .own),
    .init(.admin, "POST", "/v1/me/totp/confirm", .platform([]), .own),
    .init(.admin, "POST", "/v1/me/totp/remove", .platform([]), .own),
    .init(.admin, "POST", "/v1/me/sessions", .platform([]), .own),
    .init(.admin, "DELETE", "/v1/me/sessions", .platform([]), .own),
    .init(.admin, "GET", "/v1/audit", .platform(.auditRead)),
    .init(.admin, "GET", "/v1/alerts", .platform(.auditRead)),
    .init(.admin, "GET", "/v1/audit/checkpoint", .platform(.auditRead)),
    .init(.admin, "GET", "/v1/audit/witness/{}", .platform(.auditRead)),
    .init(.admin, "POST", "/v1/audit/witness/{}/branch", .platform(.systemWrite), .own),
    .init(.admin, "GET", "/v1/audit/export", .platform(.auditRead)),
    .init(.admin, "GET", "/openapi.json", .open),
    .init(.api, "GET", "/openapi.json", .open),
  ]
}
