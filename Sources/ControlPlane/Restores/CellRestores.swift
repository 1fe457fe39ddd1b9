import Messaging
import Storage
import Wire

/// Drives the restore of a whole cell to its end: its process claims the journal under the next
/// generation, joins, and brings tenant after tenant back.
struct CellRestores: Sendable {
  let rounds: CellWorkRounds

  private var services: AdminServices { rounds.services }

  /// Whether its process may be claiming the journal now, or have claimed it, unheard.
  static func isClaiming(_ operation: Operation) -> Bool {
    operation.kind == .cellRestore && operation.stepName == "claim"
  }

  /// Throws `conflict` while a restore's process may be claiming the cell's journal: under a higher
  /// generation it would be out before it serves.
  static func demandUnclaimed(
    _ cell: CellID, _ replicas: ReplicaRoster, _ rows: PlatformRows
  ) throws {
    guard let claiming = try rows.runningRecoveries(of: cell).first(where: isClaiming),
      let record = try rows.cell(cell), replicas.lost(of: cell, at: record.address) != nil
    else { return }
    throw Failure(
      .conflict,
      "\(claiming.id) restores \(cell) at \(record.address); where that does not go on, stop the "
        + "process there and give the order again")
  }

  func drive(_ operation: Operation, trace: String) async throws(Failure) {
    guard let cell = CellID(operation.subject),
      let record = try await services.store.read({ try $0.cell(cell) })
    else { throw Failure(.notFound, "the cell is gone") }
    try rounds.demandNotGone(cell)
    switch operation.stepName {
    case "claim":
      if !hasJoined(record) {
        // Another process may not have the generation that this one may have claimed, unheard.
        guard let sight = services.replicas.lost(of: cell, at: record.address) else {
          throw Failure(
            .cellUnavailable, "no process of \(cell) at \(record.address) reports an empty disk")
        }
        try await promote(sight, cell, record.generation, trace: trace)
      }
      try await rounds.done("claim", of: operation, trace: trace)
    case "serve":
      guard hasJoined(record) else {
        throw Failure(.cellUnavailable, "\(cell) has not joined yet")
      }
      try await rounds.done("serve", of: operation, trace: trace)
    case "restore":
      var work = Aimstors_ProtoCellWork()
      work.operation = operation.id.rawValue
      work.kind = "cell_restore"
      work.at = CellRestoreRoute.name(cell, record.generation)
      let status = try await rounds.ask(work, cell, trace: trace)
      switch status.state {
      case "done":
        try await rounds.done("restore", of: operation, result: status.result, trace: trace)
      case "failed":
        try await rounds.end(
          operation, CellWorkRounds.failure(status), result: status.result, trace: trace)
      default: try await note(status, operation, trace: trace)
      }
    default: break
    }
  }

  /// Whatever another machine says of its empty disk meanwhile.
  private func hasJoined(_ record: CellRecord) -> Bool {
    services.roster.cell(record.id)?.generation == record.generation
      && services.roster.isAlive(record.id)
      && services.replicas.lost(of: record.id, at: record.address) == nil
  }

  /// A repeat changes nothing; a process that has gone on answers no more under this name.
  private func promote(
    _ sight: ReplicaRoster.Sight, _ cell: CellID, _ generation: Generation, trace: String
  ) async throws(Failure) {
    var promote = Aimstors_ProtoReplicaPromote()
    promote.cell = cell.rawValue
    promote.generation = generation.rawValue
    let payload = try ProtoCoding.encode(promote)
    do {
      _ = try await services.messenger.peer(at: Address(sight.address)).request(
        .replicaPromote, payload, timeout: ControlPlaneLimits.workTimeout, traceID: trace)
    } catch {
      let failure = CellCalls.failure(of: error, cell: cell)
      // It serves already: the answer to the first question was lost.
      guard failure.code == .unknownRoute else { throw failure }
    }
    services.replicas.forget(sight, of: cell)
  }

  /// How many tenants are back, where that is news.
  private func note(
    _ status: Aimstors_ProtoCellWorkStatus, _ operation: Operation, trace: String
  ) async throws(Failure) {
    let progress = Operation.Progress(done: status.done, total: status.total, unit: "tenants")
    guard status.total > 0, progress != operation.progress else { return }
    try await services.store.write(trace: trace) { _, rows in
      guard var operation = try rows.operation(operation.id), operation.state == .running else {
        return
      }
      operation.progress = progress
      try rows.put(operation)
    }
  }
}
