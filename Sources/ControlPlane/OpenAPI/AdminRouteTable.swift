import Wire

/// The admin host's routes.
enum AdminRouteTable {
  static let routes: [DescribedRoute] =
    tenants + moves + restores + answeredByCells + platform + PeopleRouteTable.ofPlatform

  /// What the tenant's cell answers.
  static let answeredByCells =
    (tenantOwned + PeopleRouteTable.ofOperators).map(\.readAtFollowers)

  private static let tenants: [DescribedRoute] = [
    .init(
      .admin, "POST", "/v1/tenants", "Create a tenant", tag: "Tenants",
      body: .json("TenantInput"), answer: .json(201, "Tenant"),
      refusals: [.slugTaken, .cellFull, .cellUnavailable]),
    .init(.admin, "GET", "/v1/tenants", "List tenants", tag: "Tenants", answer: .list("Tenant")),
    .init(
      .admin, "GET", "/v1/tenants/{id}", "Show a tenant", tag: "Tenants",
      answer: .json(200, "Tenant"), refusals: [.notFound]),
    .init(
      .admin, "PATCH", "/v1/tenants/{id}", "Change a tenant's state, with a reason", tag: "Tenants",
      body: .json("TenantPatch"), answer: .json(200, "Tenant"),
      refusals: [.notFound, .invalidState]),
    .init(
      .admin, "GET", "/v1/tenants/{id}/digest", "Digests of a tenant's files", tag: "Tenants",
      answer: .json(200, "Digest"), query: ["recompute", "cell"],
      refusals: [.notFound, .invalidField, .cellUnavailable]),
  ]

  private static let moves: [DescribedRoute] = [
    .init(
      .admin, "POST", "/v1/tenants/{id}/moves", "Move a tenant to another cell, while it is served",
      tag: "Moves", body: .json("MoveInput"), answer: .json(202, "Operation"),
      refusals: [.notFound, .invalidState, .conflict, .cellFull, .cellUnavailable]),
    .init(
      .admin, "POST", "/v1/operations/{id}/reverse", "Move a tenant back, within a day",
      tag: "Moves", answer: .json(202, "Operation"),
      refusals: [.notFound, .invalidState, .conflict, .cellFull, .cellUnavailable]),
  ]

  private static let restores: [DescribedRoute] = [
    .init(
      .admin, "POST", "/v1/tenants/{id}/restores",
      "Restore a tenant from the archive: as a fork beside it, or in its place", tag: "Restores",
      body: .json("RestoreInput"), answer: .json(202, "Operation"),
      refusals: [.notFound, .invalidState, .cellUnavailable]),
    .init(
      .admin, "POST", "/v1/tenants/{id}/snapshots", "Take a snapshot of a tenant now",
      tag: "Restores", answer: .json(202, "Operation"), refusals: [.notFound]),
    .init(
      .admin, "GET", "/v1/restores/{id}", "Show a restore", tag: "Restores",
      answer: .json(200, "Restore"), refusals: [.notFound]),
    .init(
      .admin, "POST", "/v1/restores/{id}/release",
      "Let what a restore or promotion keeps back be sent", tag: "Restores",
      body: .optionalJSON("ReleaseInput"), answer: .json(200, "Restore"),
      refusals: [.notFound, .invalidState, .conflict, .restoreNotAccepted]),
    .init(
      .admin, "POST", "/v1/drills", "Restore every tenant from the archive and report",
      tag: "Restores", answer: .json(202, "Operation")),
  ]

  private static let tenantOwned: [DescribedRoute] = [
    .init(
      .admin, "POST", "/v1/tenants/{id}/api-keys", "Create an API key of a tenant",
      tag: "API keys", body: .json("APIKeyInput"), answer: .json(201, "APIKey"),
      refusals: [.notFound]),
    .init(
      .admin, "GET", "/v1/tenants/{id}/api-keys", "List a tenant's API keys", tag: "API keys",
      answer: .list("APIKey"), refusals: [.notFound]),
    .init(
      .admin, "POST", "/v1/tenants/{id}/api-keys/{key_id}/rotate",
      "Give a tenant's API key another secret; both work for a while", tag: "API keys",
      body: .json("RotationInput"), answer: .json(200, "APIKey"), refusals: [.notFound]),
    .init(
      .admin, "PATCH", "/v1/tenants/{id}/api-keys/{key_id}",
      "Change the address list of a tenant's API key", tag: "API keys",
      body: .json("AllowListInput"), answer: .json(200, "APIKey"), refusals: [.notFound]),
    .init(
      .admin, "DELETE", "/v1/tenants/{id}/api-keys/{key_id}", "Revoke an API key of a tenant",
      tag: "API keys", answer: .empty(204), refusals: [.notFound]),
    .init(
      .admin, "PUT", "/v1/tenants/{id}/prices", "Set a tenant's prices", tag: "Wallet",
      body: .json("PriceInput"), answer: .json(200, "Prices"),
      refusals: [.notFound, .currencyMismatch]),
    .init(
      .admin, "GET", "/v1/tenants/{id}/prices", "Show a tenant's prices", tag: "Wallet",
      answer: .json(200, "Prices"), refusals: [.notFound]),
    .init(
      .admin, "POST", "/v1/tenants/{id}/wallet/top-ups", "Top up a tenant's wallet", tag: "Wallet",
      body: .json("TopUpInput"), answer: .json(201, "TopUp"),
      refusals: [.notFound, .currencyMismatch]),
    .init(
      .admin, "GET", "/v1/tenants/{id}/wallet", "Show a tenant's wallet", tag: "Wallet",
      answer: .json(200, "Wallet"), refusals: [.notFound]),
    .init(
      .admin, "GET", "/v1/tenants/{id}/wallet/entries", "List a tenant's ledger entries",
      tag: "Wallet", answer: .list("LedgerEntry"), query: ["from", "to"], refusals: [.notFound]),
  ]

  private static let platform: [DescribedRoute] = [
    .init(
      .admin, "GET", "/v1/send-stops", "List standing send-stops", tag: "Send-stops",
      answer: .list("SendStop")),
    .init(
      .admin, "GET", "/v1/send-stops/{scope}/{id}", "Show a send-stop", tag: "Send-stops",
      answer: .json(200, "SendStop"), refusals: [.notFound]),
    .init(
      .admin, "PUT", "/v1/send-stops/{scope}/{id}",
      "Stop all sends of a number, tenant, cell, region or the platform", tag: "Send-stops",
      body: .json("SendStopInput"), answer: .json(200, "SendStop"), refusals: [.notFound]),
    .init(
      .admin, "DELETE", "/v1/send-stops/{scope}/{id}", "Lift a send-stop", tag: "Send-stops",
      answer: .json(200, "SendStop"), refusals: [.notFound, .conflict], keepsAnswer: true),
    .init(
      .admin, "PUT", "/v1/meta-apps/{app}", "Set a Meta app's secrets", tag: "Meta apps",
      body: .json("MetaAppInput"), answer: .json(200, "MetaApp")),
    .init(
      .admin, "GET", "/v1/meta-apps/{app}", "Show a Meta app, without its secrets",
      tag: "Meta apps", answer: .json(200, "MetaApp"), refusals: [.notFound]),
    .init(
      .admin, "GET", "/v1/quarantine", "List webhook parts that wait in spools",
      tag: "Quarantine", answer: .list("QuarantineEntry")),
    .init(
      .admin, "POST", "/v1/quarantine/{id}/replay", "Deliver one now", tag: "Quarantine",
      answer: .json(200, "Replay"), refusals: [.notFound, .invalidState, .cellUnavailable]),
    .init(
      .admin, "DELETE", "/v1/quarantine/{id}", "Discard one for good, with a reason",
      tag: "Quarantine", answer: .json(200, "Replay"), query: ["reason"],
      refusals: [.notFound, .cellUnavailable], keepsAnswer: true),
    .init(.admin, "GET", "/v1/cells", "List cells", tag: "Cells", answer: .list("Cell")),
    .init(
      .admin, "GET", "/v1/cells/{id}", "Show a cell", tag: "Cells", answer: .json(200, "Cell"),
      refusals: [.notFound]),
    .init(
      .admin, "POST", "/v1/cells/join-tokens", "Permit one cell to join", tag: "Cells",
      body: .optionalJSON("JoinTokenInput"), answer: .json(201, "JoinToken")),
    .init(
      .admin, "POST", "/v1/cells/{id}/promote", "Make a follower the primary", tag: "Cells",
      body: .optionalJSON("PromoteInput"), answer: .json(202, "Operation"),
      refusals: [.notFound, .invalidState]),
    .init(
      .admin, "POST", "/v1/cells/{id}/restore", "Bring a lost cell back from the archive",
      tag: "Cells", body: .optionalJSON("CellRestoreInput"), answer: .json(202, "Operation"),
      refusals: [.notFound, .invalidState, .conflict]),
    .init(
      .admin, "POST", "/v1/cells/{id}/drain", "Move all tenants of a cell to others", tag: "Cells",
      body: .optionalJSON("CellInput"), answer: .json(202, "Operation"),
      refusals: [.notFound, .invalidState, .conflict, .cellUnavailable, .cellFull]),
    .init(
      .admin, "POST", "/v1/cells/{id}/retire", "End a cell that has no tenants", tag: "Cells",
      body: .optionalJSON("CellInput"), answer: .json(202, "Operation"),
      refusals: [.notFound, .alreadyDone, .conflict, .cellUnavailable, .cellFull]),
    .init(
      .admin, "POST", "/v1/rebalances", "Balance the cells by what was measured", tag: "Cells",
      body: .optionalJSON("RebalanceInput"), answer: .json(202, "Operation"),
      refusals: [.conflict]),
    .init(
      .admin, "POST", "/v1/upgrades", "Have cells run another version of the program, in waves",
      tag: "Cells", body: .json("UpgradeInput"), answer: .json(202, "Operation"),
      refusals: [.notFound, .alreadyDone, .conflict, .cellUnavailable]),
    .init(
      .admin, "POST", "/v1/rollbacks", "Have them run again what they ran before an upgrade",
      tag: "Cells", body: .optionalJSON("RollbackInput"), answer: .json(202, "Operation"),
      refusals: [.notFound, .alreadyDone, .conflict]),
    .init(
      .admin, "GET", "/v1/format-ceiling", "Up to which format level may be written",
      tag: "Cells", answer: .json(200, "FormatCeiling")),
    .init(
      .admin, "POST", "/v1/format-ceiling", "Let everything be written that all processes read",
      tag: "Cells", body: .optionalJSON("FormatCeilingInput"), answer: .json(200, "FormatCeiling"),
      refusals: [.formatCeiling, .conflict]),
    .init(
      .admin, "GET", "/v1/operations", "List operations, newest first", tag: "Operations",
      answer: .list("Operation")),
    .init(
      .admin, "GET", "/v1/operations/{id}", "Show an operation", tag: "Operations",
      answer: .json(200, "Operation"), refusals: [.notFound]),
    .init(
      .admin, "POST", "/v1/operations/{id}/cancel", "Cancel an operation where it is safe",
      tag: "Operations", answer: .json(200, "Operation"), refusals: [.notFound, .invalidState]),
    .init(
      .admin, "POST", "/v1/operators/first", "Create the first operator, once", tag: "Operators",
      authentication: .deploymentProof, answer: .json(201, "OperatorToken"),
      refusals: [.alreadyDone]),
    .init(
      .admin, "POST", "/v1/operators/totp-recovery",
      "Take a second factor away by proof of the deployment's key", tag: "Operators",
      authentication: .deploymentProof, body: .json("FactorRecoveryInput"), answer: .empty(204),
      refusals: [.notFound]),
    .init(
      .admin, "GET", "/v1/status", "What is wrong, and since when", tag: "Health",
      answer: .json(200, "Status")),
    .init(
      .admin, "GET", "/openapi.json", "This document", tag: "Health", authentication: .open,
      answer: .json(200, "Document")),
  ]
}
