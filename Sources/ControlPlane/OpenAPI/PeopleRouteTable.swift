import Edge
import Wire

/// The routes of people, their sessions, and what was done; on the app and the api host.
enum PeopleRouteTable {
  static let routes: [DescribedRoute] = signIn + own + people + audit

  private static let signIn: [DescribedRoute] = [
    .init(
      .app, "POST", "/t/{slug}/v1/sessions", "Sign in", tag: "Sessions", authentication: .open,
      body: .json("SignInInput"), answer: .json(201, "SessionTokens"),
      refusals: [.unauthenticated, .secondFactorRequired, .rateLimited]),
    .init(
      .app, "POST", "/t/{slug}/v1/invitations/accept", "Accept an invitation", tag: "People",
      authentication: .open, body: .json("AcceptInput"), answer: .json(200, "Person"),
      refusals: [.unauthenticated, .invalidField]),
    .init(
      .app, "POST", "/t/{slug}/v1/password-resets",
      "Ask for a letter with a way to a new password; answered alike for any address",
      tag: "Sessions", authentication: .open, body: .json("ForgotInput"), answer: .empty(202)),
    .init(
      .app, "POST", "/t/{slug}/v1/password-resets/confirm", "Set a new password", tag: "Sessions",
      authentication: .open, body: .json("ResetInput"), answer: .empty(204),
      refusals: [.unauthenticated, .invalidField]),
    .init(
      .app, "POST", "/t/{slug}/v1/email-verifications/confirm",
      "Confirm an e-mail address by its letter; ends the person's other sessions", tag: "People",
      authentication: .open, body: .json("EmailConfirmInput"), answer: .empty(204),
      refusals: [.unauthenticated, .emailTaken]),
    .init(
      .app, "POST", "/t/{slug}/v1/impersonations", "Use an operator's grant, once",
      tag: "Sessions", authentication: .open, body: .json("GrantInput"),
      answer: .json(201, "SessionTokens"), refusals: [.unauthenticated]),
    .init(
      .api, "POST", "/v1/sessions/refresh",
      "The next pair of tokens; the refresh token stands behind Bearer", tag: "Sessions",
      authentication: .sessionToken, answer: .json(200, "SessionTokens"),
      refusals: [.unauthenticated]),
  ]

  private static let own: [DescribedRoute] = [
    .init(
      .api, "GET", "/v1/me", "Who I am", tag: "People", authentication: .sessionToken,
      answer: .json(200, "Me")),
    .init(
      .api, "PUT", "/v1/me/password", "Change my password; ends my other sessions",
      tag: "People", authentication: .sessionToken, body: .json("PasswordChange"),
      answer: .empty(204), refusals: [.forbidden, .invalidField]),
    .init(
      .api, "POST", "/v1/me/email",
      "Verify my e-mail address, or change it: a letter goes there", tag: "People",
      authentication: .sessionToken, body: .json("EmailInput"), answer: .empty(202),
      refusals: [.forbidden, .invalidField]),
    .init(
      .api, "POST", "/v1/me/totp", "Begin with a second factor", tag: "People",
      authentication: .sessionToken, answer: .json(201, "Enrolment"), refusals: [.alreadyDone]),
    .init(
      .api, "POST", "/v1/me/totp/confirm", "Confirm it with a code", tag: "People",
      authentication: .sessionToken, body: .json("CodeInput"),
      answer: .json(200, "RecoveryCodes"), refusals: [.invalidState]),
    .init(
      .api, "POST", "/v1/me/totp/remove", "Do without a second factor", tag: "People",
      authentication: .sessionToken, body: .json("PasswordInput"), answer: .empty(204),
      refusals: [.forbidden]),
    .init(
      .api, "GET", "/v1/me/sessions", "My sessions", tag: "Sessions",
      authentication: .sessionToken, answer: .list("Session")),
    .init(
      .api, "DELETE", "/v1/me/sessions", "End all my sessions", tag: "Sessions",
      authentication: .sessionToken, answer: .empty(204)),
    .init(
      .api, "DELETE", "/v1/me/sessions/{id}", "End one of my sessions; `current` for this one",
      tag: "Sessions", authentication: .sessionToken, answer: .empty(204),
      refusals: [.notFound]),
  ]

  private static let people: [DescribedRoute] = [
    .init(
      .api, "GET", "/v1/sessions", "Everybody's sessions, operators' included", tag: "Sessions",
      answer: .list("Session")),
    .init(
      .api, "DELETE", "/v1/sessions/{id}", "End a session", tag: "Sessions",
      authentication: .sessionToken, answer: .empty(204), refusals: [.notFound]),
    .init(
      .api, "POST", "/v1/users", "Invite a person", tag: "People",
      authentication: .sessionToken, body: .json("PersonInput"), answer: .json(201, "Person"),
      refusals: [.forbidden, .emailTaken]),
    .init(.api, "GET", "/v1/users", "List people", tag: "People", answer: .list("Person")),
    .init(
      .api, "GET", "/v1/users/{id}", "Show a person", tag: "People",
      answer: .json(200, "Person"), refusals: [.notFound]),
    .init(
      .api, "PATCH", "/v1/users/{id}", "Change a person's name, role or state", tag: "People",
      authentication: .sessionToken, body: .json("PersonPatch"), answer: .json(200, "Person"),
      refusals: [.notFound, .forbidden, .lastOwner]),
    .init(
      .api, "DELETE", "/v1/users/{id}", "Remove a person", tag: "People",
      authentication: .sessionToken, answer: .empty(204),
      refusals: [.notFound, .forbidden, .lastOwner], keepsAnswer: true),
    .init(
      .api, "POST", "/v1/users/{id}/invitation", "Invite a person again", tag: "People",
      authentication: .sessionToken, answer: .json(200, "Person"),
      refusals: [.notFound, .invalidState]),
    .init(.api, "GET", "/v1/roles", "List roles", tag: "People", answer: .list("Role")),
    .init(
      .api, "PUT", "/v1/roles/{name}", "Make or change a role of your own", tag: "People",
      authentication: .sessionToken, body: .json("RoleInput"), answer: .json(200, "Role"),
      refusals: [.forbidden, .conflict]),
    .init(
      .api, "DELETE", "/v1/roles/{name}", "Remove a role that nobody has", tag: "People",
      authentication: .sessionToken, answer: .empty(204), refusals: [.notFound, .conflict],
      keepsAnswer: true),
    .init(
      .api, "GET", "/v1/access-review", "Who may do what", tag: "People",
      answer: .list("Person")),
    .init(
      .api, "POST", "/v1/api-keys/{id}/rotate",
      "Give an API key another secret; both work for a while", tag: "API keys",
      body: .json("RotationInput"), answer: .json(200, "APIKey"), refusals: [.notFound]),
    .init(
      .api, "PATCH", "/v1/api-keys/{id}", "Change an API key's address list", tag: "API keys",
      body: .json("AllowListInput"), answer: .json(200, "APIKey"), refusals: [.notFound]),
  ]

  private static let audit: [DescribedRoute] = [
    .init(
      .api, "GET", "/v1/audit", "The audit log, newest first", tag: "Audit",
      answer: .list("AuditEvent"), query: ["action"]),
    .init(
      .api, "GET", "/v1/alerts", "What is worth a look, newest first", tag: "Audit",
      answer: .list("AuditEvent")),
    .init(
      .api, "GET", "/v1/alert-channels", "Where alerts go", tag: "Audit",
      answer: .list("AlertChannel")),
    .init(
      .api, "PUT", "/v1/alert-channels/webhook", "Post alerts to a server, signed", tag: "Audit",
      authentication: .sessionToken, body: .json("AlertWebhookInput"),
      answer: .json(200, "AlertChannel"), refusals: [.invalidField]),
    .init(
      .api, "PUT", "/v1/alert-channels/email", "Send alerts by e-mail", tag: "Audit",
      authentication: .sessionToken, body: .json("AlertEmailInput"),
      answer: .json(200, "AlertChannel"), refusals: [.invalidField]),
    .init(
      .api, "DELETE", "/v1/alert-channels/webhook", "Post alerts no more", tag: "Audit",
      authentication: .sessionToken, answer: .empty(204), refusals: [.notFound],
      keepsAnswer: true),
    .init(
      .api, "DELETE", "/v1/alert-channels/email", "Send alerts by e-mail no more", tag: "Audit",
      authentication: .sessionToken, answer: .empty(204), refusals: [.notFound],
      keepsAnswer: true),
    .init(
      .api, "GET", "/v1/security-events",
      "What each principal did, by the minute, newest first", tag: "Audit",
      answer: .list("SecurityEvent"), query: ["principal"]),
    .init(
      .api, "GET", "/v1/audit/checkpoint", "The log's signed checkpoint", tag: "Audit",
      answer: .json(200, "TenantCheckpoint")),
    .init(
      .api, "GET", "/v1/audit/inclusion", "Prove that an entry is in the log", tag: "Audit",
      answer: .json(200, "AuditProof"), query: ["sequence", "size"]),
    .init(
      .api, "GET", "/v1/audit/consistency", "Prove that the log only grew", tag: "Audit",
      answer: .json(200, "AuditProof"), query: ["from", "to"]),
    .init(
      .api, "GET", "/v1/audit/export", "The log as OCSF events, a page", tag: "Audit",
      answer: .lines(200), query: ["from", "to"]),
  ]

  /// What operators do with a tenant's people and log; answered by its cell.
  static let ofOperators: [DescribedRoute] = [
    .init(
      .admin, "POST", "/v1/tenants/{id}/users", "Invite a tenant's person", tag: "People",
      body: .json("PersonInput"), answer: .json(201, "Person"),
      refusals: [.notFound, .emailTaken]),
    .init(
      .admin, "GET", "/v1/tenants/{id}/users", "List a tenant's people", tag: "People",
      answer: .list("Person"), refusals: [.notFound]),
    .init(
      .admin, "POST", "/v1/tenants/{id}/users/{user_id}/break-glass",
      "A way in for a person whom no letter reaches, once, with a reason", tag: "People",
      body: .json("BreakGlassInput"), answer: .json(201, "Person"),
      refusals: [.notFound, .invalidState]),
    .init(
      .admin, "GET", "/v1/tenants/{id}/sessions", "List a tenant's sessions", tag: "Sessions",
      answer: .list("Session"), refusals: [.notFound]),
    .init(
      .admin, "DELETE", "/v1/tenants/{id}/sessions/{session_id}", "End a tenant's session",
      tag: "Sessions", answer: .empty(204), refusals: [.notFound]),
    .init(
      .admin, "GET", "/v1/tenants/{id}/audit", "A tenant's audit log, newest first",
      tag: "Audit", answer: .list("AuditEvent"), query: ["action"], refusals: [.notFound]),
    .init(
      .admin, "GET", "/v1/tenants/{id}/audit/export", "The log as OCSF events, a page",
      tag: "Audit", answer: .lines(200), query: ["from", "to"], refusals: [.notFound]),
    .init(
      .admin, "GET", "/v1/tenants/{id}/alerts", "A tenant's alerts, newest first",
      tag: "Audit", answer: .list("AuditEvent"), refusals: [.notFound]),
    .init(
      .admin, "GET", "/v1/tenants/{id}/security-events",
      "What each principal of a tenant did, by the minute, newest first", tag: "Audit",
      answer: .list("SecurityEvent"), query: ["principal"], refusals: [.notFound]),
  ]

  /// Operators, their grants, and what they did; answered by the control plane.
  static let ofPlatform: [DescribedRoute] = [
    .init(
      .admin, "GET", "/v1/audit/witness/{id}",
      "What the witness signed last of a tenant's log", tag: "Audit",
      answer: .json(200, "Checkpoint"), refusals: [.notFound]),
    .init(
      .admin, "POST", "/v1/audit/witness/{id}/branch",
      "Accept that the end of a tenant's log was lost: it goes on from an earlier point, once",
      tag: "Audit", body: .json("BranchInput"), answer: .empty(204), refusals: [.notFound]),
    .init(
      .admin, "GET", "/v1/alerts", "Operators' acts that are worth a look, newest first",
      tag: "Audit", answer: .list("OperatorAct")),
    .init(
      .admin, "POST", "/v1/tenants/{id}/impersonations",
      "Grant yourself to act in a tenant's name for a while", tag: "Impersonation",
      body: .json("ImpersonationInput"), answer: .json(201, "Impersonation"),
      refusals: [.notFound]),
    .init(
      .admin, "GET", "/v1/impersonations", "List grants, newest first", tag: "Impersonation",
      answer: .list("Impersonation")),
    .init(
      .admin, "DELETE", "/v1/impersonations/{id}", "Take a grant back, and end its session",
      tag: "Impersonation", answer: .empty(204), refusals: [.notFound, .cellUnavailable]),
    .init(
      .admin, "GET", "/v1/operators", "List operators", tag: "Operators",
      answer: .list("Operator")),
    .init(
      .admin, "POST", "/v1/operators", "Create an operator below your own level",
      tag: "Operators", body: .json("OperatorInput"), answer: .json(201, "Operator"),
      refusals: [.forbidden]),
    .init(
      .admin, "DELETE", "/v1/operators/{id}", "Remove an operator", tag: "Operators",
      answer: .empty(204), refusals: [.notFound, .forbidden, .lastOwner], keepsAnswer: true),
    .init(
      .admin, "DELETE", "/v1/operators/{id}/totp", "Take away another's second factor",
      tag: "Operators", answer: .empty(204), refusals: [.notFound, .forbidden],
      keepsAnswer: true),
    .init(
      .admin, "GET", "/v1/alert-channels", "Where the platform's alerts go", tag: "Audit",
      answer: .list("AlertChannel")),
    .init(
      .admin, "PUT", "/v1/alert-channels/webhook", "Post them to a server, signed", tag: "Audit",
      body: .json("AlertWebhookInput"), answer: .json(200, "AlertChannel"),
      refusals: [.invalidField]),
    .init(
      .admin, "PUT", "/v1/alert-channels/email", "Send them by e-mail", tag: "Audit",
      body: .json("AlertEmailInput"), answer: .json(200, "AlertChannel"),
      refusals: [.invalidField]),
    .init(
      .admin, "DELETE", "/v1/alert-channels/webhook", "Post them no more", tag: "Audit",
      answer: .empty(204), refusals: [.notFound], keepsAnswer: true),
    .init(
      .admin, "DELETE", "/v1/alert-channels/email", "Send them by e-mail no more", tag: "Audit",
      answer: .empty(204), refusals: [.notFound], keepsAnswer: true),
    .init(
      .admin, "GET", "/v1/me", "Who I am", tag: "Operators", answer: .json(200, "OperatorSelf")),
    .init(
      .admin, "POST", "/v1/me/totp", "Begin with a second factor", tag: "Operators",
      answer: .json(201, "Enrolment"), refusals: [.alreadyDone]),
    .init(
      .admin, "POST", "/v1/me/totp/confirm", "Confirm it with a code", tag: "Operators",
      body: .json("CodeInput"), answer: .json(200, "RecoveryCodes"),
      refusals: [.invalidState, .forbidden, .rateLimited]),
    .init(
      .admin, "POST", "/v1/me/totp/remove", "Do without a second factor", tag: "Operators",
      body: .json("CodeInput"), answer: .empty(204),
      refusals: [.invalidState, .forbidden, .rateLimited]),
    .init(
      .admin, "POST", "/v1/me/sessions", "A session, for the token and a code", tag: "Operators",
      body: .json("CodeInput"), answer: .json(201, "OperatorSession"),
      refusals: [.invalidState, .forbidden, .rateLimited]),
    .init(
      .admin, "DELETE", "/v1/me/sessions", "End all of my sessions", tag: "Operators",
      answer: .empty(204)),
    .init(
      .admin, "GET", "/v1/audit", "What operators did, newest first", tag: "Audit",
      answer: .list("OperatorAct")),
    .init(
      .admin, "GET", "/v1/audit/checkpoint", "The platform log's signed checkpoint",
      tag: "Audit", answer: .json(200, "Checkpoint")),
    .init(
      .admin, "GET", "/v1/audit/export", "The platform's log as OCSF events, a page",
      tag: "Audit", answer: .lines(200), query: ["from", "to"]),
  ]
}
