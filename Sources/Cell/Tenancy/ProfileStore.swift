import Storage
import Wire

/// Who a tenant is.
public struct TenantProfile: Hashable, Sendable {
  public let name: String
  public let slug: String
  public let region: String
  public let currency: Currency
  public let timeZone: String
  public let tier: String
  public let parent: String
  public let createdAt: Timestamp
}

/// The one row that says who a tenant is.
struct ProfileStore {
  let connection: Connection

  init(_ transaction: Transaction) throws { connection = try transaction.file(.sessions) }
  init(_ snapshot: Snapshot) { connection = snapshot.file(.sessions) }

  func set(_ profile: TenantProfile) throws {
    try connection.run(
      """
      INSERT INTO profile (id, name, slug, region, currency, time_zone, tier, parent, created_at)
      VALUES (1, ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
      ON CONFLICT (id) DO UPDATE SET
        name = excluded.name, slug = excluded.slug, region = excluded.region,
        time_zone = excluded.time_zone, tier = excluded.tier, parent = excluded.parent
      """,
      .text(profile.name), .text(profile.slug), .text(profile.region),
      .text(profile.currency.code), .text(profile.timeZone), .text(profile.tier),
      .text(profile.parent), .integer(profile.createdAt.milliseconds))
  }

  func profile() throws -> TenantProfile? {
    let row = try connection.first(
      """
      SELECT name, slug, region, currency, time_zone, tier, parent, created_at FROM profile
      """
    ) { row in
      Currency(row.text(3)).map { currency in
        TenantProfile(
          name: row.text(0), slug: row.text(1), region: row.text(2), currency: currency,
          timeZone: row.text(4), tier: row.text(5), parent: row.text(6),
          createdAt: Timestamp(milliseconds: row.int64(7)))
      }
    }
    return row ?? nil
  }
}
