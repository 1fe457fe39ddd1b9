import Storage
import Wire

/// A webhook part as it waits in the spool.
struct SpooledPart: Hashable, Sendable {
  let id: RowID
  let receivedAt: Timestamp
  let reason: String
  let tenant: String
  let sha256: [UInt8]
  /// A serialized `ProtoSpoolPart`; while it is being stored, its end.
  let content: [UInt8]
}

/// The spool's rows.
///
/// A content too large for one command is kept in chunks and an end. Chunks of a part whose end
/// never came are no part, and go after a day.
struct SpoolStore {
  let connection: Connection

  init(_ transaction: Transaction) throws { connection = try transaction.file(.spool) }
  init(_ snapshot: Snapshot) { connection = snapshot.file(.spool) }
  init(connection: Connection) { self.connection = connection }

  /// The part with this content, where it is whole.
  func id(of sha256: [UInt8]) throws -> RowID? {
    try connection.first("SELECT id FROM spool_parts WHERE sha256 = ?1", .blob(sha256)) {
      RowID($0.int64(0))
    }
  }

  /// Stores a part, or the end of one; the content must not be there yet.
  func insert(_ part: SpooledPart) throws {
    try connection.run(
      """
      INSERT INTO spool_parts (id, received_at, reason, tenant, sha256, content)
      VALUES (?1, ?2, ?3, ?4, ?5, ?6)
      """,
      .integer(part.id.rawValue), .integer(part.receivedAt.milliseconds), .text(part.reason),
      .text(part.tenant), .blob(part.sha256), .blob(part.content))
  }

  /// Stores a chunk; one that stands at its position stays.
  func insertChunk(_ sha256: [UInt8], _ position: Int, _ content: [UInt8], at now: Timestamp)
    throws
  {
    try connection.run(
      """
      INSERT INTO spool_chunks (sha256, position, stored_at, content) VALUES (?1, ?2, ?3, ?4)
      ON CONFLICT (sha256, position) DO NOTHING
      """, .blob(sha256), .int(position), .integer(now.milliseconds), .blob(content))
  }

  /// Everything before the end of a content, in order.
  func chunks(_ sha256: [UInt8]) throws -> [UInt8] {
    try connection.rows(
      "SELECT content FROM spool_chunks WHERE sha256 = ?1 ORDER BY position", .blob(sha256)
    ) { $0.blob(0) }.flatMap { $0 }
  }

  func removeChunks(_ sha256: [UInt8]) throws {
    try connection.run("DELETE FROM spool_chunks WHERE sha256 = ?1", .blob(sha256))
  }

  /// Removes the chunks of one part whose end has not come since `time`.
  func removeAbandoned(before time: Timestamp) throws {
    let abandoned = try connection.first(
      """
      SELECT sha256 FROM spool_chunks AS c WHERE stored_at < ?1
        AND NOT EXISTS (SELECT 1 FROM spool_parts AS p WHERE p.sha256 = c.sha256) LIMIT 1
      """, .integer(time.milliseconds)
    ) { $0.blob(0) }
    if let abandoned { try removeChunks(abandoned) }
  }

  /// At most `limit` parts after `after`, oldest first, and no more than `bytes` of content; one is
  /// always among them, where there is one.
  func list(after: RowID, limit: Int, bytes: Int) throws -> [SpooledPart] {
    let sizes = try connection.rows(
      """
      SELECT id, length(content) + coalesce((SELECT sum(length(c.content)) FROM spool_chunks AS c
        WHERE c.sha256 = p.sha256), 0)
      FROM spool_parts AS p WHERE id > ?1 ORDER BY id LIMIT ?2
      """, .integer(after.rawValue), .int(limit)
    ) { (id: RowID($0.int64(0)), bytes: $0.int(1)) }
    var parts: [SpooledPart] = []
    var total = 0
    for size in sizes {
      total += size.bytes
      if total > bytes, !parts.isEmpty { break }
      if let part = try find(size.id) { parts.append(part) }
    }
    return parts
  }

  /// A part with its whole content.
  func find(_ id: RowID) throws -> SpooledPart? {
    let part = try connection.first(
      """
      SELECT id, received_at, reason, tenant, sha256, content FROM spool_parts WHERE id = ?1
      """, .integer(id.rawValue), transform: Self.part)
    guard let part else { return nil }
    let beginning = try chunks(part.sha256)
    guard !beginning.isEmpty else { return part }
    return SpooledPart(
      id: part.id, receivedAt: part.receivedAt, reason: part.reason, tenant: part.tenant,
      sha256: part.sha256, content: beginning + part.content)
  }

  func remove(_ id: RowID) throws {
    let sha256 = try connection.first(
      "SELECT sha256 FROM spool_parts WHERE id = ?1", .integer(id.rawValue)
    ) { $0.blob(0) }
    guard let sha256 else { return }
    try removeChunks(sha256)
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
