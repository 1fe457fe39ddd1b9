import Platform
import Storage
import Wire

/// The storage engine as the cell's table of owned tenants.
struct EnginePlacements: Placements {
  let engine: StorageEngine
  /// Whether a tenant that is not here is on its way out of the archive.
  var isPending: @Sendable (TenantID) -> Bool = { _ in false }

  func epoch(of tenant: String) -> Epoch? {
    let tenant = TenantID(trusted: tenant)
    guard tenant != .cellStore, let owned = engine.ownership(tenant),
      owned.state.isServed || (owned.state == .released && Sabotage.skipEpochCheck.isOn)
    else {
      return nil
    }
    // It may be adopted and not served yet; or, by a promoted cell, about to move.
    guard engine.serves(tenant) else { return nil }
    return owned.epoch
  }

  func refusal(of tenant: String) -> Failure? {
    if isPending(TenantID(trusted: tenant)) { return Self.pending }
    return engine.refusalOfUnseen(TenantID(trusted: tenant))
  }

  private static let pending = Failure(
    .recovering, "this tenant is being restored from the archive", retryAfterMilliseconds: 1_000)

  func whereabouts(of tenant: String) -> Aimstors_ProtoMoved {
    // Of a tenant that was never here this cell knows nothing: the router asks for the newest map.
    var moved = Aimstors_ProtoMoved()
    if let owned = epoch(of: tenant) {
      moved.epoch = owned.rawValue
    } else if let head = engine.heads[TenantID(trusted: tenant)], head.ownership == .released,
      let target = head.counterpart
    {
      moved.cell = target.rawValue
      moved.epoch = head.armed.rawValue
    }
    return moved
  }

  func digest(_ query: Aimstors_ProtoDigestRequest) async throws(Failure)
    -> Aimstors_ProtoDigestAnswer
  {
    let digest = try await engine.digest(
      TenantID(trusted: query.tenant), recompute: query.recompute)
    var answer = Aimstors_ProtoDigestAnswer()
    answer.tenantSeq = digest.tenantSeq.rawValue
    for (name, value) in digest.files { answer.files[name] = "\(value)" }
    answer.recomputed = digest.recomputed
    // A scan that differs from the kept digest throws: here they are equal.
    if digest.recomputed { answer.recomputedFiles = answer.files }
    return answer
  }

  /// Creates a tenant's first record; succeeds where it exists under the same epoch.
  func create(_ tenant: TenantID, _ epoch: Epoch) async throws(Failure) {
    if let owned = engine.ownership(tenant) {
      guard owned.epoch == epoch else {
        throw Failure(.epochStale, "the tenant exists here under epoch \(owned.epoch.rawValue)")
      }
      return
    }
    if isPending(tenant) { throw Self.pending }
    do throws(Failure) {
      try await engine.create(tenant, epoch: epoch)
    } catch  where error.code == .tenantExists {
      // Another attempt is at it: the caller repeats until this one finds it done.
      throw Failure(
        .outcomeUnknown, "the tenant is being created; try again", retryAfterMilliseconds: 100)
    }
  }
}
