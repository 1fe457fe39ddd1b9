import Storage
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
  }
}
