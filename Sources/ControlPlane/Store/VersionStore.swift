import Storage
import Wire

/// The platform's version: one number that rises with every change that a cell or router learns of
/// (placement, claims, cells, Meta apps, stops, states). It is raised in the transaction of the
/// change, so what was published is never above what is stored.
extension PlatformRows {
  func version() throws -> UInt64 {
    try connection.first("SELECT value FROM counters WHERE name = 'version'") {
      UInt64(bitPattern: $0.int64(0))
    } ?? 0
  }

  /// Raises the version by one and answers the new one.
  func raiseVersion() throws -> UInt64 {
    let next = try version() + 1
    try connection.run(
      """
      INSERT INTO counters (name, value) VALUES ('version', ?1)
      ON CONFLICT (name) DO UPDATE SET value = excluded.value
      """, .integer(Int64(bitPattern: next)))
    return next
  }
}
