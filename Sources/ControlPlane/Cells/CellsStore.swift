import Storage
import Wire

extension PlatformRows {
  func cell(_ id: CellID) throws -> CellRecord? {
    try connection.first(
      """
      SELECT id, region, address, generation, state, version, joined_at, map_version
      FROM cells WHERE id = ?1
      """, .text(id.rawValue), transform: Self.cellRecord) ?? nil
  }

  func cells() throws -> [CellRecord] {
    try connection.rows(
      """
      SELECT id, region, address, generation, state, version, joined_at, map_version
      FROM cells ORDER BY id
      """, transform: Self.cellRecord
    ).compactMap { $0 }
  }

  func cells(changedAfter version: UInt64) throws -> [CellRecord] {
    try connection.rows(
      """
      SELECT id, region, address, generation, state, version, joined_at, map_version
      FROM cells WHERE map_version > ?1 ORDER BY map_version
      """, .integer(Int64(bitPattern: version)), transform: Self.cellRecord
    ).compactMap { $0 }
  }

  func put(_ cell: CellRecord) throws {
    try connection.run(
      """
      INSERT INTO cells (id, region, address, generation, state, version, joined_at, map_version)
      VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
      ON CONFLICT (id) DO UPDATE SET
        region = excluded.region, address = excluded.address, generation = excluded.generation,
        state = excluded.state, version = excluded.version, map_version = excluded.map_version
      """,
      .text(cell.id.rawValue), .text(cell.region.rawValue), .text(cell.address),
      .integer(Int64(bitPattern: cell.generation.rawValue)), .text(cell.state.rawValue),
      .text(cell.version), .integer(cell.joinedAt.milliseconds),
      .integer(Int64(bitPattern: cell.mapVersion)))
  }

  /// A row whose state this version does not know is not shown rather than misread.
  private static func cellRecord(_ row: Row) -> CellRecord? {
    CellState(rawValue: row.text(4)).map { state in
      CellRecord(
        id: CellID(trusted: row.text(0)), region: RegionID(trusted: row.text(1)),
        address: row.text(2), generation: Generation(UInt64(bitPattern: row.int64(3))),
        state: state, version: row.text(5), joinedAt: Timestamp(milliseconds: row.int64(6)),
        mapVersion: UInt64(bitPattern: row.int64(7)))
    }
  }

  // MARK: Join tokens

  func insert(_ token: JoinToken) throws {
    try connection.run(
      """
      INSERT INTO join_tokens (id, hash, cell, region, created_at, expires_at)
      VALUES (?1, ?2, ?3, ?4, ?5, ?6)
      """,
      .text(token.id), .blob(token.hash), .optional(token.cell?.rawValue),
      .optional(token.region?.rawValue), .integer(token.createdAt.milliseconds),
      .integer(token.expiresAt.milliseconds))
  }

  func joinToken(hash: [UInt8]) throws -> JoinToken? {
    try connection.first(
      """
      SELECT id, hash, cell, region, created_at, expires_at, used_by, used_address
      FROM join_tokens WHERE hash = ?1
      """, .blob(hash)
    ) { row in
      JoinToken(
        id: row.text(0), hash: row.blob(1), cell: row.optionalText(2).map(CellID.init(trusted:)),
        region: row.optionalText(3).map(RegionID.init(trusted:)),
        createdAt: Timestamp(milliseconds: row.int64(4)),
        expiresAt: Timestamp(milliseconds: row.int64(5)),
        usedBy: row.optionalText(6).map(CellID.init(trusted:)), usedAddress: row.optionalText(7))
    }
  }

  func use(_ token: JoinToken, by cell: CellID, address: String) throws {
    try connection.run(
      "UPDATE join_tokens SET used_by = ?2, used_address = ?3 WHERE id = ?1",
      .text(token.id), .text(cell.rawValue), .text(address))
  }

  /// Removes tokens that have expired, at most `limit`.
  func removeJoinTokens(expiredAt now: Timestamp, limit: Int) throws {
    try connection.run(
      """
      DELETE FROM join_tokens
      WHERE id IN (SELECT id FROM join_tokens WHERE expires_at <= ?1 LIMIT ?2)
      """, .integer(now.milliseconds), .int(limit))
  }
}
