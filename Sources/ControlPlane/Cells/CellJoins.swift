import Logging
import Messaging
import Platform
import Wire

/// Cells that come, come back and keep saying that they are there.
struct CellJoins: Sendable {
  let store: PlatformStore
  let roster: CellRoster
  let map: MapService
  let secrets: DeploymentSecrets
  let clock: any WallClock
  let logger: Logger

  /// Admits a cell, learns what it holds, and tells it everything it has to know.
  func join(
    _ proto: Aimstors_ProtoJoin, from peer: PeerIdentity, trace: String
  ) async throws(Failure) -> Aimstors_ProtoJoined {
    let request = try validate(proto, from: peer)
    let hash = proto.joinToken.isEmpty ? nil : Digests.sha256(proto.joinToken)
    let version = proto.version
    let cell = try await store.write(trace: trace) { transaction, rows in
      let token = try hash.flatMap { try rows.joinToken(hash: $0) }
      let known = try rows.cell(request.cell)
      let decision = try JoinRule.decide(
        request, token: token, known: known,
        register: try rows.register(of: request.cell)?.generation,
        ceiling: try rows.formatCeiling() ?? 1, at: transaction.now)
      if decision == .admitUsingToken, let token {
        try rows.use(token, by: request.cell, address: request.address)
      }
      var cell =
        known
        ?? CellRecord(
          id: request.cell, region: request.region, address: request.address,
          generation: request.generation, state: .joining, version: version,
          joinedAt: transaction.now, mapVersion: 0)
      cell.address = request.address
      cell.generation = request.generation
      cell.version = version
      cell.mapVersion = try rows.raiseVersion()
      try rows.put(cell)
      if known == nil { try rows.enqueueStops(for: cell.id, at: transaction.now) }
      return cell
    }
    roster.joined(cell)
    try await learn(proto.tenants, of: cell.id, trace: trace)
    try await map.refresh()
    let (stops, tenants, ceiling, isOlder) = try await store.read { rows in
      (
        try rows.sendStops(), try rows.tenants(on: cell.id).filter(\.isProvisioned),
        try rows.formatCeiling(), try rows.runningSurvey() != nil
      )
    }
    var answer = Aimstors_ProtoJoined()
    answer.credential = secrets.credential(of: cell.id)
    answer.formatCeiling = ceiling ?? 0
    answer.sendStops = stops.map(\.proto)
    answer.tenants = tenants.map(\.proto)
    if isOlder { answer.confirm(proto.tenants) }
    logger.info("cell joined", metadata: ["cell": .string(cell.id.rawValue)])
    return answer
  }

  private func validate(
    _ proto: Aimstors_ProtoJoin, from peer: PeerIdentity
  ) throws(Failure) -> JoinRule.Request {
    guard let cell = CellID(proto.cell), let region = RegionID(proto.region),
      !proto.address.isEmpty
    else { throw Failure(.invalidRequest, "a join names cell, region and address") }
    guard peer.role == .cell, peer.id == cell.rawValue else {
      throw Failure(.forbidden, "only the cell itself may join as \(cell)")
    }
    let valid = !proto.credential.isEmpty && secrets.isCredential(proto.credential, of: cell)
    return JoinRule.Request(
      cell: cell, region: region, address: proto.address,
      generation: Generation(proto.generation), hasValidCredential: valid,
      hasToken: !proto.joinToken.isEmpty, readsLevel: max(1, proto.readsLevel))
  }

  /// Takes over what the cell knows better, in bounded commands.
  private func learn(
    _ tenants: [Aimstors_ProtoOwnedTenant], of cell: CellID, trace: String
  ) async throws(Failure) {
    var rest = tenants[...]
    var conflicts: [OwnerConflict] = []
    while !rest.isEmpty {
      let page = Array(rest.prefix(ControlPlaneLimits.inventoryPage))
      rest = rest.dropFirst(page.count)
      let found = try await store.write(trace: trace) { transaction, rows in
        try page.compactMap { try rows.learn($0, of: cell, at: transaction.now) }
      }
      conflicts += found
    }
    roster.claimed(by: cell, conflicts)
    for conflict in conflicts {
      logger.error(
        "a cell claims a tenant that is elsewhere",
        metadata: [
          "cell": .string(cell.rawValue), "tenant": .string(conflict.claim.tenant.rawValue),
        ])
    }
  }

  /// A cell or router is there; the answer says up to which format level it may write.
  func heartbeat(
    _ proto: Aimstors_ProtoHeartbeat, from peer: PeerIdentity, trace: String
  ) async throws(Failure) -> Aimstors_ProtoHeartbeatAnswer {
    try await take(proto, from: peer, trace: trace)
    var answer = Aimstors_ProtoHeartbeatAnswer()
    answer.formatCeiling = roster.formatCeiling
    return answer
  }

  private func take(
    _ proto: Aimstors_ProtoHeartbeat, from peer: PeerIdentity, trace: String
  ) async throws(Failure) {
    if peer.role == .router {
      roster.saw(router: peer.id, mapVersion: proto.directivesVersion)
      return
    }
    guard peer.role == .cell, peer.id == proto.cell, let id = CellID(proto.cell) else {
      throw Failure(.forbidden, "only a cell itself sends its heartbeat")
    }
    guard let cell = roster.cell(id) else {
      throw Failure(.notFound, "no cell \(id) has joined; join first")
    }
    guard cell.generation < .ended else { throw JoinRule.ended }
    guard cell.state != .retired else { throw Failure(.forbidden, "the cell is retired") }
    guard GenerationRule.admits(Generation(proto.generation), known: cell.generation) else {
      throw Failure(
        .generationFenced, "generation \(cell.generation.rawValue) has taken over")
    }
    guard Generation(proto.generation) == cell.generation else {
      // A generation that only a control plane can have given: this store is a copy from before.
      throw Failure(.notFound, "generation \(proto.generation) has not joined; join first")
    }
    roster.heard(id, CellReport(proto))
    let others = roster.sights().filter { $0.isAlive && $0.isHeard && $0.record.state != .retired }
    let ceiling = FormatCeilingRule.believed(
      proto.formatCeiling, reads: max(1, proto.readsLevel), others: others.map(\.report.readsLevel))
    if ceiling > roster.formatCeiling {
      // Only a control plane can have said so: this store is a copy from before.
      try await store.write(trace: trace) { _, rows in
        try rows.raiseFormatCeiling(to: ceiling)
      }
      roster.know(formatCeiling: ceiling)
    }
    guard cell.state == .joining else { return }
    let active = try await store.write(trace: trace) { transaction, rows in
      guard var cell = try rows.cell(id) else { throw Failure(.notFound, "no such cell") }
      guard cell.state == .joining else { return cell }
      cell.state = .active
      cell.mapVersion = try rows.raiseVersion()
      try rows.put(cell)
      return cell
    }
    roster.set(active)
    try await map.refresh()
  }
}

extension CellReport {
  init(_ proto: Aimstors_ProtoHeartbeat) {
    tenants = Int(proto.tenants)
    openTenants = Int(proto.openTenants)
    operations = proto.operations
    journalBytes = proto.journalBytes
    diskFreeBytes = proto.diskFreeBytes
    state = proto.state
    directivesVersion = proto.directivesVersion
    requests = UpgradeRule.Counts(
      requests: proto.requests, failed: proto.failedRequests)
    startedAt = proto.startedAtMs
    readsLevel = max(1, proto.readsLevel)
    hasFollower = proto.hasFollower_p
    oldestDue = proto.oldestDueMs == 0 ? nil : Timestamp(milliseconds: proto.oldestDueMs)
    problems = proto.problems.prefix(ControlPlaneLimits.problemsPerCell).map {
      ReportedProblem($0, cell: proto.cell)
    }
  }
}

extension Aimstors_ProtoJoined {
  /// Says of the cell's tenants what the cell has said: what this store has is from a copy, and the
  /// cells are asked for what was ordered since.
  fileprivate mutating func confirm(_ told: [Aimstors_ProtoOwnedTenant]) {
    let told = Dictionary(told.map { ($0.tenant, $0) }) { first, _ in first }
    for index in tenants.indices {
      guard let own = told[tenants[index].tenant] else { continue }
      tenants[index].state = own.state
      tenants[index].durability = own.durability
    }
  }
}
