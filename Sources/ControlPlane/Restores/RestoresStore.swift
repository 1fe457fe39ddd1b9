import Storage
import Wire

extension PlatformRows {
  func restore(_ id: OperationID) throws -> RestoreRecord? {
    try connection.first(
      """
      SELECT id, tenant, target, cell, at, mode, accept, released_at FROM restores WHERE id = ?1
      """, .text(id.rawValue), transform: Self.restore) ?? nil
  }

  /// The last one of a whole cell under this name.
  func restore(ofCell name: String) throws -> RestoreRecord? {
    try connection.first(
      """
      SELECT id, tenant, target, cell, at, mode, accept, released_at FROM restores
      WHERE tenant = ?1 AND at = ?2 ORDER BY id DESC LIMIT 1
      """, .text(TenantID.wholeCell.rawValue), .text(name), transform: Self.restore) ?? nil
  }

  private static func restore(_ row: Row) -> RestoreRecord? {
    RestoreRecord.Mode(rawValue: row.text(5)).map { mode in
      RestoreRecord(
        id: OperationID(trusted: row.text(0)), tenant: TenantID(trusted: row.text(1)),
        target: TenantID(trusted: row.text(2)), cell: CellID(trusted: row.text(3)),
        at: row.text(4), mode: mode, accept: row.int64(6) != 0,
        releasedAt: row.optionalInt64(7).map(Timestamp.init(milliseconds:)))
    }
  }

  func put(_ restore: RestoreRecord) throws {
    try connection.run(
      """
      INSERT INTO restores (id, tenant, target, cell, at, mode, accept, released_at)
      VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
      ON CONFLICT (id) DO UPDATE SET released_at = excluded.released_at
      """,
      .text(restore.id.rawValue), .text(restore.tenant.rawValue), .text(restore.target.rawValue),
      .text(restore.cell.rawValue), .text(restore.at), .text(restore.mode.rawValue),
      .integer(restore.accept ? 1 : 0), .optional(restore.releasedAt?.milliseconds))
  }
}
