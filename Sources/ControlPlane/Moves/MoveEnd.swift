import Storage
import Wire

extension PlatformRows {
  /// A move's tenant is its target's: the placement, the move and its operation say so at once.
  func complete(
    _ move: MoveRecord, _ operation: Operation, result: String, at now: Timestamp
  ) throws {
    var (move, operation) = (move, operation)
    operation.reached(step: "announce", done: 1, total: 1, at: now)
    try operation.finished(step: "announce", at: now)
    try operation.succeeded(result: result, at: now)
    try put(operation)
    move.state = .done
    try put(move)
    guard !move.isDryRun, var tenant = try tenant(move.tenant) else { return }
    if tenant.placement.epoch < move.to.epoch { tenant.placement = move.to }
    try putPlaced(tenant, at: now)
  }

  /// Stores a tenant that is placed anew, and tells its cell how it is: what was changed meanwhile
  /// went to the old one.
  func putPlaced(_ tenant: TenantRecord, at now: Timestamp) throws {
    var tenant = tenant
    tenant.version = try raiseVersion()
    try put(tenant)
    try enqueue(
      Directive(
        cell: tenant.placement.cell, kind: .tenantState, subject: tenant.id.rawValue,
        version: tenant.version, createdAt: now, operation: nil),
      at: now)
  }

  /// A move has come to nothing: its epoch is never used.
  ///
  /// Where it was to be given up, it is cancelled; one that has ended stays as it is.
  func end(_ move: MoveRecord, _ failure: Failure, at now: Timestamp) throws {
    guard var operation = try operation(move.id), !operation.state.isFinal else { return }
    var move = move
    move.state = .burned
    try put(move)
    if move.isCancelled {
      operation.wasCancelled(at: now)
    } else {
      try operation.failed(failure, at: now)
    }
    try put(operation)
  }
}
