import Messaging
import Wire

/// Cells claim and release unique keys for their tenants: all keys of a request, or none.
struct ClaimRequests: Sendable {
  let store: PlatformStore
  let map: MapService
  let roster: CellRoster

  func claim(
    _ proto: Aimstors_ProtoClaimRequest, from peer: PeerIdentity, trace: String
  ) async throws(Failure) -> Aimstors_ProtoClaimAnswer {
    guard peer.role == .cell, let cell = CellID(peer.id) else {
      throw Failure(.forbidden, "only cells claim keys")
    }
    guard let tenant = TenantID(proto.tenant) else {
      throw Failure(.invalidIdentifier, "a claim names its tenant")
    }
    guard !proto.claims.isEmpty, proto.claims.count <= ControlPlaneLimits.claimsPerRequest else {
      throw Failure(
        .invalidRequest, "a claim names 1 to \(ControlPlaneLimits.claimsPerRequest) keys")
    }
    var keys: [WantedKey] = []
    for claim in proto.claims {
      guard let kind = ClaimKind(rawValue: claim.kind), kind.isClaimedByCells,
        (1...ControlPlaneLimits.claimKeyLength).contains(claim.key.utf8.count),
        claim.name.utf8.count <= ControlPlaneLimits.claimKeyLength
      else { throw Failure(.invalidField, "kind: \(claim.kind) is not for cells to claim") }
      keys.append(
        WantedKey(kind: kind, key: claim.key, isReleased: claim.released, name: claim.name))
    }
    let wanted = keys
    let app = proto.metaApp
    let refused = try await store.write(trace: trace) { _, rows -> String? in
      // Before that a tenant that has moved since the copy still stands at its old place.
      try rows.requireSurveyed()
      guard let record = try rows.tenant(tenant), record.placement.cell == cell else {
        throw Failure(.epochStale, "the tenant is not placed on \(cell)")
      }
      if !app.isEmpty { try rows.requireMetaApp(app, openTo: tenant) }
      return try rows.apply(wanted, for: tenant)
    }
    for key in wanted where key.isReleased && refused == nil {
      roster.released(key.kind, key.key, by: tenant)
    }
    if refused == nil { try await map.refresh() }
    var answer = Aimstors_ProtoClaimAnswer()
    answer.refusedKey = refused ?? ""
    return answer
  }
}

/// A key that a cell claims or releases for its tenant.
struct WantedKey: Hashable, Sendable {
  let kind: ClaimKind
  let key: String
  let isReleased: Bool
  /// What the tenant calls it; empty where it has not said.
  let name: String
}

extension PlatformRows {
  /// Refuses an app that does not exist; another tenant's is refused in the same words, so that
  /// nobody learns of it.
  func requireMetaApp(_ name: String, openTo tenant: TenantID) throws {
    guard let id = MetaAppID(name), let app = try metaApp(id), app.isOpen(to: tenant) else {
      throw Failure(.invalidField, "meta_app: no such Meta app")
    }
  }

  /// Compare-and-sets all keys; answers the first that another tenant holds, nothing written then.
  func apply(_ keys: [WantedKey], for tenant: TenantID) throws -> String? {
    var changes: [KeyClaim] = []
    let version = try version() + 1
    for wanted in keys {
      let (kind, key) = (wanted.kind, wanted.key)
      let current = try claim(kind, key)
      let decision =
        wanted.isReleased
        ? ClaimRule.release(kind, key, by: tenant, current: current, version: version)
        : ClaimRule.claim(kind, key, for: tenant, current: current, version: version)
      switch decision {
      case .unchanged: continue
      case .refuse: return key
      case .write(let claim): changes.append(claim)
      }
    }
    for wanted in keys where !wanted.name.isEmpty && !wanted.isReleased {
      guard try key(wanted.kind, named: wanted.name) != wanted.key else { continue }
      try put(name: wanted.name, of: wanted.kind, wanted.key)
    }
    guard !changes.isEmpty else { return nil }
    _ = try raiseVersion()
    for claim in changes { try put(claim) }
    return nil
  }
}
