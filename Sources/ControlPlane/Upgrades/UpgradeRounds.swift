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
    let sights: UpgradeSights
  }

  private func look(_ id: OperationID, trace: String) async throws(Failure) {
    let services = services
    let found = try await services.store.read { rows -> Found? in
      guard let operation = try rows.operation(id), operation.state == .running,
        let upgrade = try rows.upgrade(id)
      else { return nil }
      let members = try rows.upgradeMembers(of: id)
      var registers: [CellID: CellRegister] = [:]
      for cell in Set(members.map(\.cell)) { registers[cell] = try rows.register(of: cell) }
      return Found(
        operation: operation, upgrade: upgrade, members: members,
        ceiling: try rows.formatCeiling() ?? FormatLevel.oldest,
        sights: UpgradeSights(services: services, registers: registers))
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
    guard found.upgrade.isRollback || !isWaiting(found, since: found.operation.createdAt) else {
      return
    }
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
    let sights = found.sights.all(of: found.members, [:], isRollback: found.upgrade.isRollback)
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

  /// Whether somebody has not been heard since this control plane started, and may be yet.
  private func isWaiting(_ found: Found, since: Timestamp) -> Bool {
    services.clock.milliseconds() - since.milliseconds
      <= ControlPlaneLimits.upgradeStartMilliseconds
      && !found.members.allSatisfy { found.sights.address(of: $0) != nil }
  }

  private func refusal(
    of member: UpgradeMember, _ found: Found, trace: String
  ) async -> Failure? {
    // It is skipped later.
    if services.roster.cell(member.cell)?.state == .retired { return nil }
    var order = order(member, found)
    order.checkOnly = true
    do throws(Failure) {
      let state = try await ask(
        member, order, found, timeout: ControlPlaneLimits.programTimeout, trace: trace)
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
    // Of what is not heard nobody knows the problems: they would be news later.
    let unheard = found.members.filter { !found.sights.isHeard($0) }.map(\.name)
    let isLate =
      now.milliseconds - since.milliseconds
      > found.upgrade.soakMilliseconds + ControlPlaneLimits.upgradeStartMilliseconds
    guard unheard.isEmpty || isLate else { return }
    let sights = found.sights.all(of: found.members, [:], isRollback: false)
    try await change(found, trace: trace) { operation, members, now throws(Failure) in
      guard unheard.isEmpty else {
        try operation.failed(
          Failure(
            .cellUnavailable, "not heard before the upgrade: " + unheard.joined(separator: ", ")),
          at: now)
        return
      }
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
    let isRollback = found.upgrade.isRollback
    let clock = Timestamp(milliseconds: services.clock.milliseconds())
    var answers: [String: Aimstors_ProtoProgramState] = [:]
    let turn = UpgradeRule.turn(found.members, isRollback: isRollback)
    await withTaskGroup(of: (String, Aimstors_ProtoProgramState?).self) { group in
      // What is planned is told in the round after it is stored as asked: what was told is known,
      // also where the operation is cancelled meanwhile.
      for member in turn where member.state != .planned {
        var order = order(member, found)
        // From here on no restart falls back.
        order.confirm = member.state == .confirming
        let asked = order
        group.addTask {
          let state = try? await ask(
            member, asked, found, timeout: ControlPlaneLimits.programQuestion, trace: trace)
          return (member.name, state)
        }
      }
      for await (name, state) in group { answers[name] = state }
    }
    let sights = found.sights.all(of: turn, answers, isRollback: isRollback)
    let terms = UpgradeRule.Terms(
      isRollback: isRollback, soak: found.upgrade.soakMilliseconds,
      everywhere: found.members.reduce(UpgradeRule.Counts()) { $0 + $1.before })
    let isFirst = turn.allSatisfy { $0.wave == 0 } && !isRollback
    let next = turn.map { member in
      UpgradeRule.next(member, sights[member.name] ?? UpgradeSight(), terms, at: clock)
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
      let done = members.count { $0.state == .done || $0.state == .skipped }
      operation.reached(
        step: isFirst ? "canary" : "waves", done: Int64(done), total: Int64(members.count),
        at: now)
      switch UpgradeRule.end(members, isRollback: isRollback) {
      case .failed(let detail):
        try operation.failed(
          Failure(.upgradeHalted, detail), result: Self.text(members), at: now)
      case .succeeded:
        operation.reached(
          step: "waves", done: Int64(done), total: Int64(members.count), at: now)
        try operation.finished(step: "waves", at: now)
        try operation.succeeded(result: Self.text(members), at: now)
      case nil: operation.reports(Self.text(members))
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
    _ member: UpgradeMember, _ order: Aimstors_ProtoProgramOrder, _ found: Found,
    timeout: Duration, trace: String
  ) async throws(Failure) -> Aimstors_ProtoProgramState {
    guard let address = found.sights.address(of: member) else {
      throw Failure(.cellUnavailable, "\(member.name) has not reported")
    }
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
