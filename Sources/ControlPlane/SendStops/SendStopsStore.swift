import Storage
import Wire

extension PlatformRows {
  func sendStop(_ scope: SendStopScope, _ id: String) throws -> SendStop? {
    try connection.first(
      """
      SELECT scope, id, reason, since, version, lifted FROM send_stops WHERE scope = ?1 AND id = ?2
      """, .text(scope.rawValue), .text(id), transform: Self.sendStop) ?? nil
  }

  /// Every stop, lifted ones too.
  func sendStops() throws -> [SendStop] {
    try connection.rows(
      "SELECT scope, id, reason, since, version, lifted FROM send_stops ORDER BY scope, id",
      transform: Self.sendStop
    ).compactMap { $0 }
  }

  func standingSendStops(afterScope scope: String, id: String, limit: Int) throws -> [SendStop] {
    try connection.rows(
      """
      SELECT scope, id, reason, since, version, lifted FROM send_stops
      WHERE lifted = 0 AND (scope, id) > (?1, ?2) ORDER BY scope, id LIMIT ?3
      """, .text(scope), .text(id), .int(limit), transform: Self.sendStop
    ).compactMap { $0 }
  }

  /// The stops of cells that stand.
  func standingCellStops() throws -> [SendStop] {
    try connection.rows(
      """
      SELECT scope, id, reason, since, version, lifted FROM send_stops
      WHERE scope = 'cell' AND lifted = 0 ORDER BY id
      """, transform: Self.sendStop
    ).compactMap { $0 }
  }

  func put(_ stop: SendStop) throws {
    try connection.run(
      """
      INSERT INTO send_stops (scope, id, reason, since, version, lifted)
      VALUES (?1, ?2, ?3, ?4, ?5, ?6)
      ON CONFLICT (scope, id) DO UPDATE SET
        reason = excluded.reason, since = excluded.since, version = excluded.version,
        lifted = excluded.lifted
      """,
      .text(stop.scope.rawValue), .text(stop.id), .text(stop.reason),
      .integer(stop.since.milliseconds), .integer(Int64(bitPattern: stop.version)),
      .integer(stop.isLifted ? 1 : 0))
  }

  private static func sendStop(_ row: Row) -> SendStop? {
    SendStopScope(rawValue: row.text(0)).map { scope in
      SendStop(
        scope: scope, id: row.text(1), reason: row.text(2),
        since: Timestamp(milliseconds: row.int64(3)), version: UInt64(bitPattern: row.int64(4)),
        isLifted: row.int64(5) != 0)
    }
  }
}
