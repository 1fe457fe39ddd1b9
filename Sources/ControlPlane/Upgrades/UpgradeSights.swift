import Wire

/// Where the processes of an upgrade are, and how they are seen: by their replica's name, because a
/// promotion makes a follower the cell, and the cell a follower.
struct UpgradeSights: Sendable {
  let services: AdminServices
  let registers: [CellID: CellRegister]

  /// Whether it leads its cell now.
  func isPrimary(_ member: UpgradeMember) -> Bool {
    member.name == (registers[member.cell]?.primary ?? member.cell.rawValue)
  }

  /// Nil while nobody has said it since this control plane started.
  func address(of member: UpgradeMember) -> String? {
    if let sight = services.replicas.sight(member.name, of: member.cell) { return sight.address }
    guard isPrimary(member), let cell = cell(member.cell), cell.isHeard else { return nil }
    return cell.record.address
  }

  /// Whether it has been heard lately, and since this control plane started.
  func isHeard(_ member: UpgradeMember) -> Bool {
    if isPrimary(member) { return cell(member.cell).map { $0.isAlive && $0.isHeard } ?? false }
    return services.replicas.sight(member.name, of: member.cell)
      .map(services.replicas.isHeard) ?? false
  }

  private func cell(_ id: CellID) -> CellRoster.Sight? {
    services.roster.sights().first { $0.record.id == id }
  }

  func all(
    of members: [UpgradeMember], _ answers: [String: Aimstors_ProtoProgramState],
    isRollback: Bool
  ) -> [String: UpgradeSight] {
    var sights: [String: UpgradeSight] = [:]
    for member in members {
      sights[member.name] = sight(of: member, answers[member.name], isRollback: isRollback)
    }
    return sights
  }

  private func sight(
    of member: UpgradeMember, _ answer: Aimstors_ProtoProgramState?, isRollback: Bool
  ) -> UpgradeSight {
    var sight = UpgradeSight()
    switch answer?.state {
    case "running" where answer?.version == member.to: sight.answer = .running
    case "failed": sight.answer = .failed(answer?.failure.detail ?? "")
    case .some: sight.answer = .restarting
    case nil: break
    }
    let cell = cell(member.cell)
    sight.isRetired = cell?.record.state == .retired
    if isPrimary(member) {
      guard let cell, cell.isHeard else { return sight }
      sight.isSilent = !cell.isAlive
      guard cell.isAlive else { return sight }
      sight.startedAt = cell.report.startedAt
      sight.counts = cell.report.requests
      // What waits for an operator's release says nothing of a program.
      sight.problems = Set(cell.report.problems.map(\.code)).subtracting(["sends_suspended"])
      // Its first heartbeat after the start has come: what was heard is this process.
      sight.isReady =
        cell.record.version == member.to && cell.report.state == "active"
        && cell.report.startedAt >= answer?.startedAtMs ?? 0
    } else {
      let replicas = services.replicas
      sight.isSilent =
        answer == nil
        && replicas.sight(member.name, of: member.cell).map { !replicas.isHeard($0) } ?? false
      sight.startedAt = answer?.startedAtMs ?? 0
      // Where the cell is what has to be taken back, nobody feeds its follower, perhaps.
      sight.isReady =
        answer != nil && (isRollback || replicas.isFed(member.name, of: member.cell))
    }
    return sight
  }
}
