import Platform
import Storage
import Synchronization
import Wire

/// The keys in use: found by public id without I/O after the first use, metered, forgotten at the
/// commit of their revocation.
final class APIKeys: Sendable {
  /// What a key's holder was let through with.
  struct Admission: Hashable, Sendable {
    let key: APIKey
    let rate: RateVerdict
  }

  /// Keys kept in memory; beyond it the cache starts over.
  static let capacity = 100_000

  private struct Name: Hashable {
    let tenant: TenantID
    let publicID: String
  }
  private struct Cached {
    let key: APIKey
    /// A tenant that went and came back is another state of itself.
    let epoch: Epoch
  }
  private struct State {
    var keys: [Name: Cached] = [:]
    /// Apart from the keys: a key that is read again must not get its burst again.
    var meters: [Name: RateMeter] = [:]
    var uses: [Name: (id: RowID, at: Timestamp)] = [:]
    /// Rises at each revocation, so that a key read before it is not cached after it.
    var version: UInt64 = 0
  }

  private let store: any TenantStore
  private let clock: any WallClock
  private let boot: any BootClock
  /// Keys made before this were perhaps used by an earlier process, which took its meters along.
  private let startedAt: Timestamp
  private let state = Mutex(State())

  init(store: any TenantStore, clock: any WallClock, boot: any BootClock) {
    self.store = store
    self.clock = clock
    self.boot = boot
    startedAt = Timestamp(milliseconds: clock.milliseconds())
  }

  /// Why a key is not taken; told apart in the audit log, alike to the caller.
  enum Refusal: String, Error, Hashable, Sendable { case unknown, revoked, expired, address }

  /// Lets a key's holder in, in this order: secret and expiry, address, rate.
  ///
  /// A refusal by rate is in the admission, for its headers. Throws a failure to read.
  func admit(
    _ text: APIKeyText, from address: String, epoch: Epoch
  ) async throws(Failure) -> Result<Admission, Refusal> {
    let now = Timestamp(milliseconds: clock.milliseconds())
    let hash = Digest.sha256(text.secret.utf8)
    guard let key = try await find(text, epoch), key.mode == text.mode,
      key.isSecret(hash, at: now)
    else { return .failure(.unknown) }
    guard key.revokedAt == nil else { return .failure(.revoked) }
    guard key.expiresAt.map({ now < $0 }) ?? true else { return .failure(.expired) }
    guard key.admits(address: address) else { return .failure(.address) }
    let nanoseconds = Int64(clamping: boot.nanoseconds())
    let name = Name(tenant: text.tenant, publicID: text.publicID)
    let verdict = state.withLock { state in
      var meter =
        state.meters[name]
        ?? RateMeter(now: nanoseconds, limit: key.rate, withBurst: key.createdAt >= startedAt)
      let verdict = meter.take(now: nanoseconds, limit: key.rate)
      state.meters[name] = meter
      state.uses[name] = (key.id, now)
      return verdict
    }
    return .success(
      Admission(key: key, rate: RateVerdict(limit: key.rate, verdict: verdict)))
  }

  /// Forgets a key; called after the commit of its revocation.
  func forget(_ tenant: TenantID, publicID: String) {
    state.withLock { state in
      let name = Name(tenant: tenant, publicID: publicID)
      state.version += 1
      state.keys[name] = nil
      state.meters[name] = nil
      state.uses[name] = nil
    }
  }

  /// Forgets how a key was, and not how much it was used: it has another secret or address list.
  func refresh(_ tenant: TenantID, publicID: String) {
    state.withLock { state in
      state.version += 1
      state.keys[Name(tenant: tenant, publicID: publicID)] = nil
    }
  }

  /// Forgets a tenant's keys: it has left this cell, or came back as another state of itself.
  func forget(_ tenant: TenantID) {
    state.withLock { state in
      state.version += 1
      state.keys = state.keys.filter { $0.key.tenant != tenant }
      state.meters = state.meters.filter { $0.key.tenant != tenant }
      state.uses = state.uses.filter { $0.key.tenant != tenant }
    }
  }

  /// What is left of the rates of a tenant's keys: they travel with it.
  func meters(of tenant: TenantID) -> [KeyMeter] {
    let now = Int64(clamping: boot.nanoseconds())
    return state.withLock { state in
      state.meters.filter { $0.key.tenant == tenant }.map {
        KeyMeter(publicID: $0.key.publicID, emptyIn: max(0, $0.value.emptyAt - now))
      }
    }
  }

  /// Goes on with the rates that a tenant's keys had in the cell that it came from.
  func take(_ meters: [KeyMeter], of tenant: TenantID) {
    let now = Int64(clamping: boot.nanoseconds())
    state.withLock { state in
      for meter in meters {
        state.meters[Name(tenant: tenant, publicID: meter.publicID)] = RateMeter(
          emptyAt: now.addingReportingOverflow(meter.emptyIn).partialValue)
      }
    }
  }

  /// When a key was last used, as far as this process knows and has not stored.
  func lastUse(_ tenant: TenantID, publicID: String) -> Timestamp? {
    state.withLock { $0.uses[Name(tenant: tenant, publicID: publicID)]?.at }
  }

  /// Stores when keys were last used; one command per tenant.
  ///
  /// Run it every few minutes.
  func storeLastUses() async {
    let uses = state.withLock { state in
      let uses = state.uses
      state.uses = [:]
      return uses
    }
    let byTenant = Dictionary(grouping: uses, by: \.key.tenant)
    for (tenant, entries) in byTenant {
      let rows = entries.map { (id: $0.value.id, at: $0.value.at) }
      // Losing it loses no more than a "last used" that is a few minutes old.
      try? await store.write(tenant, CommandOrigin(requestID: "last-use", traceID: "")) { tx in
        let keys = try APIKeysStore(tx)
        for row in rows { try keys.setLastUsed(row.id, at: row.at) }
      }
    }
  }

  private func find(_ text: APIKeyText, _ epoch: Epoch) async throws(Failure) -> APIKey? {
    let name = Name(tenant: text.tenant, publicID: text.publicID)
    let (known, version) = state.withLock { ($0.keys[name], $0.version) }
    if let known, known.epoch == epoch { return known.key }
    let found = try await store.read(text.tenant, [.sessions]) { snapshot in
      try APIKeysStore(snapshot).find(publicID: text.publicID)
    }
    guard let found else { return nil }
    state.withLock { state in
      guard state.version == version else { return }
      if state.keys.count >= Self.capacity {
        state.keys = [:]
        state.meters = [:]
      }
      state.keys[name] = Cached(key: found, epoch: epoch)
    }
    return found
  }
}

/// One key's rate on its way to another cell.
struct KeyMeter: Hashable, Sendable {
  let publicID: String
  /// Nanoseconds until the bucket is empty again.
  let emptyIn: Int64
}

/// What a rate limit said, for the answer's headers.
struct RateVerdict: Hashable, Sendable {
  let limit: RateLimit
  let verdict: RateMeter.Verdict
}
