import Storage
import Wire

extension PlatformRows {
  /// Adds a directive, or raises the version of one that waits already.
  func put(_ directive: Directive) throws {
    try connection.run(
      """
      INSERT INTO directives (cell, kind, subject, version, created_at, operation)
      VALUES (?1, ?2, ?3, ?4, ?5, ?6)
      ON CONFLICT (cell, kind, subject) DO UPDATE SET
        version = excluded.version, operation = excluded.operation
      """,
      .text(directive.cell.rawValue), .text(directive.kind.rawValue), .text(directive.subject),
      .integer(Int64(bitPattern: directive.version)),
      .integer(directive.createdAt.milliseconds), .optional(directive.operation?.rawValue))
  }

  /// The cell has made `directive` durable.
  ///
  /// Answers whether nothing newer waits for it.
  @discardableResult
  func remove(_ directive: Directive) throws -> Bool {
    try connection.run(
      """
      DELETE FROM directives WHERE cell = ?1 AND kind = ?2 AND subject = ?3 AND version <= ?4
      """,
      .text(directive.cell.rawValue), .text(directive.kind.rawValue), .text(directive.subject),
      .integer(Int64(bitPattern: directive.version))) > 0
  }

  /// At most `limit` directives of a cell that have waited since before `before`, oldest first.
  func directives(for cell: CellID, before: Timestamp, limit: Int) throws -> [Directive] {
    try connection.rows(
      """
      SELECT cell, kind, subject, version, created_at, operation FROM directives
      WHERE cell = ?1 AND created_at <= ?2 ORDER BY version LIMIT ?3
      """, .text(cell.rawValue), .integer(before.milliseconds), .int(limit),
      transform: Self.directive
    ).compactMap { $0 }
  }

  /// The directive of a kind and subject that only one cell can have.
  func directive(_ kind: Directive.Kind, _ subject: String) throws -> Directive? {
    try connection.first(
      """
      SELECT cell, kind, subject, version, created_at, operation FROM directives
      WHERE kind = ?1 AND subject = ?2
      """, .text(kind.rawValue), .text(subject), transform: Self.directive) ?? nil
  }

  /// The directives of a kind and subject, one of each cell that waits.
  func directives(_ kind: Directive.Kind, _ subject: String) throws -> [Directive] {
    try connection.rows(
      """
      SELECT cell, kind, subject, version, created_at, operation FROM directives
      WHERE kind = ?1 AND subject = ?2 ORDER BY cell
      """, .text(kind.rawValue), .text(subject), transform: Self.directive
    ).compactMap { $0 }
  }

  /// The directives of one operation that no cell has acknowledged.
  func directiveCount(of operation: OperationID) throws -> Int {
    try connection.first(
      "SELECT count(*) FROM directives WHERE operation = ?1", .text(operation.rawValue)
    ) { $0.int(0) } ?? 0
  }

  /// Cells that have not made a stop durable yet, by name.
  func cellsWaiting(for stop: String) throws -> [CellID] {
    try connection.rows(
      "SELECT cell FROM directives WHERE kind = 'send_stop' AND subject = ?1 ORDER BY cell",
      .text(stop)
    ) { CellID(trusted: $0.text(0)) }
  }

  /// How many wait per cell, and since when the oldest does.
  func waitingDirectives() throws -> [CellID: (count: Int, since: Timestamp)] {
    var result: [CellID: (count: Int, since: Timestamp)] = [:]
    try connection.query("SELECT cell, count(*), min(created_at) FROM directives GROUP BY cell") {
      row in
      result[CellID(trusted: row.text(0))] = (row.int(1), Timestamp(milliseconds: row.int64(2)))
    }
    return result
  }

  private static func directive(_ row: Row) -> Directive? {
    Directive.Kind(rawValue: row.text(1)).map { kind in
      Directive(
        cell: CellID(trusted: row.text(0)), kind: kind, subject: row.text(2),
        version: UInt64(bitPattern: row.int64(3)), createdAt: Timestamp(milliseconds: row.int64(4)),
        operation: row.optionalText(5).map(OperationID.init(trusted:)))
    }
  }
}
