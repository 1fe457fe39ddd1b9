import Storage
import Wire

/// The last record that a follower has reported since its cell's register names it.
struct ReachedSeq: Hashable, Sendable {
  let cell: CellID
  let replica: String
  let seq: UInt64
}

/// What named followers have reached, over restarts of this process: one that comes back with less
/// has another disk, or an older image of its own.
///
/// Rows of `counters`: they are written at every format level.
extension PlatformRows {
  private static let reachedPrefix = "reached/"

  func reached() throws -> [CellID: [String: UInt64]] {
    let rows = try connection.rows(
      """
      SELECT substr(name, length(?1) + 1), value FROM counters
      WHERE substr(name, 1, length(?1)) = ?1
      """, .text(Self.reachedPrefix)
    ) { (name: $0.text(0), seq: UInt64(clamping: $0.int64(1))) }
    var reached: [CellID: [String: UInt64]] = [:]
    for row in rows {
      // Neither name has the separator.
      let names = row.name.split(separator: "/").map(String.init)
      guard names.count == 2 else { continue }
      reached[CellID(trusted: names[0]), default: [:]][names[1]] = row.seq
    }
    return reached
  }

  /// It never falls while the register names the follower; of one that it does not name nothing is
  /// kept.
  func keep(_ reached: ReachedSeq) throws {
    guard try register(of: reached.cell)?.promotable.contains(reached.replica) == true else {
      return
    }
    try connection.run(
      """
      INSERT INTO counters (name, value) VALUES (?1, ?2)
      ON CONFLICT (name) DO UPDATE SET value = max(value, excluded.value)
      """, .text(Self.reachedName(reached.cell, reached.replica)),
      .integer(Int64(clamping: reached.seq)))
  }

  /// The register was written: who is not named may be cut, or get another disk.
  func forgetReached(of cell: CellID, except named: Set<String>) throws {
    for replica in try reached()[cell, default: [:]].keys where !named.contains(replica) {
      try connection.run(
        "DELETE FROM counters WHERE name = ?1", .text(Self.reachedName(cell, replica)))
    }
  }

  private static func reachedName(_ cell: CellID, _ replica: String) -> String {
    "\(reachedPrefix)\(cell)/\(replica)"
  }
}
