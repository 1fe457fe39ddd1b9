import Wire

/// Which sends are stopped and which state each tenant is in.
///
/// Decides; holds no lock, does no I/O.
struct StopTable: Sendable {
  private struct Key: Hashable {
    let scope: StopReason.Scope
    let id: String
  }

  private let cell: String
  private let region: String
  private var stops: [Key: SendStop] = [:]
  /// Since when this cell's own stop holds, at the latest by the cell's clock.
  private var cellStoppedAt = Timestamp.zero
  private var tenants: [TenantID: DirectoryEntry] = [:]
  private var marks: [TenantID: RestoreMark] = [:]
  /// Tenants about to leave this cell, since when.
  private var quiesced: [TenantID: Timestamp] = [:]
  /// The `num_…` identifier of a phone_number_id: an operator may stop a number under either name.
  private var numberIDs: [String: String] = [:]

  init(cell: String, region: String) {
    self.cell = cell
    self.region = region
  }

  /// Keeps the newer of what is known and `stop`.
  ///
  /// `now` is the cell's time: a stop says its own by the control plane's clock, which may be
  /// ahead.
  mutating func apply(_ stop: SendStop, at now: Timestamp) {
    let key = Key(scope: stop.scope, id: stop.id)
    if let known = stops[key], known.version >= stop.version { return }
    stops[key] = stop
    if key == Key(scope: .cell, id: cell) { cellStoppedAt = min(stop.since, now) }
  }

  mutating func set(_ entry: DirectoryEntry) { tenants[entry.tenant] = entry }

  /// Nil takes the mark away.
  mutating func mark(_ tenant: TenantID, _ mark: RestoreMark?) { marks[tenant] = mark }

  /// Nothing new of a tenant leaves from here on; nil ends that.
  mutating func quiesce(_ tenant: TenantID, since: Timestamp?) { quiesced[tenant] = since }

  func restoreMark(of tenant: TenantID) -> RestoreMark? { marks[tenant] }

  /// Whose sends wait for the release of which restore, and since when.
  var suspensions: [(tenant: TenantID, restore: String, since: Timestamp)] {
    var found: [(tenant: TenantID, restore: String, since: Timestamp)] = []
    for (tenant, mark) in marks {
      guard case .suspended(let restore, let since) = mark else { continue }
      found.append((tenant: tenant, restore: restore, since: since))
    }
    return found
  }

  mutating func note(numberID: String, phoneNumberID: String) {
    numberIDs[phoneNumberID] = numberID
  }

  func entry(of tenant: TenantID) -> DirectoryEntry? { tenants[tenant] }

  func state(of tenant: TenantID) -> TenantState { tenants[tenant]?.state ?? .active }

  /// The widest stop that holds for a send of `tenant` from this number.
  func reason(tenant: TenantID, phoneNumberID: String) -> StopReason? {
    let keys = [
      // There is one platform, whatever name the operator gave it.
      stops.first { $0.key.scope == .platform && !$0.value.lifted }?.key,
      Key(scope: .region, id: region), Key(scope: .cell, id: cell),
      Key(scope: .tenant, id: tenant.rawValue), Key(scope: .number, id: phoneNumberID),
      numberIDs[phoneNumberID].map { Key(scope: .number, id: $0) },
    ]
    for case .some(let key) in keys {
      if let stop = stops[key], !stop.lifted {
        return StopReason(scope: stop.scope, reason: stop.reason, since: stop.since)
      }
    }
    if let since = quiesced[tenant] {
      return StopReason(scope: .moving, reason: "the tenant moves", since: since)
    }
    if let mark = marks[tenant] {
      return StopReason(scope: .restored, reason: mark.reason, since: mark.since)
    }
    if let entry = tenants[tenant], entry.state != .active {
      return StopReason(scope: .tenantState, reason: entry.reason, since: entry.changedAt)
    }
    return nil
  }

  /// Which letters and alerts of a tenant may leave now.
  ///
  /// What is due within seconds after an owner was proven or stated stopped, the owner may have
  /// sent: a restore's mark and the cell's own stop, which a promotion puts, are younger than that.
  /// Other stops, and a tenant's own suspension, are of WhatsApp sends only: people sign in, and
  /// hear of what happens, all the same.
  func notices(of tenant: TenantID) -> NoticeRule {
    guard quiesced[tenant] == nil else { return .nothing }
    var since: [Timestamp] = []
    switch marks[tenant] {
    case .fork: return .nothing
    case .suspended(_, let at): since.append(at)
    case nil: break
    }
    if stops[Key(scope: .cell, id: cell)]?.lifted == false { since.append(cellStoppedAt) }
    guard let last = since.max() else { return .all }
    return .after(last.adding(seconds: NoticeRule.settleSeconds))
  }
}
