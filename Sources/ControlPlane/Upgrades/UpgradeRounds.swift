import Edge
import Messaging
import Storage
import Wire

/// Takes upgrades and rollbacks on, one step in each round.
///
/// What was decided is in the store; what is seen of the processes is asked anew.
struct UpgradeRounds: Sendable {
  let services: AdminServices

  /// One step of each that runs.
  func look(trace: String) async {
    guard let running = try? await services.store.read({ try $0.runningUpgrades() }) else {
      return
    }
    // Whatever is in the way now is tried again in the next round.
    for id in running { try? await look(id, trace: trace) }
  }

  private struct Found: Sendable {
    let operation: Operation
    let upgrade: UpgradeRecord
    let members: [UpgradeMember]
    let ceiling: UInt32
  }

  private func look(_ id: OperationID, trace: String) async throws(Failure) {
    let found = try await services.store.read { rows -> Found? in
      guard let operation = try rows.operation(id), operation.state == .running,
        let upgrade = try rows.upgrade(id)
      else { return nil }
      return Found(
        operation: operation, upgrade: upgrade, members: try rows.upgradeMembers(of: id),
        ceiling: try rows.formatCeiling() ?? FormatLevel.oldest)
    }
    guard let found else { return }
    switch found.operation.stepName {
    case "check": try await check(found, trace: trace)
    case "baseline": try await measure(found, trace: trace)
    default: try await goOn(found, trace: trace)
    }
  }

  // MARK: Before anything is changed

  /// Whether every process has the version and may run it.
  private func check(_ found: Found, trace: String) async throws(Failure) {
    var refusals: [(member: UpgradeMember, failure: Failure)] = []
    await withTaskGroup(of: (UpgradeMember, Failure?).self) { group in
      for member in found.members {
        group.addTask { (member, await refusal(of: member, found, trace: trace)) }
      }
      for await (member, failure) in group {
        if let failure { refusals.append((member, failure)) }
      }
    }
    let first = refusals.min { $0.member.name < $1.member.name }
    let sights = sights(of: found.members, [:])
    try await change(found, trace: trace) { operation, members, now throws(Failure) in
      if let first {
        let code = first.failure.code
        try operation.failed(
          Failure(
            code == .formatCeiling || code == .cellUnavailable ? code : .upgradeHalted,
            "\(first.member.name): \(first.failure.detail)"), at: now)
        return
      }
      for index in members.indices {
        let sight = sights[members[index].name] ?? UpgradeSight()
        members[index].since = now
        members[index].begin = sight.counts
      }
      operation.reached(
        step: found.upgrade.isRollback ? "waves" : "baseline", done: 0,
        total: Int64(members.count), at: now)
    }
  }

  private func refusal(
    of member: UpgradeMember, _ found: Found, trace: String
  ) async -> Failure? {
    var order = order(member, found)
    order.checkOnly = true
    do throws(Failure) {
      let state = try await ask(
        member, order, timeout: ControlPlaneLimits.programTimeout, trace: trace)
      guard state.state == "failed" else { return nil }
      return Failure(FailureCode(rawValue: state.failure.code), state.failure.detail)
    } catch {
      // What does not answer may be what is to be taken back.
      return found.upgrade.isRollback ? nil : error
    }
  }

  /// Watches for as long as a wave is watched later.
  private func measure(_ found: Found, trace: String) async throws(Failure) {
    let now = Timestamp(milliseconds: services.clock.milliseconds())
    guard let since = found.members.first?.since,
      now.milliseconds - since.milliseconds >= found.upgrade.soakMilliseconds
    else { return }
    let sights = sights(of: found.members, [:])
    try await change(found, trace: trace) { operation, members, now throws(Failure) in
      for index in members.indices {
        let sight = sights[members[index].name] ?? UpgradeSight()
        members[index].before = sight.counts.since(members[index].begin)
        members[index].problems = sight.problems.sorted().joined(separator: " ")
      }
      operation.reached(step: "canary", done: 0, total: Int64(members.count), at: now)
    }
  }

  // MARK: Waves

  private func goOn(_ found: Found, trace: String) async throws(Failure) {
    let soak = found.upgrade.soakMilliseconds
    let clock = Timestamp(milliseconds: services.clock.milliseconds())
    var answers: [String: Aimstors_ProtoProgramState] = [:]
    let turn = UpgradeRule.turn(found.members)
    await withTaskGroup(of: (String, Aimstors_ProtoProgramState?).self) { group in
      for member in turn {
        var order = order(member, found)
        if member.state == .watched {
          guard clock.milliseconds - member.since.milliseconds >= soak else { continue }
          // From here on no restart falls back.
          order.confirm = true
        }
        let asked = order
        group.addTask {
          let state = try? await ask(
            member, asked, timeout: ControlPlaneLimits.programQuestion, trace: trace)
          return (member.name, state)
        }
      }
      for await (name, state) in group { answers[name] = state }
    }
    let sights = sights(of: turn, answers)
    let everywhere = found.members.reduce(UpgradeRule.Counts()) { $0 + $1.before }
    let isFirst = turn.allSatisfy { $0.wave == 0 } && !found.upgrade.isRollback
    let next = turn.map { member in
      UpgradeRule.next(
        member, sights[member.name] ?? UpgradeSight(), soak: soak, everywhere: everywhere,
        at: clock)
    }
    // What is counted alone is not worth a record.
    let isNew = turn.isEmpty || zip(turn, next).contains { $0.state != $1.state }
    guard isNew else { return }
    try await change(found, trace: trace) { operation, members, now throws(Failure) in
      for index in members.indices {
        if let changed = next.first(where: { $0.name == members[index].name }) {
          members[index] = changed
        }
      }
      let done = members.count { $0.state == .done }
      operation.reached(
        step: isFirst ? "canary" : "waves", done: Int64(done), total: Int64(members.count),
        at: now)
      if let failed = members.first(where: { $0.state == .failed }) {
        try operation.failed(
          Failure(.upgradeHalted, "\(failed.name): \(failed.detail)"), result: Self.text(members),
          at: now)
      } else if done == members.count {
        operation.reached(
          step: "waves", done: Int64(done), total: Int64(members.count), at: now)
        try operation.finished(step: "waves", at: now)
        try operation.succeeded(result: Self.text(members), at: now)
      } else {
        operation.reports(Self.text(members))
      }
    }
  }

  // MARK: Asking

  private func order(_ member: UpgradeMember, _ found: Found) -> Aimstors_ProtoProgramOrder {
    var order = Aimstors_ProtoProgramOrder()
    order.operation = found.operation.id.rawValue
    order.version = member.to
    order.formatCeiling = found.ceiling
    return order
  }

  private func ask(
    _ member: UpgradeMember, _ order: Aimstors_ProtoProgramOrder, timeout: Duration,
    trace: String
  ) async throws(Failure) -> Aimstors_ProtoProgramState {
    let address =
      member.isFollower
      ? services.replicas.sight(member.name, of: member.cell)?.address
      : services.roster.cell(member.cell)?.address
    guard let address else { throw Failure(.cellUnavailable, "\(member.name) has not reported") }
    let payload = try ProtoCoding.encode(order)
    do {
      let bytes = try await services.messenger.peer(at: Address(address)).request(
        .program, payload, timeout: timeout, traceID: trace)
      return try ProtoCoding.decode(Aimstors_ProtoProgramState.self, bytes)
    } catch let error as MessagingError {
      throw CellCalls.failure(of: error, cell: member.cell)
    } catch let failure as Failure {
      throw failure
    } catch {
      throw Failure(.internalError, "an answer could not be read")
    }
  }

  private func sights(
    of members: [UpgradeMember], _ answers: [String: Aimstors_ProtoProgramState]
  ) -> [String: UpgradeSight] {
    let cells = Dictionary(
      services.roster.sights().map { ($0.record.id, $0) }, uniquingKeysWith: { $1 })
    var sights: [String: UpgradeSight] = [:]
    for member in members {
      var sight = UpgradeSight()
      let answer = answers[member.name]
      switch answer?.state {
      case "running" where answer?.version == member.to: sight.answer = .running
      case "failed": sight.answer = .failed(answer?.failure.detail ?? "")
      case .some: sight.answer = .restarting
      case nil: break
      }
      if member.isFollower {
        sight.startedAt = answer?.startedAtMs ?? 0
        sight.isReady = answer != nil
      } else if let cell = cells[member.cell], cell.isAlive, cell.isHeard {
        sight.startedAt = cell.report.startedAt
        sight.counts = cell.report.requests
        sight.problems = Set(cell.report.problems.map(\.code))
        // Its first heartbeat after the start has come: what was heard is this process.
        sight.isReady =
          cell.record.version == member.to && cell.report.state == "active"
          && cell.report.startedAt >= answer?.startedAtMs ?? 0
      }
      sights[member.name] = sight
    }
    return sights
  }

  // MARK: Storing

  private func change(
    _ found: Found, trace: String,
    _ body:
      @escaping @Sendable (inout Operation, inout [UpgradeMember], Timestamp) throws(Failure) ->
      Void
  ) async throws(Failure) {
    let id = found.operation.id
    try await services.store.write(trace: trace) { transaction, rows in
      guard var operation = try rows.operation(id), operation.state == .running else { return }
      var members = try rows.upgradeMembers(of: id)
      let before = members
      try body(&operation, &members, transaction.now)
      for (old, new) in zip(before, members) where old != new { try rows.put(new, of: id) }
      try rows.put(operation)
    }
  }

  private static func text(_ members: [UpgradeMember]) -> String {
    let bytes = (try? EdgeJSON.encode(UpgradeView(members))) ?? Array("{}".utf8)
    return String(decoding: bytes, as: UTF8.self)
  }
}
