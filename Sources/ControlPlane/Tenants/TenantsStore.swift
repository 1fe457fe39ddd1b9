import Storage
import Wire

extension PlatformRows {
  func tenant(_ id: TenantID) throws -> TenantRecord? {
    let durability = try durability(of: id)
    return try connection.first(
      """
      SELECT id, name, slug, region, currency, time_zone, tier, parent, state, reason, provisioned,
        cell, epoch, created_at, map_version
      FROM tenants WHERE id = ?1
      """, .text(id.rawValue)
    ) { Self.tenantRecord($0, [id: durability]) } ?? nil
  }

  /// At most `limit` tenants whose id is after `after`, by id.
  func tenants(after: String, limit: Int) throws -> [TenantRecord] {
    let modes = try durabilities()
    return try connection.rows(
      """
      SELECT id, name, slug, region, currency, time_zone, tier, parent, state, reason, provisioned,
        cell, epoch, created_at, map_version
      FROM tenants WHERE id > ?1 ORDER BY id LIMIT ?2
      """, .text(after), .int(limit)
    ) { Self.tenantRecord($0, modes) }.compactMap { $0 }
  }

  func tenants(on cell: CellID) throws -> [TenantRecord] {
    let modes = try durabilities()
    return try connection.rows(
      """
      SELECT id, name, slug, region, currency, time_zone, tier, parent, state, reason, provisioned,
        cell, epoch, created_at, map_version
      FROM tenants WHERE cell = ?1 ORDER BY id
      """, .text(cell.rawValue)
    ) { Self.tenantRecord($0, modes) }.compactMap { $0 }
  }

  /// By version: in any other order SQLite would look at every tenant there is.
  func tenants(changedAfter version: UInt64) throws -> [TenantRecord] {
    let modes = try durabilities()
    return try connection.rows(
      """
      SELECT id, name, slug, region, currency, time_zone, tier, parent, state, reason, provisioned,
        cell, epoch, created_at, map_version
      FROM tenants WHERE map_version > ?1 ORDER BY map_version
      """, .integer(Int64(bitPattern: version))
    ) { Self.tenantRecord($0, modes) }.compactMap { $0 }
  }

  /// Tenants of one cell, counted in an index over that cell's alone.
  func tenantCount(on cell: CellID) throws -> Int {
    try connection.first(
      "SELECT count(*) FROM tenants WHERE cell = ?1", .text(cell.rawValue)
    ) { $0.int(0) } ?? 0
  }

  /// Tenants per cell, and whether one of them is dedicated.
  ///
  /// Counted anew, so that it is what the transaction sees: out of an index, a millisecond for each
  /// 10,000 tenants. Where one cell is asked about, ``tenantCount(on:)`` looks at its own only.
  func tenantCounts() throws -> [CellID: (tenants: Int, hasDedicated: Bool)] {
    var result: [CellID: (tenants: Int, hasDedicated: Bool)] = [:]
    try connection.query(
      "SELECT cell, count(*), max(tier = ?1) FROM tenants GROUP BY cell",
      .text(PlacementRule.dedicatedTier)
    ) { row in
      result[CellID(trusted: row.text(0))] = (row.int(1), row.int(2) != 0)
    }
    return result
  }

  func put(_ tenant: TenantRecord) throws {
    try connection.run(
      """
      INSERT INTO tenants (id, name, slug, region, currency, time_zone, tier, parent, state, reason,
        provisioned, cell, epoch, created_at, map_version)
      VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)
      ON CONFLICT (id) DO UPDATE SET
        name = excluded.name, slug = excluded.slug, time_zone = excluded.time_zone,
        state = excluded.state, reason = excluded.reason, provisioned = excluded.provisioned,
        cell = excluded.cell, epoch = excluded.epoch, map_version = excluded.map_version
      """,
      .text(tenant.id.rawValue), .text(tenant.name), .text(tenant.slug),
      .text(tenant.region.rawValue), .text(tenant.currency.code), .text(tenant.timeZone),
      .text(tenant.tier), .optional(tenant.parent?.rawValue), .text(tenant.state.rawValue),
      .text(tenant.reason), .integer(tenant.isProvisioned ? 1 : 0),
      .text(tenant.placement.cell.rawValue),
      .integer(Int64(bitPattern: tenant.placement.epoch.rawValue)),
      .integer(tenant.createdAt.milliseconds), .integer(Int64(bitPattern: tenant.version)))
    try put(tenant.durability, of: tenant.id)
  }

  private static func tenantRecord(
    _ row: Row, _ modes: [TenantID: TenantDurability]
  ) -> TenantRecord? {
    let id = TenantID(trusted: row.text(0))
    guard let currency = Currency(row.text(4)), let state = TenantState(rawValue: row.text(8))
    else { return nil }
    return TenantRecord(
      id: id, name: row.text(1), slug: row.text(2),
      region: RegionID(trusted: row.text(3)), currency: currency, timeZone: row.text(5),
      tier: row.text(6), parent: row.optionalText(7).map(TenantID.init(trusted:)), state: state,
      reason: row.text(9), isProvisioned: row.int64(10) != 0,
      placement: Placement(
        cell: CellID(trusted: row.text(11)), epoch: Epoch(UInt64(bitPattern: row.int64(12)))),
      durability: modes[id] ?? .cell, createdAt: Timestamp(milliseconds: row.int64(13)),
      version: UInt64(bitPattern: row.int64(14)))
  }
}
