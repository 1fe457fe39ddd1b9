import Storage
import Wire

extension PlatformRows {
  /// The tenants of a lost cell as operations have left them.
  func spreadTenants(of cell: CellID) throws -> [SpreadTenant] {
    try connection.rows(
      """
      SELECT cell, tenant, operation, from_epoch, to_cell, to_epoch, state, code, detail
      FROM spread_tenants WHERE cell = ?1 ORDER BY tenant
      """, .text(cell.rawValue), transform: Self.spreadTenant
    ).compactMap { $0 }
  }

  /// Those that one operation has taken on; of one state, or all.
  func spreadTenants(
    of operation: OperationID, in state: SpreadTenant.State? = nil
  ) throws -> [SpreadTenant] {
    try connection.rows(
      """
      SELECT cell, tenant, operation, from_epoch, to_cell, to_epoch, state, code, detail
      FROM spread_tenants WHERE operation = ?1 AND (?2 IS NULL OR state = ?2) ORDER BY tenant
      """, .text(operation.rawValue), .optional(state?.rawValue), transform: Self.spreadTenant
    ).compactMap { $0 }
  }

  func put(_ tenant: SpreadTenant) throws {
    try connection.run(
      """
      INSERT INTO spread_tenants (cell, tenant, operation, from_epoch, to_cell, to_epoch, state,
        code, detail)
      VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
      ON CONFLICT (cell, tenant) DO UPDATE SET
        operation = excluded.operation, from_epoch = excluded.from_epoch,
        to_cell = excluded.to_cell, to_epoch = excluded.to_epoch, state = excluded.state,
        code = excluded.code, detail = excluded.detail
      """,
      .text(tenant.cell.rawValue), .text(tenant.tenant.rawValue), .text(tenant.operation.rawValue),
      .integer(Int64(bitPattern: tenant.from.rawValue)), .optional(tenant.to?.cell.rawValue),
      .optional(tenant.to.map { Int64(bitPattern: $0.epoch.rawValue) }),
      .text(tenant.state.rawValue), .text(tenant.code), .text(tenant.detail))
  }

  /// What brings a lost cell or its tenants back now, the oldest first.
  func runningRecoveries(of cell: CellID) throws -> [Operation] {
    try connection.rows(
      """
      SELECT id FROM operations
      WHERE kind IN ('cell.restore', 'cell.spread') AND subject = ?1 AND state = 'running'
      ORDER BY id
      """, .text(cell.rawValue)
    ) { OperationID(trusted: $0.text(0)) }.compactMap { try operation($0) }
  }

  private static func spreadTenant(_ row: Row) -> SpreadTenant? {
    guard let state = SpreadTenant.State(rawValue: row.text(6)) else { return nil }
    let to = row.optionalText(4).flatMap { cell in
      row.optionalInt64(5).map {
        Placement(cell: CellID(trusted: cell), epoch: Epoch(UInt64(bitPattern: $0)))
      }
    }
    return SpreadTenant(
      cell: CellID(trusted: row.text(0)), tenant: TenantID(trusted: row.text(1)),
      operation: OperationID(trusted: row.text(2)),
      from: Epoch(UInt64(bitPattern: row.int64(3))), to: to, state: state, code: row.text(7),
      detail: row.text(8))
  }
}
