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

  static func make(_ spooled: Aimstors_ProtoSpoolPart, holders: [Key: TenantID]) -> DeliveryPlan {
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
