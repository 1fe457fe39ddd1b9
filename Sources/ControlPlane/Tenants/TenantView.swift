import Hummingbird
import Wire

/// A tenant as the API shows it.
struct TenantView: Codable, ResponseEncodable, Sendable {
  let id: String
  let name: String
  let slug: String
  let region: String
  let currency: String
  let timeZone: String
  let tier: String
  let parentID: String?
  let state: String
  let reason: String
  let cell: String
  let epoch: UInt64
  let durability: TenantDurability
  let createdAt: Timestamp

  enum CodingKeys: String, CodingKey {
    case id, name, slug, region, currency, tier, state, reason, cell, epoch, durability
    case timeZone = "time_zone"
    case parentID = "parent_id"
    case createdAt = "created_at"
  }

  init(_ tenant: TenantRecord, provisioned: Bool? = nil) {
    id = tenant.id.rawValue
    name = tenant.name
    slug = tenant.slug
    region = tenant.region.rawValue
    currency = tenant.currency.code
    timeZone = tenant.timeZone
    tier = tenant.tier
    parentID = tenant.parent?.rawValue
    state =
      provisioned ?? tenant.isProvisioned
      ? tenant.state.rawValue : TenantStateRule.provisioning
    reason = tenant.reason
    cell = tenant.placement.cell.rawValue
    epoch = tenant.placement.epoch.rawValue
    durability = tenant.durability
    createdAt = tenant.createdAt
  }
}
