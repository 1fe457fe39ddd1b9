import Storage
import Wire

/// A webhook part as it waits in the spool.
struct SpooledPart: Hashable, Sendable {
  let id: RowID
  let receivedAt: Timestamp
  let reason: String
  let tenant: String
  let sha256: [UInt8]
  /// A serialized `ProtoSpoolPart`.
  let content: [UInt8]
}

/// The spool's rows.
struct SpoolStore {
  let connection: Connection

  init(_ transaction: Transaction) throws { connection = try transaction.file(.spool) }
  init(_ snapshot: Snapshot) { connection = snapshot.file(.spool) }

  /// Stores a part once; answers the row that holds its content, new or old.
  func store(_ part: SpooledPart) throws -> RowID {
    let known = try connection.first(
      "SELECT id FROM spool_parts WHERE sha256 = ?1", .blob(part.sha256)
    ) { RowID($0.int64(0)) }
    if let known { return known }
    try connection.run(
      """
      INSERT INTO spool_parts (id, received_at, reason, tenant, sha256, content)
      VALUES (?1, ?2, ?3, ?4, ?5, ?6)
      """,
      .integer(part.id.rawValue), .integer(part.receivedAt.milliseconds), .text(part.reason),
      .text(part.tenant), .blob(part.sha256), .blob(part.content))
    return part.id
  }

  /// At most `limit` parts after `after`, oldest first.
  func list(after: RowID, limit: Int) throws -> [SpooledPart] {
    try connection.rows(
      """
      SELECT id, received_at, reason, tenant, sha256, content FROM spool_parts
      WHERE id > ?1 ORDER BY id LIMIT ?2
      """, .integer(after.rawValue), .int(limit), transform: Self.part)
  }

  func find(_ id: RowID) throws -> SpooledPart? {
    try connection.first(
      """
      SELECT id, received_at, reason, tenant, sha256, content FROM spool_parts WHERE id = ?1
      """, .integer(id.rawValue), transform: Self.part)
  }

  func remove(_ id: RowID) throws {
    try connection.run("DELETE FROM spool_parts WHERE id = ?1", .integer(id.rawValue))
  }

  func count() throws -> Int {
    try connection.first("SELECT count(*) FROM spool_parts") { $0.int(0) } ?? 0
  }

  private static func part(_ row: Row) -> SpooledPart {
    SpooledPart(
      id: RowID(row.int64(0)), receivedAt: Timestamp(milliseconds: row.int64(1)),
      reason: row.text(2), tenant: row.text(3), sha256: row.blob(4), content: row.blob(5))
  }
}
