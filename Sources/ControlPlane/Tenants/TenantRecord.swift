import Wire

/// A tenant as the store knows it.
struct TenantRecord: Hashable, Sendable {
  let id: TenantID
  var name: String
  var slug: String
  let region: RegionID
  let currency: Currency
  var timeZone: String
  let tier: String
  let parent: TenantID?
  var state: TenantState
  var reason: String
  /// Whether its cell has said that it holds the tenant durably.
  var isProvisioned: Bool
  var placement: Placement
  var durability: TenantDurability
  let createdAt: Timestamp
  /// The platform's version at the last change of this row.
  var version: UInt64
}

extension TenantRecord {
  /// What the tenant's cell is told.
  var proto: Aimstors_ProtoTenantProfile {
    var profile = Aimstors_ProtoTenantProfile()
    profile.tenant = id.rawValue
    profile.name = name
    profile.slug = slug
    profile.region = region.rawValue
    profile.currency = currency.code
    profile.timeZone = timeZone
    profile.tier = tier
    profile.parent = parent?.rawValue ?? ""
    profile.epoch = placement.epoch.rawValue
    profile.state = state.rawValue
    profile.createdAtMs = createdAt.milliseconds
    profile.reason = reason
    profile.durability = durability.message
    profile.version = version
    return profile
  }
}
