/// Shapes of people, sessions, impersonation and audit.
extension Schemas {
  private static let role = words("super_admin", "operator", "reseller", "support")

  static let people: KeyValuePairsList = [
    (
      "SignInInput",
      object(["email": string, "password": string, "code?": string, "recovery_code?": string])
    ),
    ("AcceptInput", object(["token": string, "password": string, "name?": string])),
    ("ForgotInput", object(["email": string])),
    ("ResetInput", object(["token": string, "password": string])),
    ("GrantInput", object(["grant": string])),
    ("PasswordInput", object(["password": string])),
    ("PasswordChange", object(["password": string, "new_password": string])),
    ("CodeInput", object(["code": string])),
    ("EmailInput", object(["email": string, "password": string])),
    ("EmailConfirmInput", object(["token": string])),
    ("Enrolment", object(["secret": string, "uri": string])),
    ("RecoveryCodes", object(["recovery_codes": strings])),
    (
      "SessionTokens",
      object([
        "session_id": string, "access_token": string, "access_expires_at": time,
        "refresh_token": nullable(string), "refresh_expires_at": nullable(time),
        "session_expires_at": time, "is_impersonation": boolean,
      ])
    ),
    (
      "Session",
      object([
        "id": string, "user_id": nullable(string), "is_impersonation": boolean,
        "impersonated_by": nullable(string), "reason": nullable(string), "created_at": time,
        "expires_at": time, "address": string, "agent": string, "renewals": integer,
      ])
    ),
    (
      "Me",
      object([
        "id": string, "email": nullable(string), "name": nullable(string),
        "role": nullable(string), "power": integer, "scopes": strings, "totp": boolean,
        "email_verified": boolean,
        "is_impersonation": boolean, "impersonated_by": nullable(string),
      ])
    ),
    ("PersonInput", object(["email": string, "name": string, "role": string])),
    ("PersonPatch", object(["name?": string, "role?": string, "disabled?": boolean])),
    ("BreakGlassInput", object(["reason": string])),
    (
      "Person",
      object([
        "id": string, "email": string, "name": string, "role": string, "power?": integer,
        "state": words("invited", "active", "disabled"), "created_at": time,
        "created_by": string, "token?": string,
      ])
    ),
    ("RoleInput", object(["power": integer, "scopes": strings])),
    (
      "Role",
      object(["name": string, "power": integer, "scopes": strings, "built_in": boolean])
    ),
    ("RotationInput", object(["overlap_seconds?": integer])),
    ("AllowListInput", object(["allow_cidrs": strings])),
  ]

  static let audit: KeyValuePairsList = [
    ("BranchInput", object(["reason": string])),
    ("AlertWebhookInput", object(["url": string, "secret": string])),
    ("AlertEmailInput", object(["addresses": strings])),
    (
      "AlertChannel",
      object([
        "kind": words("webhook", "email"), "url": nullable(string), "secret_set": boolean,
        "addresses": strings, "failures": integer, "failing_since": nullable(time),
        "last_error": string,
      ])
    ),
    (
      "SecurityEvent",
      object([
        "at": time,
        "principal_kind": words("api_key", "user", "operator", "system", "anonymous"),
        "principal": string, "version": integer, "window_seconds": integer, "hour": integer,
        "weekday": integer, "requests": integer, "rate_per_minute": integer,
        "refused": integer, "failed": integer, "failure_permille": integer,
        "distinct_routes": integer, "addresses": integer, "new_addresses": integer,
        "agents": integer, "new_agents": integer, "request_bytes": integer,
        "response_bytes": integer, "spend_micros": integer,
      ])
    ),
    (
      "AuditEvent",
      object([
        "sequence": integer, "at": time, "action": string,
        "actor_kind": words("api_key", "user", "operator", "system", "anonymous"),
        "actor": string, "session": nullable(string), "impersonated_by": nullable(string),
        "subject": string, "outcome": words("success", "refused"), "detail": anything,
        "address": string, "trace_id": string,
      ])
    ),
    (
      "TenantCheckpoint",
      object([
        "size": integer, "root": string, "checkpoint": string, "key": string,
        "witnessed": nullable(string),
      ])
    ),
    (
      "Checkpoint",
      object(["size": integer, "root": string, "checkpoint": string, "key": string])
    ),
    ("AuditProof", object(["hashes": strings, "root": string, "leaf?": string])),
    (
      "OperatorAct",
      object([
        "sequence": integer, "at": time, "operator": string, "action": string,
        "subject": string, "detail": string, "trace_id": string,
      ])
    ),
    ("ImpersonationInput", object(["reason": string, "minutes?": integer])),
    (
      "Impersonation",
      object([
        "id": string, "operator": string, "tenant": string, "cell": string, "reason": string,
        "issued_at": time, "expires_at": time, "ended_at": nullable(time), "grant?": string,
      ])
    ),
    ("OperatorInput", object(["name": string, "role": role])),
    (
      "Operator",
      object([
        "id": string, "name": string, "role": role, "power": integer, "created_at": time,
        "second_factor": boolean, "token?": string,
      ])
    ),
    (
      "OperatorSelf",
      object([
        "id": string, "name": string, "role": role, "power": integer, "second_factor": boolean,
        "session_expires_at?": time,
      ])
    ),
    ("FactorRecoveryInput", object(["operator": string])),
    ("OperatorSession", object(["id": string, "token": string, "expires_at": time])),
  ]
}
