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
