import Wire

/// Where a spooled part goes now that more may be known.
///
/// Pure: who holds a key is a parameter.
enum DeliveryPlan: Hashable, Sendable {
  /// Each to its owner; afterwards the entry may go.
  case deliver([Delivery])
  /// Nobody holds this key yet: the entry stays.
  case unknown(kind: ClaimKind, key: String)
  /// The body was not understood when it came: it is split anew.
  case unparsed
  /// It came through a Meta app that is bound to a tenant, and is about another's number: whoever
  /// holds that app's secret must not write into this tenant. The entry stays for an operator.
  case foreign(TenantID)

  struct Delivery: Hashable, Sendable {
    let tenant: TenantID
    let part: Aimstors_ProtoWebhookPart
  }

  /// A unique key that decides whose a change is.
  struct Key: Hashable, Sendable {
    let kind: ClaimKind
    let key: String
  }

  /// The keys to look up before ``make(_:holders:)``.
  static func keys(of spooled: Aimstors_ProtoSpoolPart) -> Set<Key> {
    guard spooled.part.tenant.isEmpty else { return [] }
    return Set(spooled.part.changes.map(key(of:)))
  }

  /// Decides.
  ///
  /// `bound` is the only tenant that the part's Meta app may reach; nil: all.
  static func make(
    _ spooled: Aimstors_ProtoSpoolPart, holders: [Key: TenantID], bound: TenantID? = nil
  ) -> DeliveryPlan {
    let plan = resolve(spooled, holders: holders)
    guard let bound, case .deliver(let deliveries) = plan,
      let foreign = deliveries.first(where: { $0.tenant != bound })
    else { return plan }
    return .foreign(foreign.tenant)
  }

  private static func resolve(
    _ spooled: Aimstors_ProtoSpoolPart, holders: [Key: TenantID]
  ) -> DeliveryPlan {
    guard spooled.hasPart, !spooled.part.changes.isEmpty else { return .unparsed }
    if let tenant = TenantID(spooled.part.tenant) {
      return .deliver([Delivery(tenant: tenant, part: spooled.part)])
    }
    var owners: [TenantID] = []
    var changes: [TenantID: [Aimstors_ProtoWebhookChange]] = [:]
    for change in spooled.part.changes {
      let key = key(of: change)
      guard let tenant = holders[key] else { return .unknown(kind: key.kind, key: key.key) }
      if changes[tenant] == nil { owners.append(tenant) }
      changes[tenant, default: []].append(change)
    }
    return .deliver(
      owners.map { tenant in
        var part = spooled.part
        part.tenant = tenant.rawValue
        part.changes = changes[tenant] ?? []
        return Delivery(tenant: tenant, part: part)
      })
  }

  /// A change about a number is its owner's; any other belongs to the owner of the WABA.
  private static func key(of change: Aimstors_ProtoWebhookChange) -> Key {
    change.phoneNumberID.isEmpty
      ? Key(kind: .waba, key: change.wabaID)
      : Key(kind: .phoneNumber, key: change.phoneNumberID)
  }
}
