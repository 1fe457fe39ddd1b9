import Storage
import Wire

/// Makes a tenant's files and first rows.
///
/// Idempotent by tenant and epoch, so the control plane repeats it until it is answered.
struct Provisioning: Sendable {
  let store: any TenantStore
  let directives: Directives
  /// Creates the tenant's files under an epoch; succeeds where they exist under the same epoch.
  let create: @Sendable (TenantID, Epoch) async throws(Failure) -> Void
  let wake: @Sendable (TenantID) -> Void
  let wakeAll: @Sendable () -> Void

  func provision(_ message: Aimstors_ProtoTenantProfile, trace: String) async throws(Failure) {
    guard let tenant = TenantID(message.tenant), tenant != .cellStore else {
      throw Failure(.invalidIdentifier, "not a tenant id")
    }
    guard let currency = Currency(message.currency) else {
      throw Failure(.invalidField, "currency: not an ISO 4217 code")
    }
    guard let entry = DirectoryEntry(message) else {
      throw Failure(.invalidIdentifier, "not a tenant id")
    }
    // From the first record on: nothing is lost by another try.
    try await directives.set(entry, trace: trace)
    if entry.durability == .follower, await !directives.untilAsked() {
      throw Failure(
        .followerMissing, "no follower is asked yet", retryAfterMilliseconds: 1_000)
    }
    try await create(tenant, Epoch(message.epoch))
    let profile = TenantProfile(
      name: message.name, slug: message.slug, region: message.region, currency: currency,
      timeZone: message.timeZone, tier: message.tier, parent: message.parent,
      createdAt: Timestamp(milliseconds: message.createdAtMs))
    try await store.write(tenant, CommandOrigin(requestID: "provision", traceID: trace)) {
      transaction in
      try ProfileStore(transaction).set(profile)
      try Ledger(transaction).open(currency)
    }
  }
}
