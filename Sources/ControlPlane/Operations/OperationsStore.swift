import Storage
import Wire

extension PlatformRows {
  /// A new operation that runs from now on.
  func begin(
    _ kind: OperationKind, _ subject: String, total: Int64, unit: String,
    _ transaction: Transaction
  ) throws -> Operation {
    var operation = Operation(
      id: .fresh(transaction), kind: kind, subject: subject, total: total, unit: unit,
      at: transaction.now)
    try operation.start(at: transaction.now)
    try put(operation)
    return operation
  }

  func operation(_ id: OperationID) throws -> Operation? {
    try connection.first(
      """
      SELECT id, kind, subject, state, step, done, total, unit, error_code, error_detail, result,
        created_at, updated_at
      FROM operations WHERE id = ?1
      """, .text(id.rawValue), transform: Self.operation) ?? nil
  }

  /// At most `limit` operations, newest first, older than the one named.
  func operations(before: String?, limit: Int) throws -> [Operation] {
    try connection.rows(
      """
      SELECT id, kind, subject, state, step, done, total, unit, error_code, error_detail, result,
        created_at, updated_at
      FROM operations WHERE id < coalesce(?1, '~') ORDER BY id DESC LIMIT ?2
      """, .optional(before), .int(limit), transform: Self.operation
    ).compactMap { $0 }
  }

  /// Running operations that cells do as long work, the oldest first.
  ///
  /// What brings a cell back comes before all others: it is asked about however much waits for
  /// cells that are away.
  func runningCellWork(limit: Int) throws -> [Operation] {
    try connection.rows(
      """
      SELECT id, kind, subject, state, step, done, total, unit, error_code, error_detail, result,
        created_at, updated_at
      FROM operations
      WHERE state = 'running' AND kind IN
        ('cell.restore', 'cell.spread', 'tenant.restore', 'tenant.snapshot', 'tenant.move',
          'drill')
      ORDER BY kind NOT IN ('cell.restore', 'cell.spread'), id LIMIT ?1
      """, .int(limit), transform: Self.operation
    ).compactMap { $0 }
  }

  func put(_ operation: Operation) throws {
    try connection.run(
      """
      INSERT INTO operations (id, kind, subject, state, step, done, total, unit, error_code,
        error_detail, result, created_at, updated_at)
      VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)
      ON CONFLICT (id) DO UPDATE SET
        state = excluded.state, step = excluded.step, done = excluded.done,
        total = excluded.total,
        error_code = excluded.error_code, error_detail = excluded.error_detail,
        result = excluded.result, updated_at = excluded.updated_at
      """,
      .text(operation.id.rawValue), .text(operation.kind.rawValue), .text(operation.subject),
      .text(operation.state.rawValue), .int(operation.step), .integer(operation.progress.done),
      .integer(operation.progress.total), .text(operation.progress.unit),
      .optional(operation.error?.code.rawValue), .optional(operation.error?.detail),
      .optional(operation.result), .integer(operation.createdAt.milliseconds),
      .integer(operation.updatedAt.milliseconds))
  }

  private static func operation(_ row: Row) -> Operation? {
    guard let kind = OperationKind(rawValue: row.text(1)),
      let state = Operation.State(rawValue: row.text(3))
    else { return nil }
    return Operation(
      id: OperationID(trusted: row.text(0)), kind: kind, subject: row.text(2), state: state,
      step: row.int(4),
      progress: .init(done: row.int64(5), total: row.int64(6), unit: row.text(7)),
      error: row.optionalText(8).map {
        Failure(FailureCode(rawValue: $0), row.text(9))
      },
      result: row.optionalText(10), createdAt: Timestamp(milliseconds: row.int64(11)),
      updatedAt: Timestamp(milliseconds: row.int64(12)))
  }
}
