import Edge
import Messaging
import Wire

/// Asks cells how far their long work has come, and ends the operations whose work has ended.
///
/// Idempotent: a cell that restarted begins anew, and a round that was cut off is made again.
struct CellWorkRounds: Sendable {
  let services: AdminServices

  /// One round over every running operation that cells do.
  func look(trace: String) async {
    let limit = ControlPlaneLimits.workAsked
    guard let running = try? await services.store.read({ try $0.runningCellWork(limit: limit) })
    else { return }
    await withTaskGroup(of: Void.self) { group in
      for operation in running { group.addTask { await look(operation, trace: trace) } }
    }
  }

  func look(_ operation: Operation, trace: String) async {
    do throws(Failure) {
      switch operation.kind {
      case .cellRestore: try await CellRestores(rounds: self).drive(operation, trace: trace)
      case .cellSpread: try await CellSpreads(rounds: self).drive(operation, trace: trace)
      case .tenantRestore: try await restore(operation, trace: trace)
      case .tenantSnapshot: try await snapshot(operation, trace: trace)
      case .drill: try await drill(operation, trace: trace)
      case .tenantMove: try await move(operation, trace: trace)
      case .tenantCreate, .tenantState, .sendStop, .cellPromote, .cellDrain, .cellRetire,
        .rebalance, .cellUpgrade, .cellRollback:
        break
      }
    } catch {
      // A cell that is away or busy is asked again; whoever says no for good is believed.
      guard !Self.mayPass(error) else { return }
      try? await end(operation, error, result: nil, trace: trace)
    }
  }

  static func mayPass(_ failure: Failure) -> Bool {
    switch failure.code {
    case .cellUnavailable, .outcomeUnknown, .overloaded, .recovering, .shuttingDown, .diskFull: true
    default: false
    }
  }

  /// Throws `conflict` where nobody serves under a cell's name again: what it was to do it never
  /// does, and whoever asked for it is to know.
  func demandNotGone(_ id: CellID) throws(Failure) {
    guard services.roster.cell(id)?.isGone == true else { return }
    throw Failure(.conflict, "\(id), which was to do it, is no more")
  }

  func ask(
    _ work: Aimstors_ProtoCellWork, _ id: CellID,
    timeout: Duration = ControlPlaneLimits.workTimeout, trace: String
  ) async throws(Failure) -> Aimstors_ProtoCellWorkStatus {
    guard let cell = services.roster.cell(id) else {
      throw Failure(.cellUnavailable, "\(id) is unknown")
    }
    let bytes = try await services.ask(
      cell, .work, try ProtoCoding.encode(work), timeout: timeout, trace: trace)
    return try ProtoCoding.decode(Aimstors_ProtoCellWorkStatus.self, bytes)
  }

  /// Asks until short work has ended; answers its result.
  func finish(
    _ work: Aimstors_ProtoCellWork, _ cell: CellID, trace: String
  ) async throws(Failure) -> String {
    for _ in 0..<ControlPlaneLimits.releaseQuestions {
      let status = try await ask(work, cell, trace: trace)
      switch status.state {
      case "done": return status.result
      case "failed": throw Self.failure(status)
      default: try? await Task.sleep(for: ControlPlaneLimits.releasePause)
      }
    }
    throw Failure(
      .outcomeUnknown, "\(cell) is still at it; repeat with the same Idempotency-Key",
      retryAfterMilliseconds: 1_000)
  }

  static func failure(_ status: Aimstors_ProtoCellWorkStatus) -> Failure {
    Failure(FailureCode(rawValue: status.failure.code), status.failure.detail)
  }

  // What is asked, by kind.

  private func restore(_ operation: Operation, trace: String) async throws(Failure) {
    guard
      let (restore, parent) = try await services.store.read({ rows in
        try rows.restore(operation.id).map { ($0, try rows.tenant($0.tenant)) }
      })
    else { throw Failure(.internalError, "the restore's record is gone") }
    guard let parent else { throw Failure(.notFound, "the tenant is gone") }
    try demandNotGone(restore.cell)
    // Only who has the tenant restores it; one that had done so before it left still says so.
    let left = Failure(
      .conflict,
      "\(parent.id) is on \(parent.placement.cell) by now: give the order again")
    let hasLeft = parent.placement.cell != restore.cell
    if hasLeft, !services.roster.isAlive(restore.cell) { throw left }
    var work = Aimstors_ProtoCellWork()
    work.operation = operation.id.rawValue
    work.kind = "restore"
    work.tenant = restore.tenant.rawValue
    work.at = restore.at
    work.mode = restore.mode.rawValue
    work.accept = restore.accept
    let fork = restore.mode == .fork ? Self.fork(of: parent, restore, operation.createdAt) : nil
    if let fork { work.fork = fork.proto }
    let status = try await ask(work, restore.cell, trace: trace)
    switch status.state {
    case "done": try await register(operation, fork, status.result, trace: trace)
    case "failed":
      let failure = Self.failure(status)
      if hasLeft, failure.code == .notFound { throw left }
      try await end(operation, failure, result: status.result, trace: trace)
    default: break
    }
  }

  /// The tenant that a fork becomes: read-only, and by its mark in the cell it never sends.
  private static func fork(
    of parent: TenantRecord, _ restore: RestoreRecord, _ now: Timestamp
  ) -> TenantRecord {
    TenantRecord(
      id: restore.target, name: "\(parent.name) (fork at \(restore.at))",
      slug: "fork-\(restore.target.rawValue.lowercased())", region: parent.region,
      currency: parent.currency, timeZone: parent.timeZone, tier: parent.tier,
      parent: parent.parent, state: .readOnly,
      reason: ForkReason.text(of: parent.id, at: restore.at, by: restore.id.rawValue),
      isProvisioned: true,
      placement: Placement(cell: restore.cell, epoch: .first), durability: .cell,
      createdAt: now, version: 0)
  }

  private func register(
    _ operation: Operation, _ fork: TenantRecord?, _ result: String, trace: String
  ) async throws(Failure) {
    try await services.store.write(trace: trace) { transaction, rows in
      guard var operation = try rows.operation(operation.id), operation.state == .running else {
        return
      }
      if var fork, try rows.tenant(fork.id) == nil {
        let slug = WantedKey(kind: .slug, key: fork.slug, isReleased: false, name: "")
        guard try rows.apply([slug], for: fork.id) == nil else {
          throw Failure(.slugTaken, "another tenant has the slug \(fork.slug)")
        }
        fork.version = try rows.raiseVersion()
        try rows.put(fork)
      }
      for step in operation.kind.steps {
        try operation.finished(step: step.name, at: transaction.now)
      }
      try operation.succeeded(result: result, at: transaction.now)
      try rows.put(operation)
    }
    if fork != nil { try await services.map.refresh() }
  }

  private func snapshot(_ operation: Operation, trace: String) async throws(Failure) {
    let id = TenantID(trusted: operation.subject)
    guard let tenant = try await services.store.read({ try $0.tenant(id) }) else {
      throw Failure(.notFound, "the tenant is gone")
    }
    var work = Aimstors_ProtoCellWork()
    work.operation = operation.id.rawValue
    work.kind = "snapshot"
    work.tenant = operation.subject
    let status = try await ask(work, tenant.placement.cell, trace: trace)
    switch status.state {
    case "done": try await register(operation, nil, status.result, trace: trace)
    case "failed":
      try await end(operation, Self.failure(status), result: nil, trace: trace)
    default: break
    }
  }

  /// Done when every living cell has ended, and the control plane's own store; a cell that is away
  /// is in the report as not drilled, and has failed.
  private func drill(_ operation: Operation, trace: String) async throws(Failure) {
    var work = Aimstors_ProtoCellWork()
    work.operation = operation.id.rawValue
    work.kind = "drill"
    var cells: [String: AnyJSON] = [:]
    var failed = 0
    var verified = 0
    func add(_ text: String) -> AnyJSON {
      struct Counts: Decodable { let verified: Int, failed: Int }
      let counts = try? EdgeJSON.decode(Counts.self, from: Array(text.utf8))
      verified += counts?.verified ?? 0
      failed += counts?.failed ?? 0
      return (try? EdgeJSON.decode(AnyJSON.self, from: Array(text.utf8))) ?? .null
    }
    var own = AnyJSON.null
    let store = services.storeDrill.answer(for: operation.id)
    if case .done(let report) = store { own = add(report) }
    for sight in services.roster.sights() where !sight.record.isGone {
      let cell = sight.record
      guard sight.isAlive else {
        cells[cell.id.rawValue] = .object(["code": .string("cell_unavailable")])
        failed += 1
        continue
      }
      let status = try await ask(work, cell.id, trace: trace)
      switch status.state {
      case "done": cells[cell.id.rawValue] = add(status.result)
      case "failed": throw Self.failure(status)
      default: return
      }
    }
    guard store != .running else { return }
    services.storeDrill.forget(operation.id)
    let result: [String: AnyJSON] = [
      "verified": .integer(Int64(verified)), "failed": .integer(Int64(failed)),
      "cells": .object(cells), "control_plane": own,
    ]
    guard let bytes = try? EdgeJSON.encode(result) else {
      throw Failure(.internalError, "a report does not encode")
    }
    let text = String(decoding: bytes, as: UTF8.self)
    guard failed == 0 else {
      try await end(
        operation, Failure(.verificationFailed, "\(failed) tenants or cells were not restored"),
        result: text, trace: trace)
      return
    }
    try await register(operation, nil, text, trace: trace)
  }

  /// Writes down that a step is done, with a result that the operation has succeeded; one that is
  /// over stays so.
  func done(
    _ step: String, of operation: Operation, result: String? = nil, trace: String
  ) async throws(Failure) {
    try await services.store.write(trace: trace) { transaction, rows in
      guard var operation = try rows.operation(operation.id), operation.state == .running else {
        return
      }
      try operation.finished(step: step, at: transaction.now)
      if let result { try operation.succeeded(result: result, at: transaction.now) }
      try rows.put(operation)
    }
  }

  func end(
    _ operation: Operation, _ failure: Failure, result: String?, trace: String
  ) async throws(Failure) {
    try await services.store.write(trace: trace) { transaction, rows in
      guard var operation = try rows.operation(operation.id), !operation.state.isFinal else {
        return
      }
      try operation.failed(
        failure, result: result.flatMap { $0.isEmpty ? nil : $0 }, at: transaction.now)
      try rows.put(operation)
    }
  }
}
