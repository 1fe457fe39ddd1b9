import Wire

/// Tenants without a head that exist for all that is known: their first record lies in a damaged
/// range, or the table of heads that knew them is unreadable.
///
/// They are stopped, not unknown: who hears "no such tenant" of one that paid yesterday, or makes
/// it anew, loses it silently.
struct UnseenTenants: Hashable, Sendable {
  /// Those that a range or a directory names, each with the reason.
  let named: [TenantID: String]
  /// Why others may be among them; nil: nobody else can be.
  let others: String?

  /// `directories` are the tenants of which there are files.
  init(
    damage: [DamagedRange], headsProblem: String?, checkpointThrough: CellSeq,
    heads: Set<TenantID>, directories: Set<TenantID>
  ) {
    var named: [TenantID: String] = [:]
    var others = headsProblem.map { "the table of heads: \($0)" }
    for range in damage {
      // All that were created up to the checkpoint have a head in it.
      if headsProblem == nil, let last = range.lastSeq, last <= checkpointThrough { continue }
      let reason = "journal damage, \(range)"
      switch range.tenants {
      case .known(let lost):
        for tenant in lost.keys where !heads.contains(tenant) { named[tenant] = reason }
      case .unknown: others = others ?? reason
      }
    }
    if let others {
      for tenant in directories.subtracting(heads) where named[tenant] == nil {
        named[tenant] = others
      }
    }
    self.named = named
    self.others = others
  }

  /// What is said of a tenant without a head; nil: it does not exist.
  func refusal(of tenant: TenantID) -> Failure? {
    guard named[tenant] != nil || others != nil else { return nil }
    return Failure(
      .tenantStopped, "this tenant's first record may be lost; it is stopped until a repair",
      retryAfterMilliseconds: 30_000)
  }
}
