import Storage
import Wire

/// Tenants of which it is known late that they are to be brought back, too.
extension CellSpreads {
  /// Plans who was released to the lost cell, of whose adoption nobody has heard, and who was
  /// placed there since the plan was made; answers whether nobody is left to plan or to wait for.
  ///
  /// A source that is past its commit point says so in its move's step; one that is before it gives
  /// the move up, since its target is no more. One that does neither in time is named.
  func planLate(
    _ operation: Operation, _ lost: CellRecord, trace: String
  ) async throws(Failure) -> Bool {
    let takers = Set(survivors(of: lost).map(\.id))
    let (sights, configuration) = (services.roster.sights(), services.configuration)
    let outcome = try await services.store.write(trace: trace) {
      transaction, rows -> (isComplete: Bool, begins: Bool) in
      guard var operation = try rows.operation(operation.id), operation.state == .running else {
        return (false, false)
      }
      let earlier = Dictionary(
        try rows.spreadTenants(of: lost.id).map { ($0.tenant, $0) }
      ) { first, _ in first }
      func isMet(_ tenant: TenantID) -> Bool { earlier[tenant]?.operation == operation.id }

      var late: [SpreadRule.Placed] = []
      var unsettled: [SpreadTenant] = []
      let isPatient =
        transaction.now.milliseconds - operation.updatedAt.milliseconds
        < ControlPlaneLimits.moveEndMilliseconds
      var isWaiting = false
      for move in try rows.pendingMoves(to: lost.id) where !isMet(move.tenant) {
        let placed = SpreadRule.Placed(
          id: move.tenant, epoch: move.from.epoch, knownBy: move.from.cell,
          armed: try rows.armedEpoch(of: move.tenant))
        let isReleased = try rows.operation(move.id)?.stepName == Self.releasedStep
        if isReleased || !takers.contains(move.from.cell) {
          late.append(placed)
        } else if isPatient {
          isWaiting = true
        } else {
          var row = SpreadTenant(
            cell: lost.id, tenant: move.tenant, operation: operation.id, from: move.from.epoch,
            to: earlier[move.tenant]?.to, state: .planned)
          row.fail(
            Failure(.recovering, "\(move.from.cell) has not ended its move to \(lost.id) yet"))
          unsettled.append(row)
        }
      }
      let placed = try rows.placed(at: lost.id).filter { !isMet($0.id) }
      var chosen: [TenantID: CellID] = [:]
      for tenant in placed {
        chosen[tenant.id] = try rows.taker(of: tenant.id, sights, configuration)
      }
      let planned =
        SpreadRule.rows(
          of: lost.id, for: operation.id, late + placed, chosen: chosen, earlier: earlier,
          takers: takers) + unsettled
      for row in planned { try rows.plan(row, at: transaction.now) }
      operation.progress.total += Int64(planned.count)
      try rows.put(operation)
      let isComplete = !isWaiting && !planned.contains { $0.state == .planned }
      return (isComplete, planned.contains { $0.state == .done })
    }
    if outcome.begins { try await announce(trace: trace) }
    return outcome.isComplete
  }

  /// Where a move is that its source has released.
  private static let releasedStep = "adopt"
}
