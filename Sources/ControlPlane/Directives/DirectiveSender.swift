import Logging
import Messaging
import Platform
import SwiftProtobuf
import Wire

/// Hands directives to cells and keeps at it until each has been acknowledged.
struct DirectiveSender: Sendable {
  let store: PlatformStore
  let roster: CellRoster
  let map: MapService
  let messenger: any Messenger
  let clock: any WallClock
  let logger: Logger

  /// Sends one directive once; true when the cell has made it durable.
  func send(_ directive: Directive, timeout: Duration, trace: String) async throws(Failure) -> Bool
  {
    guard let cell = roster.cell(directive.cell) else { return false }
    guard let (method, payload, version) = try await content(of: directive) else {
      // The subject is gone: nothing is left to tell.
      try await acknowledge(directive, trace: trace)
      return true
    }
    var refusal: FailureCode?
    do {
      _ = try await messenger.peer(at: Address(cell.address)).request(
        method, payload, timeout: timeout, traceID: trace)
    } catch .refused(let failure) {
      refusal = failure.code
      if DirectiveRule.outcome(refusal: refusal) == .retry {
        logger.warning(
          "a cell refused a directive",
          metadata: [
            "cell": .string(cell.id.rawValue), "subject": .string(directive.subject),
            "code": .string(failure.code.rawValue), "trace_id": .string(trace),
          ])
      }
    } catch {
      return false
    }
    guard DirectiveRule.outcome(refusal: refusal) == .acknowledged else { return false }
    try await acknowledge(
      Directive(
        cell: directive.cell, kind: directive.kind, subject: directive.subject, version: version,
        createdAt: directive.createdAt, operation: directive.operation), trace: trace)
    return true
  }

  /// Sends to all at once; answers the cells that have not acknowledged within the time.
  func send(_ directives: [Directive], timeout: Duration, trace: String) async -> [CellID] {
    await withTaskGroup(of: CellID?.self) { group in
      for directive in directives {
        group.addTask {
          let done = (try? await send(directive, timeout: timeout, trace: trace)) ?? false
          return done ? nil : directive.cell
        }
      }
      var missing: [CellID] = []
      for await cell in group { if let cell { missing.append(cell) } }
      return missing.sorted()
    }
  }

  /// One round over everything that waits: living cells only, oldest first, bounded per cell.
  ///
  /// `grace` leaves out what its own request is still sending.
  func sweep(grace: Int64 = ControlPlaneLimits.directiveGraceMilliseconds, trace: String) async {
    guard let waiting = try? await store.read({ try $0.waitingDirectives() }) else { return }
    let before = Timestamp(milliseconds: clock.milliseconds()).adding(milliseconds: -grace)
    await withTaskGroup(of: Void.self) { group in
      for (cell, queue) in waiting where roster.isAlive(cell) && queue.since <= before {
        group.addTask { await sweep(cell, before: before, trace: trace) }
      }
    }
  }

  private func sweep(_ cell: CellID, before: Timestamp, trace: String) async {
    let limit = ControlPlaneLimits.directiveBatch
    guard
      let directives = try? await store.read({
        try $0.directives(for: cell, before: before, limit: limit)
      })
    else { return }
    var rest = directives[...]
    while !rest.isEmpty {
      let batch = Array(rest.prefix(ControlPlaneLimits.directivesInFlight))
      rest = rest.dropFirst(batch.count)
      let missing = await send(
        batch, timeout: ControlPlaneLimits.directiveAttempt, trace: trace)
      // A cell that answers nothing gets the rest in a later round.
      if missing.count == batch.count { return }
    }
  }

  private func acknowledge(_ directive: Directive, trace: String) async throws(Failure) {
    try await store.write(trace: trace) { transaction, rows in
      try rows.acknowledge(directive, at: transaction.now)
    }
    if directive.kind == .provision { try await map.refresh() }
  }

  /// The subject as it stands now, with its version.
  private func content(of directive: Directive) async throws(Failure)
    -> (WireMethod, [UInt8], UInt64)?
  {
    try await store.read { rows in
      switch directive.kind {
      case .provision, .tenantState:
        // Placed elsewhere meanwhile: this cell must not hear of the newer epoch as if it were its
        // own.
        guard let id = TenantID(directive.subject), let tenant = try rows.tenant(id),
          tenant.placement.cell == directive.cell
        else { return nil }
        let method: WireMethod = directive.kind == .provision ? .provision : .tenantState
        return (method, try tenant.proto.serializedBytes(), max(tenant.version, directive.version))
      case .sendStop:
        let parts = directive.subject.split(separator: "/", maxSplits: 1)
        guard parts.count == 2, let scope = SendStopScope(rawValue: String(parts[0])),
          let stop = try rows.sendStop(scope, String(parts[1]))
        else { return nil }
        return (.sendStop, try stop.proto.serializedBytes(), max(stop.version, directive.version))
      }
    }
  }
}

extension SendStop {
  /// As a directive names it.
  var subject: String { "\(scope.rawValue)/\(id)" }

  var proto: Aimstors_ProtoSendStop {
    var proto = Aimstors_ProtoSendStop()
    proto.scope = scope.rawValue
    proto.id = id
    proto.reason = reason
    proto.sinceMs = since.milliseconds
    proto.version = version
    proto.lifted = isLifted
    return proto
  }
}
