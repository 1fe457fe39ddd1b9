import Storage
import Wire

/// The stop that a promotion without proof of a complete copy puts on its cell's sends: what the
/// old process sent last may be unknown to the new one.
///
/// Its reason names the promotion, by which an operator releases it who has seen what waits. So a
/// stop of anybody else is not lifted with it, nor that of a later promotion.
enum PromotionStop {
  private static let prefix = "promoted without proof that the copy is complete; released as "

  static func reason(_ promotion: OperationID) -> String { prefix + promotion.rawValue }

  /// The promotion that put a standing stop; nil: none did.
  static func promotion(of stop: SendStop) -> OperationID? {
    guard stop.scope == .cell, !stop.isLifted, stop.reason.hasPrefix(prefix) else { return nil }
    return OperationID(trusted: String(stop.reason.dropFirst(prefix.count)))
  }

  /// Whether the promotion's own stop stands.
  static func stands(_ promotion: OperationID, of cell: CellID, _ rows: PlatformRows) throws -> Bool
  {
    try rows.sendStop(.cell, cell.rawValue).flatMap(Self.promotion) == promotion
  }

  /// Stops the sends of a promoted cell, and records what releases them.
  ///
  /// Since now, also where a stop stands: what was due before this promotion's old process ended is
  /// its, not only what an earlier one may have sent.
  static func put(
    of cell: CellID, _ generation: Generation, for promotion: OperationID,
    _ transaction: Transaction, _ rows: PlatformRows
  ) throws {
    try rows.put(
      RestoreRecord(
        id: promotion, tenant: .wholeCell, target: .wholeCell, cell: cell,
        at: CellRestoreRoute.name(cell, generation), mode: .swap, accept: true, releasedAt: nil))
    let decision = SendStopRule.put(
      .cell, cell.rawValue, reason: reason(promotion), at: transaction.now, current: nil,
      version: try rows.version() + 1)
    try write(decision, transaction, rows)
  }

  /// Lifts the promotion's stop, where it stands; throws `conflict` where another one does.
  static func lift(
    of cell: CellID, for promotion: OperationID, _ transaction: Transaction, _ rows: PlatformRows
  ) throws {
    guard let stop = try rows.sendStop(.cell, cell.rawValue), !stop.isLifted else { return }
    guard Self.promotion(of: stop) == promotion else {
      throw Failure(.conflict, "another stop of \(cell)'s sends stands: \(stop.reason)")
    }
    try write(
      try SendStopRule.lift(current: stop, version: try rows.version() + 1), transaction, rows)
  }

  private static func write(
    _ decision: SendStopRule.Decision, _ transaction: Transaction, _ rows: PlatformRows
  ) throws {
    guard case .write(let stop) = decision else { return }
    _ = try rows.raiseVersion()
    try rows.put(stop)
    _ = try rows.enqueue(stop, at: transaction)
  }
}
