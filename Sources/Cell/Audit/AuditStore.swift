import Storage
import Trust
import Wire

/// The SQL of the audit log.
struct AuditStore {
  private let db: Connection

  init(_ transaction: Transaction) throws { db = try transaction.file(.sessions) }
  init(_ snapshot: Snapshot) { db = snapshot.file(.sessions) }

  /// How many entries there are.
  func size() throws -> Int64 {
    try db.first("SELECT coalesce(max(sequence) + 1, 0) FROM audit_events") { $0.int64(0) } ?? 0
  }

  func insert(_ event: AuditEvent, body: [UInt8], leaf: [UInt8]) throws {
    try db.run(
      "INSERT INTO audit_events (sequence, at, action, body, leaf) VALUES (?, ?, ?, ?, ?)",
      .integer(event.sequence), .integer(event.at.milliseconds), .text(event.action), .blob(body),
      .blob(leaf))
  }

  /// Where a row is there already the log was cut behind it: what proves the log tells, and nobody
  /// is stopped.
  func insertAlert(_ sequence: Int64) throws {
    try db.run("INSERT OR IGNORE INTO audit_alerts (sequence) VALUES (?)", .integer(sequence))
  }

  /// A root that is there already is of a log that was cut: the new one is of the entries that are
  /// there now, so that the log's root is no longer the one that was signed.
  func putTile(level: Int64, position: Int64, root: [UInt8]) throws {
    try db.run(
      """
      INSERT INTO audit_tiles (level, position, root) VALUES (?, ?, ?)
      ON CONFLICT (level, position) DO UPDATE SET root = excluded.root
      """, .integer(level), .integer(position), .blob(root))
  }

  /// Leaves, one after the other.
  func leaves(from start: Int64, count: Int64) throws -> [UInt8] {
    var hashes: [UInt8] = []
    hashes.reserveCapacity(Int(count) * MerkleTree.hashBytes)
    try db.query(
      "SELECT leaf FROM audit_events WHERE sequence >= ? AND sequence < ? ORDER BY sequence",
      .integer(start), .integer(start + count)
    ) { hashes += $0.blob(0) }
    return hashes
  }

  /// Roots of tiles, one after the other.
  func tiles(level: Int64, from start: Int64, count: Int64) throws -> [UInt8] {
    var hashes: [UInt8] = []
    hashes.reserveCapacity(Int(count) * MerkleTree.hashBytes)
    try db.query(
      """
      SELECT root FROM audit_tiles WHERE level = ? AND position >= ? AND position < ?
      ORDER BY position
      """, .integer(level), .integer(start), .integer(start + count)
    ) { hashes += $0.blob(0) }
    return hashes
  }

  /// The bytes of entries from `sequence` on, in order.
  func bodies(from sequence: Int64, limit: Int) throws -> [[UInt8]] {
    try db.rows(
      "SELECT body FROM audit_events WHERE sequence >= ? ORDER BY sequence LIMIT ?",
      .integer(sequence), .int(limit)
    ) { $0.blob(0) }
  }

  /// Entries before `sequence`, the newest first; of one action where it is named.
  func newest(before sequence: Int64, action: String?, limit: Int) throws -> [AuditEvent] {
    try db.rows(
      """
      SELECT body FROM audit_events WHERE sequence < ?1 AND (?2 IS NULL OR action = ?2)
      ORDER BY sequence DESC LIMIT ?3
      """, .integer(sequence), .optional(action), .int(limit)
    ) { AuditEvent(json: $0.blob(0)) }.compactMap { $0 }
  }

  /// Alerts before `sequence`, the newest first.
  func alerts(before sequence: Int64, limit: Int) throws -> [AuditEvent] {
    try db.rows(
      """
      SELECT body FROM audit_alerts JOIN audit_events USING (sequence) WHERE sequence < ?
      ORDER BY sequence DESC LIMIT ?
      """, .integer(sequence), .int(limit)
    ) { AuditEvent(json: $0.blob(0)) }.compactMap { $0 }
  }

  /// Alerts after a position of the log, the oldest first.
  func alerts(after sequence: Int64, limit: Int) throws -> [AuditEvent] {
    try db.rows(
      """
      SELECT body FROM audit_alerts JOIN audit_events USING (sequence) WHERE sequence > ?
      ORDER BY sequence LIMIT ?
      """, .integer(sequence), .int(limit)
    ) { AuditEvent(json: $0.blob(0)) }.compactMap { $0 }
  }

  /// The newest checkpoint that the witness has signed.
  func witnessed() throws -> Checkpoint? {
    try db.first("SELECT body FROM audit_checkpoints ORDER BY size DESC LIMIT 1") {
      Checkpoint($0.text(0))
    } ?? nil
  }

  func insert(_ checkpoint: Checkpoint, at now: Timestamp) throws {
    try db.run(
      "INSERT OR IGNORE INTO audit_checkpoints (size, at, body) VALUES (?, ?, ?)",
      .integer(checkpoint.size), .integer(now.milliseconds), .text(checkpoint.text))
  }
}
