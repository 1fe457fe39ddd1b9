import Storage
import Wire

extension PlatformRows {
  func move(_ id: OperationID) throws -> MoveRecord? {
    try connection.first(
      """
      SELECT id, tenant, from_cell, from_epoch, to_cell, to_epoch, cap_ms, dry_run, state,
        cancelled
      FROM moves WHERE id = ?1
      """, .text(id.rawValue), transform: Self.move) ?? nil
  }

  /// The move of a tenant that is under way.
  func pendingMove(of tenant: TenantID) throws -> MoveRecord? {
    try connection.first(
      """
      SELECT id, tenant, from_cell, from_epoch, to_cell, to_epoch, cap_ms, dry_run, state,
        cancelled
      FROM moves
      WHERE tenant = ?1 AND state = 'pending' AND dry_run = 0
      """, .text(tenant.rawValue), transform: Self.move) ?? nil
  }

  /// Moves to a cell that are under way.
  func pendingMoves(to cell: CellID) throws -> [MoveRecord] {
    try connection.rows(
      """
      SELECT id, tenant, from_cell, from_epoch, to_cell, to_epoch, cap_ms, dry_run, state,
        cancelled
      FROM moves
      WHERE to_cell = ?1 AND state = 'pending' AND dry_run = 0 ORDER BY tenant
      """, .text(cell.rawValue), transform: Self.move
    ).compactMap { $0 }
  }

  /// The highest epoch that was ever armed for a tenant; nil where it never moved.
  func armedEpoch(of tenant: TenantID) throws -> Epoch? {
    try connection.first(
      """
      SELECT max(epoch) FROM (
        SELECT max(to_epoch) AS epoch FROM moves WHERE tenant = ?1
        UNION ALL SELECT max(to_epoch) FROM spread_tenants WHERE tenant = ?1)
      """, .text(tenant.rawValue)
    ) { row in row.optionalInt64(0).map { Epoch(UInt64(bitPattern: $0)) } } ?? nil
  }

  func put(_ move: MoveRecord) throws {
    try connection.run(
      """
      INSERT INTO moves (id, tenant, from_cell, from_epoch, to_cell, to_epoch, cap_ms, dry_run,
        state, cancelled)
      VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
      ON CONFLICT (id) DO UPDATE SET state = excluded.state, cancelled = excluded.cancelled
      """,
      .text(move.id.rawValue), .text(move.tenant.rawValue), .text(move.from.cell.rawValue),
      .integer(Int64(bitPattern: move.from.epoch.rawValue)), .text(move.to.cell.rawValue),
      .integer(Int64(bitPattern: move.to.epoch.rawValue)), .integer(move.capMilliseconds),
      .integer(move.isDryRun ? 1 : 0), .text(move.state.rawValue),
      .integer(move.isCancelled ? 1 : 0))
  }

  private static func move(_ row: Row) -> MoveRecord? {
    guard let state = MoveRecord.State(rawValue: row.text(8)) else { return nil }
    return MoveRecord(
      id: OperationID(trusted: row.text(0)), tenant: TenantID(trusted: row.text(1)),
      from: Placement(
        cell: CellID(trusted: row.text(2)), epoch: Epoch(UInt64(bitPattern: row.int64(3)))),
      to: Placement(
        cell: CellID(trusted: row.text(4)), epoch: Epoch(UInt64(bitPattern: row.int64(5)))),
      capMilliseconds: row.int64(6), isDryRun: row.int64(7) != 0, state: state,
      isCancelled: row.int64(9) != 0)
  }
}
