import Storage
import Wire

/// Tenants that were on their way to a cell when that was lost.
extension CellSpreads {
  /// Plans who was released to the lost cell, of whose adoption nobody has heard; answers whether
  /// all of those are planned or have stayed where they were.
  ///
  /// A source that is past its commit point says so in its move's step; one that is before it gives
  /// the move up, since its target is no more.
  func planReleased(
    _ operation: Operation, _ lost: CellRecord, trace: String
  ) async throws(Failure) -> Bool {
    let takers = Set(survivors(of: lost).map(\.id))
    return try await services.store.write(trace: trace) { transaction, rows -> Bool in
      guard var operation = try rows.operation(operation.id), operation.state == .running else {
        return false
      }
      var isComplete = true
      for move in try rows.pendingMoves(to: lost.id) {
        let earlier = try rows.spreadTenants(of: lost.id).first { $0.tenant == move.tenant }
        // It failed in this operation.
        if earlier?.operation == operation.id { continue }
        let isReleased = try rows.operation(move.id)?.stepName == Self.releasedStep
        guard isReleased || !takers.contains(move.from.cell) else {
          isComplete = false
          continue
        }
        let placed = SpreadRule.Placed(
          id: move.tenant, epoch: move.from.epoch, knownBy: move.from.cell,
          armed: try rows.armedEpoch(of: move.tenant))
        let planned = SpreadRule.rows(
          of: lost.id, for: operation.id, [placed], chosen: [:],
          earlier: earlier.map { [move.tenant: $0] } ?? [:], takers: takers)
        for row in planned {
          try rows.put(row)
          isComplete = isComplete && row.state == .failed
        }
        operation.progress.total += 1
      }
      try rows.put(operation)
      return isComplete
    }
  }

  /// Where a move is that its source has released.
  private static let releasedStep = "adopt"
}
