import Edge
import Storage
import Wire

/// Creates tenants and changes their state.
struct TenantCommands: Sendable {
  let services: AdminServices

  /// Places and records a tenant, then waits until its cell holds it.
  ///
  /// The answer is stored with the record; a repeat under the same key waits for the same tenant.
  func create(_ input: TenantInput, _ command: AdminCommand) async throws(Failure) -> StoredAnswer {
    let id = TenantID(trusted: "t" + services.random.bytes(8).base32(characters: 12))
    let sights = services.roster.sights()
    let configuration = services.configuration
    let answer = try await command.perform { transaction, rows in
      try rows.requireSurveyed()
      if let parent = input.parentID, try rows.tenant(parent) == nil {
        throw Failure(.invalidField, "parent_id: no such tenant")
      }
      let slug = WantedKey(kind: .slug, key: input.slug, isReleased: false, name: "")
      guard try rows.apply([slug], for: id) == nil else {
        throw Failure(.slugTaken, "another tenant has the slug \(input.slug)")
      }
      let cell = try rows.place(input, among: sights, configuration)
      let tenant = TenantRecord(
        id: id, name: input.name, slug: input.slug, region: input.region,
        currency: input.currency, timeZone: input.timeZone, tier: input.tier ?? "standard",
        parent: input.parentID, state: .active, reason: "", isProvisioned: false,
        placement: Placement(cell: cell, epoch: EpochRule.issue(known: nil, seen: [])),
        durability: input.durability ?? .cell, createdAt: transaction.now,
        version: try rows.raiseVersion())
      try rows.put(tenant)
      var operation = Operation(
        id: .fresh(transaction), kind: .tenantCreate, subject: id.rawValue, total: 1,
        unit: "cells", at: transaction.now)
      try operation.start(at: transaction.now)
      try rows.put(operation)
      try rows.enqueue(
        Directive(
          cell: cell, kind: .provision, subject: id.rawValue, version: tenant.version,
          createdAt: transaction.now, operation: operation.id), at: transaction.now)
      try rows.append(
        command.audit(
          "tenant.create", id.rawValue,
          "slug \(input.slug) on \(cell), durability \(tenant.durability.rawValue)"),
        id: transaction.freshID(), at: transaction.now)
      return try .json(201, TenantView(tenant, provisioned: true))
    }
    try await awaitProvisioned(answer, command)
    return answer
  }

  private func awaitProvisioned(_ answer: StoredAnswer, _ command: AdminCommand)
    async throws(Failure)
  {
    guard let view = try? EdgeJSON.decode(TenantView.self, from: answer.body) else {
      throw Failure(.internalError, "the stored answer is not a tenant")
    }
    let id = TenantID(trusted: view.id)
    let clock = ContinuousClock()
    let end = clock.now + ControlPlaneLimits.provisionWait
    var pause = ControlPlaneLimits.provisionPause
    while true {
      let (tenant, directive) = try await services.store.read { rows in
        (try rows.tenant(id), try rows.directive(.provision, id.rawValue))
      }
      if tenant?.isProvisioned == true { return }
      if let directive, services.roster.isAlive(directive.cell),
        try await services.directives.send(
          directive, timeout: ControlPlaneLimits.directiveAttempt, trace: command.trace)
      {
        continue
      }
      guard clock.now < end else { break }
      do { try await Task.sleep(for: pause) } catch { break }
      pause = min(pause * 2, ControlPlaneLimits.directiveRetry)
    }
    throw Failure(
      .cellUnavailable,
      "tenant \(id) is recorded and its cell does not answer; repeat with the same Idempotency-Key",
      retryAfterMilliseconds: 1_000)
  }

  /// Changes state, reason or name; answers once the tenant's cell has it, or the time is over.
  func change(
    _ id: TenantID, _ patch: TenantPatch, operatorID: String, trace: String
  ) async throws(Failure) -> TenantRecord {
    let (sights, configuration) = (services.roster.sights(), services.configuration)
    let (tenant, directive) = try await services.store.write(trace: trace) { transaction, rows in
      var tenant = try rows.requireTenant(id)
      let wanted = patch.state ?? tenant.state
      let change = try TenantStateRule.change(
        tenant.state, to: wanted, isProvisioned: tenant.isProvisioned)
      let reason = patch.reason ?? (change == .change ? "" : tenant.reason)
      let name = patch.name ?? tenant.name
      let durability = patch.durability ?? tenant.durability
      if change == .unchanged, reason == tenant.reason, name == tenant.name,
        durability == tenant.durability
      {
        return (tenant, Directive?.none)
      }
      if durability == .follower, tenant.durability != .follower {
        try PlacementRule.demandFollower(
          at: tenant.placement.cell, among: try rows.candidates(sights, configuration))
      }
      tenant.state = wanted
      tenant.reason = reason
      tenant.name = name
      tenant.durability = durability
      tenant.version = try rows.raiseVersion()
      try rows.put(tenant)
      var operation = Operation(
        id: .fresh(transaction), kind: .tenantState, subject: id.rawValue, total: 1,
        unit: "cells", at: transaction.now)
      try operation.start(at: transaction.now)
      try rows.put(operation)
      let directive = Directive(
        cell: tenant.placement.cell, kind: .tenantState, subject: id.rawValue,
        version: tenant.version, createdAt: transaction.now, operation: operation.id)
      try rows.enqueue(directive, at: transaction.now)
      try rows.append(
        AuditEntry(
          operatorID: operatorID, action: "tenant.state", subject: id.rawValue,
          detail: "\(wanted.rawValue): \(reason), durability \(durability.rawValue)",
          traceID: trace),
        id: transaction.freshID(), at: transaction.now)
      return (tenant, directive)
    }
    guard let directive else { return tenant }
    try await services.map.refresh()
    _ = await services.directives.send(
      [directive], timeout: ControlPlaneLimits.directiveWait, trace: trace)
    return tenant
  }
}

extension PlatformRows {
  /// The cell for a new tenant, chosen on the counts of this very transaction.
  func place(
    _ input: TenantInput, among sights: [CellRoster.Sight],
    _ configuration: ControlPlaneConfiguration
  ) throws -> CellID {
    let candidates = try candidates(sights, configuration)
    var rule = PlacementRule()
    rule.minimumDiskFreeBytes = configuration.minimumDiskFreeBytes
    return try rule.choose(
      region: input.region, tier: input.tier ?? "standard",
      durability: input.durability ?? .cell, pinned: input.cell, among: candidates)
  }
}

extension PlatformRows {
  /// The cells as placement sees them, on the counts of this very transaction.
  func candidates(
    _ sights: [CellRoster.Sight], _ configuration: ControlPlaneConfiguration
  ) throws -> [PlacementCandidate] {
    let counts = try tenantCounts()
    return sights.map { sight in
      let count = counts[sight.record.id]
      return PlacementCandidate(
        id: sight.record.id, region: sight.record.region, state: sight.record.state,
        isAlive: sight.isAlive, tenants: count?.tenants ?? 0,
        capacity: configuration.tenantsPerCell, hasDedicatedTenant: count?.hasDedicated ?? false,
        hasFollower: sight.report.hasFollower,
        diskFreeBytes: sight.report.diskFreeBytes ?? .max,
        operationsPerSecond: sight.report.operationsPerSecond)
    }
  }
}

extension OperationID {
  static func fresh(_ transaction: Transaction) -> OperationID {
    OperationID(trusted: transaction.freshID().text(.operation))
  }
}
