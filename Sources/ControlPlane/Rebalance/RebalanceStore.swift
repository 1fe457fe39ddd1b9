import Storage
import Wire

extension PlatformRows {
  func rebalance(_ id: OperationID) throws -> RebalanceRecord? {
    try connection.first(
      "SELECT id, cell, region, dry_run, maximum_moves FROM rebalances WHERE id = ?1",
      .text(id.rawValue)
    ) { row in
      RebalanceRecord(
        id: OperationID(trusted: row.text(0)),
        cell: row.optionalText(1).map(CellID.init(trusted:)),
        region: row.optionalText(2).map(RegionID.init(trusted:)), isDryRun: row.int64(3) != 0,
        maximumMoves: row.int(4))
    }
  }

  func insert(_ rebalance: RebalanceRecord) throws {
    try connection.run(
      """
      INSERT INTO rebalances (id, cell, region, dry_run, maximum_moves)
      VALUES (?1, ?2, ?3, ?4, ?5)
      """,
      .text(rebalance.id.rawValue), .optional(rebalance.cell?.rawValue),
      .optional(rebalance.region?.rawValue), .integer(rebalance.isDryRun ? 1 : 0),
      .int(rebalance.maximumMoves))
  }

  /// Drains and rebalances that have not ended, the oldest first.
  func runningRebalances() throws -> [OperationID] {
    try connection.rows(
      """
      SELECT id FROM operations WHERE state = 'running' AND kind IN ('cell.drain', 'rebalance')
      ORDER BY id
      """
    ) { OperationID(trusted: $0.text(0)) }
  }

  /// Tenants that move now.
  func movingTenants() throws -> Set<TenantID> {
    Set(
      try connection.rows("SELECT tenant FROM moves WHERE state = 'pending' AND dry_run = 0") {
        TenantID(trusted: $0.text(0))
      })
  }

  /// Whether a tenant is on its way to a cell.
  func isMoveTarget(_ cell: CellID) throws -> Bool {
    try connection.first(
      "SELECT 1 FROM moves WHERE to_cell = ?1 AND state = 'pending' AND dry_run = 0 LIMIT 1",
      .text(cell.rawValue)
    ) { _ in true } ?? false
  }

  /// How many moves were planned, and how many of them have ended.
  func plannedMoveCounts(of operation: OperationID) throws -> (all: Int, ended: Int) {
    try connection.first(
      """
      SELECT count(*), coalesce(sum(state NOT IN ('planned', 'moving')), 0)
      FROM planned_moves WHERE operation = ?1
      """, .text(operation.rawValue)
    ) { ($0.int(0), $0.int(1)) } ?? (0, 0)
  }

  /// In the order of the plan; those that have not ended, or all.
  func plannedMoves(of operation: OperationID, isOpen: Bool) throws -> [PlannedMove] {
    try connection.rows(
      """
      SELECT tenant, from_cell, to_cell, reason, state, move, attempts, not_before, detail
      FROM planned_moves
      WHERE operation = ?1 AND (?2 = 0 OR state IN ('planned', 'moving')) ORDER BY position
      """, .text(operation.rawValue), .integer(isOpen ? 1 : 0)
    ) { row -> PlannedMove? in
      guard let reason = RebalancePlan.Reason(rawValue: row.text(3)),
        let state = PlannedMove.State(rawValue: row.text(4))
      else { return nil }
      return PlannedMove(
        tenant: TenantID(trusted: row.text(0)), from: CellID(trusted: row.text(1)),
        to: CellID(trusted: row.text(2)), reason: reason, state: state,
        move: row.optionalText(5).map(OperationID.init(trusted:)), attempts: row.int(6),
        notBefore: Timestamp(milliseconds: row.int64(7)), detail: row.text(8))
    }.compactMap { $0 }
  }

  /// Adds a plan's moves behind those that there are; one of a tenant that has one replaces it.
  func plan(_ moves: [PlannedMove], for operation: OperationID) throws {
    var position =
      try connection.first(
        "SELECT count(*) FROM planned_moves WHERE operation = ?1", .text(operation.rawValue)
      ) { $0.int(0) } ?? 0
    for move in moves {
      try connection.run(
        """
        INSERT INTO planned_moves (operation, tenant, position, from_cell, to_cell, reason, state,
          move, attempts, not_before, detail)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)
        ON CONFLICT (operation, tenant) DO UPDATE SET
          position = excluded.position, from_cell = excluded.from_cell,
          to_cell = excluded.to_cell, state = excluded.state, move = excluded.move,
          not_before = excluded.not_before, detail = excluded.detail
        """,
        .text(operation.rawValue), .text(move.tenant.rawValue), .int(position),
        .text(move.from.rawValue), .text(move.to.rawValue), .text(move.reason.rawValue),
        .text(move.state.rawValue), .optional(move.move?.rawValue), .int(move.attempts),
        .integer(move.notBefore.milliseconds), .text(move.detail))
      position += 1
    }
  }

  func put(_ move: PlannedMove, of operation: OperationID) throws {
    try connection.run(
      """
      UPDATE planned_moves
      SET state = ?3, move = ?4, attempts = ?5, not_before = ?6, detail = ?7
      WHERE operation = ?1 AND tenant = ?2
      """,
      .text(operation.rawValue), .text(move.tenant.rawValue), .text(move.state.rawValue),
      .optional(move.move?.rawValue), .int(move.attempts),
      .integer(move.notBefore.milliseconds), .text(move.detail))
  }
}
