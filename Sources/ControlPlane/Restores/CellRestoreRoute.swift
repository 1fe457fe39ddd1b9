import Edge
import Hummingbird
import Storage
import Wire

/// `POST /v1/cells/{id}/restore`: a cell whose disk was lost comes back from the archive, on a
/// process with an empty disk, under the next generation; or its tenants go to the other cells.
struct CellRestoreRoute: Sendable {
  struct Input: Decodable, Sendable {
    /// The operator states that the old process is stopped and stays so.
    let oldIsDead: Bool?
    /// Over the other cells, for good, and not onto a new disk of this one.
    let spread: Bool?
    let dryRun: Bool?
    let reason: String?

    enum CodingKeys: String, CodingKey {
      case reason, spread
      case oldIsDead = "old_is_dead"
      case dryRun = "dry_run"
    }

    static let empty = Input(oldIsDead: nil, spread: nil, dryRun: nil, reason: nil)
  }

  /// What an order comes to.
  private struct Decision: Sendable {
    let record: CellRecord
    let register: CellRegister?
    let generation: Generation
    /// The process that becomes the cell.
    let sight: ReplicaRoster.Sight
    /// Earlier restores that it takes over from: their process was another one, or is lost as well.
    let restores: [Operation]
  }

  let services: AdminServices

  func register(on router: Router<EdgeContext>) {
    router.post("/v1/cells/:id/restore", use: restore)
  }

  /// What suspended tenants wait for the release of.
  static func name(_ cell: CellID, _ generation: Generation) -> String {
    "\(cell)@\(generation.rawValue)"
  }

  @Sendable private func restore(_ request: Request, _ context: EdgeContext) async throws
    -> Response
  {
    let body = try await AdminBody.read(request)
    let input = body.bytes.isEmpty ? Input.empty : try body.decode(Input.self)
    let reason = try AdminInput.reason(input.reason)
    guard let cell = CellID(try context.parameter("id")) else {
      throw Failure(.notFound, "no such cell")
    }
    if input.dryRun == true { return try await dryRun(cell, input).response }
    let command = try AdminCommand(request, body, context, services)
    if input.spread == true {
      return try await CellSpreadCommands(services: services)
        .spread(cell, oldIsDead: input.oldIsDead == true, reason: reason, command).accepted
    }
    if let earlier = try await command.earlierAnswer() { return earlier.response }
    try CellSpreadCommands.demandDead(input.oldIsDead == true)
    let standing = CellSpreadCommands(services: services).standing(of: cell)
    let answer = try await command.perform { transaction, rows in
      let decision = try Self.decide(cell, services.replicas, standing, rows)
      let operation = try Self.begin(decision, reason, command, transaction, rows)
      return try .json(202, OperationView(operation))
    }
    if let record = try await services.store.read({ try $0.cell(cell) }) {
      services.roster.set(record)
    }
    try await services.map.refresh()
    return answer.accepted
  }

  /// What would come back where; everything that the real order asks for is asked for.
  private func dryRun(_ cell: CellID, _ input: Input) async throws -> StoredAnswer {
    struct Plan: Encodable, Sendable {
      let cell: String
      let generation: UInt64
      let replica: String
      let tenants: Int
      /// Earlier restores of the cell that it takes over from.
      let ends: [String]
    }
    let spreads = CellSpreadCommands(services: services)
    if input.spread == true {
      return try await spreads.dryRun(cell, oldIsDead: input.oldIsDead == true)
    }
    try CellSpreadCommands.demandDead(input.oldIsDead == true)
    let standing = spreads.standing(of: cell)
    let plan = try await services.store.read { rows -> Plan in
      let decision = try Self.decide(cell, services.replicas, standing, rows)
      return Plan(
        cell: cell.rawValue, generation: decision.generation.rawValue,
        replica: decision.sight.replica, tenants: try rows.tenantCount(on: cell),
        ends: decision.restores.map(\.id.rawValue))
    }
    return try services.dryRun(.cellRestore, of: cell, plan)
  }

  /// What the order comes to.
  ///
  /// Throws `conflict` while the process of an earlier one may be claiming its generation, or
  /// serves and brings tenants back: with a higher one it would be out.
  private static func decide(
    _ cell: CellID, _ replicas: ReplicaRoster, _ standing: CellSpreadCommands.Standing,
    _ rows: PlatformRows
  ) throws -> Decision {
    try rows.demandNotGone(cell)
    let record = try rows.lostCell(cell)
    // What the archive has not yet would be lost, and the follower has it.
    if let follower = try CellSpreadCommands.successor(of: cell, standing, rows) {
      throw Failure(.invalidState, "\(follower) has all that was acknowledged: promote it")
    }
    try CellRestores.demandUnclaimed(cell, replicas, rows)
    let running = try rows.runningRecoveries(of: cell)
    if let restore = running.first, standing.isAlive,
      replicas.lost(of: cell, at: record.address) == nil
    {
      throw Failure(.conflict, "\(restore.id) brings \(cell) back at \(record.address)")
    }
    guard let sight = replicas.lost(of: cell) else {
      throw Failure(
        .invalidState, "no process of this cell reports an empty disk: start one on the new one")
    }
    let highest = max(try rows.highestGeneration(of: cell) ?? record.generation, sight.generation)
    guard highest < .ended else {
      throw Failure(.invalidState, "the archive has an end of the cell's journal: it is no more")
    }
    return Decision(
      record: record, register: try rows.register(of: cell),
      generation: Generation(highest.rawValue + 1), sight: sight, restores: running)
  }

  /// Records it: from here on an older process may neither join nor report, and routers fence it.
  private static func begin(
    _ decision: Decision, _ reason: String, _ command: AdminCommand, _ transaction: Transaction,
    _ rows: PlatformRows
  ) throws -> Operation {
    let (cell, generation) = (decision.record.id, decision.generation)
    try rows.end(
      decision.restores, Failure(.conflict, "a later restore of the cell has taken over"),
      at: transaction.now)
    var record = decision.record
    record.generation = generation
    record.address = decision.sight.address
    record.mapVersion = try rows.raiseVersion()
    try rows.put(record)
    if let register = decision.register {
      try rows.put(
        CellRegister(
          cell: cell, generation: generation, primary: decision.sight.replica,
          version: register.version + 1))
    }
    let operation = try rows.begin(
      .cellRestore, cell.rawValue, total: 0, unit: "tenants", transaction)
    try rows.put(
      RestoreRecord(
        id: operation.id, tenant: .wholeCell, target: .wholeCell, cell: cell,
        at: name(cell, generation), mode: .swap, accept: true, releasedAt: nil))
    try rows.append(
      command.audit(
        "cell.restore", cell.rawValue,
        "generation \(generation.rawValue), stated: the old process is stopped"
          + decision.restores.map { ", in place of \($0.id)" }.joined()
          + (reason.isEmpty ? "" : ": \(reason)")),
      id: transaction.freshID(), at: transaction.now)
    return operation
  }
}

extension TenantID {
  /// Stands in a restore's record where it is of every tenant of a cell.
  static let wholeCell = TenantID(trusted: "")
}
