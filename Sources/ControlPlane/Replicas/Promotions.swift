import Logging
import Messaging
import Storage
import Wire

/// Drives promotions to their end: the register has decided; the follower refuses the old
/// generation durably, and serves.
struct Promotions: Sendable {
  let services: AdminServices
  let logger: Logger

  /// One step of each promotion that runs.
  func drive(trace: String) async {
    guard let running = try? await services.store.read({ try $0.runningPromotions() }) else {
      return
    }
    for id in running {
      do throws(Failure) { try await drive(id, trace: trace) } catch {
        logger.warning(
          "a promotion waits",
          metadata: ["operation": "\(id)", "reason": "\(error.detail)"])
      }
    }
  }

  private func drive(_ id: OperationID, trace: String) async throws(Failure) {
    let found = try await services.store.read {
      rows -> (Operation, CellRegister, CellRecord?)? in
      guard let operation = try rows.operation(id), let cell = CellID(operation.subject),
        let register = try rows.register(of: cell)
      else { return nil }
      return (operation, register, try rows.cell(cell))
    }
    guard let (operation, register, record) = found else { return }
    let cell = register.cell
    if let failure = Self.passed(operation, register, record) {
      return try await fail(id, failure, trace: trace)
    }
    guard let sight = services.replicas.sight(register.primary, of: cell) else {
      throw Failure(.cellUnavailable, "\(register.primary) has not reported")
    }
    switch operation.stepName {
    case "refuse":
      // A repeat changes nothing; one that has restarted as the primary says so by reporting.
      if !(sight.isPrimary && sight.generation == register.generation) {
        // What it said before it went away may not be so any more.
        guard services.replicas.isHeard(sight) else {
          throw Failure(.cellUnavailable, "\(register.primary) has not reported lately")
        }
        if let failure = PromotionResult(of: operation)?.refusal(of: sight) {
          logger.error(
            "a promotion ends", metadata: ["operation": "\(id)", "reason": "\(failure.detail)"])
          let result = try? PromotionResult(register, isComplete: false).json
          return try await fail(id, failure, result: result, trace: trace)
        }
        var promote = Aimstors_ProtoReplicaPromote()
        promote.cell = cell.rawValue
        promote.generation = register.generation.rawValue
        _ = try await ask(sight.address, promote, cell: cell, trace: trace)
      }
      try await finish("refuse", id, trace: trace)
    case "serve":
      guard let record = services.roster.cell(cell), record.generation == register.generation,
        record.address == sight.address, services.roster.isAlive(cell)
      else { throw Failure(.cellUnavailable, "\(register.primary) has not joined yet") }
      var result = PromotionResult(of: operation) ?? PromotionResult(register, isComplete: nil)
      if result.isComplete == "false" {
        let sends = await CellWorkRounds(services: services).suspended(
          "", in: [cell], for: id, trace: trace)
        // It is still at it.
        guard let sends else { return }
        result.add(sends)
      }
      try await finish("serve", id, serving: result, trace: trace)
      logger.notice(
        "promoted",
        metadata: [
          "cell": "\(cell)", "primary": "\(register.primary)",
          "generation": "\(register.generation.rawValue)",
        ])
    default: break
    }
  }

  private func ask(
    _ address: String, _ promote: Aimstors_ProtoReplicaPromote, cell: CellID, trace: String
  ) async throws(Failure) -> [UInt8] {
    let payload = try ProtoCoding.encode(promote)
    do {
      return try await services.messenger.peer(at: Address(address)).request(
        .replicaPromote, payload, timeout: ControlPlaneLimits.directiveAttempt, traceID: trace)
    } catch {
      throw CellCalls.failure(of: error, cell: cell)
    }
  }

  /// Why whom the operation was to promote will never serve; nil: it may.
  private static func passed(
    _ operation: Operation, _ register: CellRegister, _ cell: CellRecord?
  ) -> Failure? {
    if register.generation == .ended || cell?.isGone == true {
      return Failure(.conflict, "the cell was spread over others or retired before it served")
    }
    guard let began = PromotionResult(of: operation), !began.isOf(register) else { return nil }
    return Failure(
      .conflict,
      "\(register.primary) was promoted after it, to generation \(register.generation.rawValue)")
  }

  private func fail(
    _ id: OperationID, _ failure: Failure, result: String? = nil, trace: String
  ) async throws(Failure) {
    try await services.store.write(trace: trace) { transaction, rows in
      guard var operation = try rows.operation(id), operation.state == .running else { return }
      try operation.failed(failure, result: result ?? operation.result, at: transaction.now)
      try rows.put(operation)
    }
  }

  private func finish(
    _ step: String, _ id: OperationID, serving: PromotionResult? = nil, trace: String
  ) async throws(Failure) {
    try await services.store.write(trace: trace) { transaction, rows in
      guard var operation = try rows.operation(id), operation.state == .running else { return }
      try operation.finished(step: step, at: transaction.now)
      if let serving {
        try operation.succeeded(result: try serving.json, at: transaction.now)
      }
      try rows.put(operation)
    }
  }
}
