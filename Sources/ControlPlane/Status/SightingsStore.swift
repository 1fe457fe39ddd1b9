import Storage
import Wire

extension PlatformRows {
  func sightings() throws -> [ProblemSightings.Key: Timestamp] {
    let rows = try connection.rows("SELECT cell, code, tenant, since FROM sightings") {
      (
        ProblemSightings.Key(
          cell: CellID(trusted: $0.text(0)), code: $0.text(1), tenant: $0.text(2)),
        Timestamp(milliseconds: $0.int64(3))
      )
    }
    return Dictionary(rows, uniquingKeysWith: min)
  }

  /// Remembers since when a problem stands; what is known stays.
  func put(_ key: ProblemSightings.Key, since: Timestamp) throws {
    try connection.run(
      """
      INSERT INTO sightings (cell, code, tenant, since) VALUES (?1, ?2, ?3, ?4)
      ON CONFLICT (cell, code, tenant) DO NOTHING
      """, .text(key.cell.rawValue), .text(key.code), .text(key.tenant),
      .integer(since.milliseconds))
  }

  func remove(_ key: ProblemSightings.Key) throws {
    try connection.run(
      "DELETE FROM sightings WHERE cell = ?1 AND code = ?2 AND tenant = ?3",
      .text(key.cell.rawValue), .text(key.code), .text(key.tenant))
  }
}
