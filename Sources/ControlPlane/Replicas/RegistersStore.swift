import Storage
import Wire

/// The registers of the cells that have replicas.
extension PlatformRows {
  func register(of cell: CellID) throws -> CellRegister? {
    try connection.first(
      """
      SELECT cell, generation, primary_replica, promotable, version FROM registers WHERE cell = ?1
      """, .text(cell.rawValue)
    ) { row in
      CellRegister(
        cell: CellID(trusted: row.text(0)), generation: Generation(UInt64(row.int64(1))),
        primary: row.text(2),
        promotable: Set(row.text(3).split(separator: " ").map(String.init)),
        version: UInt64(row.int64(4)))
    }
  }

  func put(_ register: CellRegister) throws {
    try connection.run(
      """
      INSERT INTO registers (cell, generation, primary_replica, promotable, version)
      VALUES (?1, ?2, ?3, ?4, ?5)
      ON CONFLICT (cell) DO UPDATE SET
        generation = excluded.generation, primary_replica = excluded.primary_replica,
        promotable = excluded.promotable, version = excluded.version
      """,
      .text(register.cell.rawValue), .integer(Int64(register.generation.rawValue)),
      .text(register.primary), .text(register.promotable.sorted().joined(separator: " ")),
      .integer(Int64(register.version)))
    try forgetReached(of: register.cell, except: register.promotable)
  }

  /// The highest generation of a cell that a record, its register or an archive has told of: what
  /// is issued lies above it.
  func highestGeneration(of cell: CellID) throws -> Generation? {
    [
      try self.cell(cell)?.generation, try register(of: cell)?.generation,
      try archivedGeneration(of: cell),
    ].compactMap(\.self).max()
  }

  /// Nobody acknowledges for the cell any more, whatever a machine of it still has: replicas are
  /// told so, and nobody joins under its name, also where nothing else is known of it.
  func endRegister(of cell: CellID) throws {
    let known = try register(of: cell)
    guard known?.generation != .ended else { return }
    try put(
      CellRegister(
        cell: cell, generation: .ended, primary: known?.primary ?? cell.rawValue,
        version: (known?.version ?? 0) + 1))
  }

  /// Throws `invalid_state` where nobody may serve under a cell's name again.
  func demandNotGone(_ id: CellID) throws {
    try cell(id)?.demandNotGone()
    guard try register(of: id)?.generation != .ended else {
      throw Failure(.invalidState, "the cell was ended, and is no more")
    }
  }

  /// Whether some tenant of the cell waits for no follower, as its primary said last; nil where
  /// nobody has said it.
  func isMixed(_ cell: CellID) throws -> Bool? {
    try connection.first(
      "SELECT mixed FROM registers WHERE cell = ?1 AND mixed IS NOT NULL", .text(cell.rawValue)
    ) { $0.int64(0) != 0 }
  }

  func put(isMixed: Bool, of cell: CellID) throws {
    try connection.run(
      "UPDATE registers SET mixed = ?2 WHERE cell = ?1", .text(cell.rawValue),
      .integer(isMixed ? 1 : 0))
  }

  /// The last promotion of a cell that was ordered, whatever became of it.
  func lastPromotion(of cell: CellID) throws -> Operation? {
    try connection.first(
      "SELECT id FROM operations WHERE kind = ?1 AND subject = ?2 ORDER BY id DESC LIMIT 1",
      .text(OperationKind.cellPromote.rawValue), .text(cell.rawValue)
    ) { OperationID(trusted: $0.text(0)) }.flatMap { try operation($0) }
  }

  /// Promotions that are not done, oldest first.
  func runningPromotions() throws -> [OperationID] {
    try connection.rows(
      "SELECT id FROM operations WHERE kind = ?1 AND state = 'running' ORDER BY id",
      .text(OperationKind.cellPromote.rawValue)
    ) { OperationID(trusted: $0.text(0)) }
  }
}
