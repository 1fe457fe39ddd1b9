import Cryptography
import Storage
import Trust
import Wire

/// One admin action, as it was done.
struct AuditEntry: Hashable, Sendable {
  let operatorID: String
  let action: String
  let subject: String
  /// What changed, for people; never a secret.
  let detail: String
  let traceID: String
}

extension PlatformRows {
  /// Appends in the transaction of the action.
  func append(_ entry: AuditEntry, id: RowID, at now: Timestamp) throws {
    try connection.run(
      """
      INSERT INTO audit (id, at, operator, action, subject, detail, trace_id)
      VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
      """,
      .integer(id.rawValue), .integer(now.milliseconds), .text(entry.operatorID),
      .text(entry.action), .text(entry.subject), .text(entry.detail), .text(entry.traceID))
    let body = AuditEvent(
      sequence: try auditSize(), at: now, action: entry.action,
      actor: .init(.platformOperator, entry.operatorID), subject: entry.subject,
      detail: entry.detail.isEmpty ? [] : [.init("detail", entry.detail)], traceID: entry.traceID
    ).json
    try connection.run(
      "INSERT INTO audit_log (sequence, body, leaf) VALUES (?1, ?2, ?3)",
      .integer(try auditSize()), .blob(body), .blob(MerkleTree.leaf(body)))
  }

  /// The newest entry of an action on a subject; nil where there is none.
  func lastAudit(of action: String, subject: String) throws -> AuditEntry? {
    try connection.first(
      """
      SELECT operator, action, subject, detail, trace_id FROM audit
      WHERE action = ?1 AND subject = ?2 ORDER BY id DESC LIMIT 1
      """, .text(action), .text(subject)
    ) { row in
      AuditEntry(
        operatorID: row.text(0), action: row.text(1), subject: row.text(2),
        detail: row.text(3), traceID: row.text(4))
    }
  }

  func auditSize() throws -> Int64 {
    try connection.first("SELECT coalesce(max(sequence) + 1, 0) FROM audit_log") {
      $0.int64(0)
    } ?? 0
  }

  /// The bytes of entries from `sequence` on, in order.
  func auditBodies(from sequence: Int64, limit: Int) throws -> [[UInt8]] {
    try connection.rows(
      "SELECT body FROM audit_log WHERE sequence >= ?1 ORDER BY sequence LIMIT ?2",
      .integer(sequence), .int(limit)
    ) { $0.blob(0) }
  }

  /// Entries after a position of the log, the oldest first.
  func auditEvents(after sequence: Int64, limit: Int) throws -> [AuditEvent] {
    try connection.rows(
      "SELECT body FROM audit_log WHERE sequence > ?1 ORDER BY sequence LIMIT ?2",
      .integer(sequence), .int(limit)
    ) { AuditEvent(json: $0.blob(0)) }.compactMap { $0 }
  }

  /// Entries before `sequence`, the newest first.
  func auditEvents(before sequence: Int64, limit: Int) throws -> [AuditEvent] {
    try connection.rows(
      "SELECT body FROM audit_log WHERE sequence < ?1 ORDER BY sequence DESC LIMIT ?2",
      .integer(sequence), .int(limit)
    ) { AuditEvent(json: $0.blob(0)) }.compactMap { $0 }
  }

  /// Alerts before `sequence`, the newest first.
  ///
  /// Looks through the log: operators' acts are few.
  func auditAlerts(before sequence: Int64, limit: Int) throws -> [AuditEvent] {
    var alerts: [AuditEvent] = []
    var before = sequence
    while alerts.count < limit {
      let page = try auditEvents(before: before, limit: 500)
      alerts += page.filter { AlertRule.isAlert($0) }
      guard page.count == 500, let last = page.last else { break }
      before = last.sequence
    }
    return Array(alerts.prefix(limit))
  }

  /// The platform's log as it is, signed.
  ///
  /// Reads all leaves: operators' acts are few.
  func auditCheckpoint(key: SigningKey) throws -> Checkpoint {
    var tree = GrowingTree()
    try connection.query("SELECT leaf FROM audit_log ORDER BY sequence") { row in
      tree.append(leaf: row.blob(0))
    }
    return Checkpoint(origin: Checkpoint.platformOrigin, size: tree.size, root: tree.root)
      .signed(Checkpoint.platformOrigin, by: key)
  }
}
