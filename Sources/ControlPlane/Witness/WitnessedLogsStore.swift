import Storage
import Trust
import Wire

/// How far the witness has followed a tenant's audit log.
struct WitnessedLog: Hashable, Sendable {
  let tenant: TenantID
  /// The log's key as it was first seen.
  let key: [UInt8]
  let checkpoint: Checkpoint
}

extension PlatformRows {
  func witnessedLog(_ tenant: TenantID) throws -> WitnessedLog? {
    try connection.first(
      "SELECT key, checkpoint FROM witnessed_logs WHERE tenant = ?1", .text(tenant.rawValue)
    ) { row in
      Checkpoint(row.text(1)).map {
        WitnessedLog(tenant: tenant, key: row.blob(0), checkpoint: $0)
      }
    } ?? nil
  }

  /// Says that the tenant's log may go on from an earlier point, once.
  func acceptBranch(_ id: String, _ tenant: TenantID, reason: String, at now: Timestamp) throws {
    try connection.run(
      """
      INSERT OR IGNORE INTO witness_branches (id, tenant, reason, accepted_at)
      VALUES (?1, ?2, ?3, ?4)
      """, .text(id), .text(tenant.rawValue), .text(reason), .integer(now.milliseconds))
  }

  /// Uses an acceptance up, the oldest first; nil where there is none of the last day.
  func useBranch(
    of tenant: TenantID, leaving checkpoint: Checkpoint, at now: Timestamp
  ) throws -> (id: String, reason: String)? {
    let branch = try connection.first(
      """
      SELECT id, reason FROM witness_branches
      WHERE tenant = ?1 AND used_at IS NULL AND accepted_at >= ?2
      ORDER BY accepted_at, id LIMIT 1
      """, .text(tenant.rawValue),
      .integer(now.milliseconds - ControlPlaneLimits.branchMilliseconds)
    ) { (id: $0.text(0), reason: $0.text(1)) }
    guard let branch else { return nil }
    try connection.run(
      "UPDATE witness_branches SET used_at = ?1, checkpoint = ?2 WHERE id = ?3",
      .integer(now.milliseconds), .text(checkpoint.text), .text(branch.id))
    return branch
  }

  func put(_ log: WitnessedLog, at now: Timestamp) throws {
    try connection.run(
      """
      INSERT INTO witnessed_logs (tenant, key, checkpoint, at) VALUES (?1, ?2, ?3, ?4)
      ON CONFLICT (tenant) DO UPDATE SET checkpoint = excluded.checkpoint, at = excluded.at
      """,
      .text(log.tenant.rawValue), .blob(log.key), .text(log.checkpoint.text),
      .integer(now.milliseconds))
  }
}
