import Edge
import Storage
import Wire

/// Begins upgrades and rollbacks; the rounds do the rest.
struct UpgradeCommands: Sendable {
  let services: AdminServices

  func upgrade(
    _ input: UpgradeInput, _ command: AdminCommand
  ) async throws(Failure) -> StoredAnswer {
    let soak = input.soakSeconds ?? ControlPlaneLimits.upgradeSoakSeconds
    guard (1...ControlPlaneLimits.upgradeSoakSecondsMaximum).contains(soak) else {
      throw Failure(
        .invalidField,
        "soak_seconds must be 1 to \(ControlPlaneLimits.upgradeSoakSecondsMaximum)")
    }
    guard (input.waveSize ?? 1) >= 1 else {
      throw Failure(.invalidField, "wave_size must be at least 1")
    }
    _ = try AdminInput.text(input.version, "version", length: 1...64)
    let sights = services.roster.sights().filter { $0.record.state != .retired }
    let followers = followers(of: sights.map(\.record.id))
    return try await command.perform { transaction, rows in
      try Self.demandNone(rows)
      let wanted = try Self.wanted(input, sights)
      let counts = try rows.tenantCounts()
      let waves = UpgradeRule.waves(
        wanted.map { .init(id: $0.record.id, tenants: counts[$0.record.id]?.tenants ?? 0) },
        canary: input.canary, size: input.waveSize)
      let unsettled = try rows.unsettledProcesses()
      var members: [UpgradeMember] = []
      for (wave, cells) in waves.enumerated() {
        for cell in wanted where cells.contains(cell.record.id) {
          let id = cell.record.id
          // The cell's process may be called otherwise, and a follower as the cell.
          let primary = try rows.register(of: id)?.primary ?? id.rawValue
          func add(_ replica: String, isFollower: Bool, runs: String) {
            guard
              let from = UpgradeRule.from(
                runs: runs, to: input.version,
                unsettled: unsettled.first { $0.cell == id && $0.replica == replica })
            else { return }
            members.append(
              UpgradeMember(
                name: replica, cell: id, isFollower: isFollower, wave: wave, from: from,
                to: input.version, since: transaction.now))
          }
          for follower in followers[id] ?? [] where follower.replica != primary {
            add(follower.replica, isFollower: true, runs: follower.version)
          }
          add(primary, isFollower: false, runs: cell.record.version)
        }
      }
      guard !members.isEmpty else {
        throw Failure(.alreadyDone, "all of them run \(input.version)")
      }
      return try Self.begin(
        .cellUpgrade, input.version, soak: soak * 1_000, members, input.reason, command,
        transaction, rows)
    }
  }

  /// Every process that an upgrade has changed runs again what it ran before.
  func rollBack(
    _ input: RollbackInput, _ command: AdminCommand
  ) async throws(Failure) -> StoredAnswer {
    return try await command.perform { transaction, rows in
      try Self.demandNone(rows)
      let named = input.operationID.map(OperationID.init(trusted:))
      guard let id = try named ?? rows.lastUpgrade(), let upgrade = try rows.upgrade(id),
        !upgrade.isRollback
      else { throw Failure(.notFound, "there is no such upgrade") }
      let members = try rows.upgradeMembers(of: id)
        .filter { $0.state != .planned && $0.state != .skipped }
        .map { member in
          // As it is by now: a promotion may have come between.
          let primary = try rows.register(of: member.cell)?.primary ?? member.cell.rawValue
          return UpgradeMember(
            name: member.name, cell: member.cell, isFollower: member.name != primary,
            wave: member.wave, from: member.to, to: member.from, since: transaction.now)
        }
      guard !members.isEmpty else {
        throw Failure(.alreadyDone, "\(id) has changed no process")
      }
      return try Self.begin(
        .cellRollback, id.rawValue, soak: 0, members, input.reason, command, transaction, rows)
    }
  }

  private static func demandNone(_ rows: PlatformRows) throws {
    if let running = try rows.runningUpgrades().first {
      throw Failure(.conflict, "\(running) is not done yet")
    }
  }

  /// The cells that are meant; all of them answer.
  private static func wanted(
    _ input: UpgradeInput, _ sights: [CellRoster.Sight]
  ) throws(Failure) -> [CellRoster.Sight] {
    let names = input.cells.map(Set.init)
    let wanted = sights.filter { names?.contains($0.record.id) ?? true }
    if let names, let unknown = names.subtracting(wanted.map(\.record.id)).min() {
      throw Failure(.notFound, "no cell \(unknown)")
    }
    if let canary = input.canary, !wanted.contains(where: { $0.record.id == canary }) {
      throw Failure(.invalidField, "canary: not one of the cells")
    }
    if let silent = wanted.first(where: { !$0.isAlive || !$0.isHeard }) {
      throw Failure(
        .cellUnavailable, "\(silent.record.id) does not answer; name the cells without it",
        retryAfterMilliseconds: ControlPlaneLimits.heartbeatTimeoutMilliseconds)
    }
    return wanted
  }

  private func followers(of cells: [CellID]) -> [CellID: [ReplicaRoster.Sight]] {
    var all: [CellID: [ReplicaRoster.Sight]] = [:]
    for cell in cells {
      all[cell] = services.replicas.sights(of: cell).filter {
        !$0.isPrimary && !$0.isLost && services.replicas.isHeard($0)
      }
    }
    return all
  }

  private static func begin(
    _ kind: OperationKind, _ subject: String, soak: Int64, _ members: [UpgradeMember],
    _ reason: String?, _ command: AdminCommand, _ transaction: Transaction, _ rows: PlatformRows
  ) throws -> StoredAnswer {
    let operation = try rows.begin(
      kind, subject, total: Int64(members.count), unit: "processes", transaction)
    try rows.insert(
      UpgradeRecord(
        id: operation.id, isRollback: kind == .cellRollback, soakMilliseconds: soak))
    for member in members { try rows.put(member, of: operation.id) }
    try rows.append(
      command.audit(kind.rawValue, subject, reason ?? ""), id: transaction.freshID(),
      at: transaction.now)
    return try .json(202, OperationView(operation))
  }
}
