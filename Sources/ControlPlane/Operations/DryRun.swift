import Edge
import Storage
import Wire

extension OperationID {
  /// Of an operation that is not recorded: it says what would be done.
  static let dryRun = OperationID(trusted: "dry_run")
}

extension AdminServices {
  /// The answer to an order that was only checked; `plan` says what it would do.
  ///
  /// Nothing is stored, not even under the client's key: the real order may come under it.
  func dryRun(
    _ kind: OperationKind, of cell: CellID, _ plan: some Encodable
  ) throws -> StoredAnswer {
    let now = Timestamp(milliseconds: clock.milliseconds())
    return try .json(
      202,
      OperationView(
        Operation(
          id: .dryRun, kind: kind, subject: cell.rawValue, state: .planned, step: 0,
          progress: .init(done: 0, total: 0, unit: "tenants"), error: nil,
          result: String(decoding: try EdgeJSON.encode(plan), as: UTF8.self), createdAt: now,
          updatedAt: now)))
  }
}
