import Edge
import Hummingbird
import Storage
import Wire

/// `POST /v1/cells/{id}/promote`: a follower becomes the primary of the next generation.
struct PromoteRoute: Sendable {
  struct Input: Decodable, Sendable {
    /// Nil: the promotable one, where there is one.
    let replica: String?
    /// The operator states that the old process is stopped and stays so.
    let oldIsDead: Bool?
    let dryRun: Bool?
    let reason: String?

    enum CodingKeys: String, CodingKey {
      case replica, reason
      case oldIsDead = "old_is_dead"
      case dryRun = "dry_run"
    }

    static let empty = Input(replica: nil, oldIsDead: nil, dryRun: nil, reason: nil)

    /// Of a dead primary's follower that has everything, whichever it is.
    static func promotable(reason: String?) -> Input {
      Input(replica: nil, oldIsDead: true, dryRun: nil, reason: reason)
    }
  }

  let services: AdminServices

  func register(on router: Router<EdgeContext>) {
    router.post("/v1/cells/:id/promote", use: promote)
  }

  @Sendable private func promote(_ request: Request, _ context: EdgeContext) async throws
    -> Response
  {
    let body = try await AdminBody.read(request)
    let input = body.bytes.isEmpty ? Input.empty : try body.decode(Input.self)
    _ = try AdminInput.reason(input.reason)
    guard let cell = CellID(try context.parameter("id")) else {
      throw Failure(.notFound, "no such cell")
    }
    let lag = services.replicas.lag(of: cell)
    let isMixed = try await Self.isMixed(cell, services)
    if input.dryRun == true {
      let (before, after) = try await services.store.read {
        try Self.decide(cell, input, isMixed: isMixed, services.replicas, $0)
      }
      return try StoredAnswer.json(
        202, OperationView(try Self.plan(before, after, isMixed: isMixed, lag, services))
      ).response
    }
    let command = try AdminCommand(request, body, context, services)
    let answer = try await command.perform { transaction, rows in
      let operation = try Self.begin(
        cell, input, isMixed: isMixed, services.replicas, command, transaction, rows)
      return try .json(202, OperationView(operation))
    }
    if let record = try await services.store.read({ try $0.cell(cell) }) {
      services.roster.set(record)
    }
    try await services.map.refresh()
    return answer.response
  }

  /// Whether some tenant of the cell waits for no follower.
  ///
  /// Unknown counts as mixed: nobody is promoted on a guess.
  static func isMixed(
    _ cell: CellID, _ services: AdminServices
  ) async throws(Failure) -> Bool {
    // A wish that was granted a moment ago may not have been reported yet.
    if try await services.store.read({ try $0.hasLocalTenant(on: cell) }) { return true }
    let sight = services.replicas.sights(of: cell).filter(\.isPrimary)
      .max { $0.generation < $1.generation }
    if let said = sight?.isMixed { return said }
    return try await services.store.read { try $0.isMixed(cell) } ?? true
  }

  /// Decides and records it: from here on the old generation may neither join nor report.
  static func begin(
    _ cell: CellID, _ input: Input, isMixed: Bool, _ replicas: ReplicaRoster,
    _ command: AdminCommand, _ transaction: Transaction, _ rows: PlatformRows
  ) throws -> Operation {
    let reason = input.reason ?? ""
    let (before, after) = try decide(cell, input, isMixed: isMixed, replicas, rows)
    let isComplete =
      before.promotable.contains(after.primary)
      && !replicas.standing(of: after.primary, in: cell).lacks
    let isProven = isComplete && !isMixed
    // Its process would claim the journal under the generation that the follower gets.
    try rows.end(
      try rows.runningRecoveries(of: cell).filter { $0.stepName != "restore" },
      Failure(.conflict, "\(after.primary) was promoted in its place"), at: transaction.now)
    try rows.put(after)
    if var record = try rows.cell(cell) {
      record.generation = after.generation
      record.mapVersion = try rows.raiseVersion()
      try rows.put(record)
    }
    var operation = Operation(
      id: .fresh(transaction), kind: .cellPromote, subject: cell.rawValue, total: 3,
      unit: "steps", at: transaction.now)
    try operation.start(at: transaction.now)
    try operation.finished(step: "register", at: transaction.now)
    let hadSeq = isComplete ? replicas.lastKnown(after.primary, of: cell) : nil
    operation.reports(try PromotionResult(after, isComplete: isProven, hadSeq: hadSeq).json)
    try rows.put(operation)
    if !isProven {
      try PromotionStop.put(of: cell, after.generation, for: operation.id, transaction, rows)
    }
    try rows.append(
      command.audit(
        "cell.promote", cell.rawValue,
        "\(before.primary) → \(after.primary), generation \(after.generation.rawValue)"
          + (input.oldIsDead == true ? ", stated: the old process is stopped" : "")
          + (isComplete ? "" : ", a copy that may lack records: \(lost(replicas.lag(of: cell)))")
          + (reason.isEmpty ? "" : ": \(reason)")),
      id: transaction.freshID(), at: transaction.now)
    return operation
  }

  /// The register before and after; what a dry run says, the order does.
  static func decide(
    _ cell: CellID, _ input: Input, isMixed: Bool, _ replicas: ReplicaRoster, _ rows: PlatformRows
  ) throws -> (before: CellRegister, after: CellRegister) {
    try rows.demandNotGone(cell)
    try CellRestores.demandUnclaimed(cell, replicas, rows)
    return try decide(try known(cell, input, replicas, rows), input, isMixed: isMixed) {
      replicas.standing(of: $0, in: cell)
    }
  }

  /// The register, which must not be a copy's, at the highest generation that is known: the next
  /// one has been issued to nobody.
  ///
  /// While cells are asked what they hold, a lost one never answers: its follower, named, answers
  /// for it, also of a cell that only the archive names. A promotion issues no epoch.
  private static func known(
    _ cell: CellID, _ input: Input, _ replicas: ReplicaRoster, _ rows: PlatformRows
  ) throws -> CellRegister? {
    let isCopy = try rows.runningSurvey() != nil
    if isCopy, try input.oldIsDead != true || input.replica == nil || rows.isSurveyed(cell) {
      try rows.requireSurveyed()
    }
    let isArchivedOnly = try rows.isArchivedOnly(cell)
    let first = CellRegister(cell: cell, generation: .first, primary: nobody)
    guard let register = try rows.register(of: cell) ?? (isArchivedOnly ? first : nil) else {
      return nil
    }
    let generations = replicas.sights(of: cell).map(\.generation)
    let highest = [try rows.highestGeneration(of: cell), generations.max()].compactMap(\.self).max()
    return CellRegister(
      cell: cell, generation: highest ?? register.generation,
      primary: try hasServed(register, rows) ? register.primary : nobody,
      promotable: isCopy ? [] : register.promotable, version: register.version)
  }

  /// Stands where no replica is the primary, or where nobody knows which one was.
  private static let nobody = "nobody"

  /// Whether whom the register names may be the primary: the promotion that made it one has not
  /// failed before it was told.
  private static func hasServed(_ register: CellRegister, _ rows: PlatformRows) throws -> Bool {
    guard let last = try rows.lastPromotion(of: register.cell), last.state == .failed else {
      return true
    }
    return PromotionResult(of: last)?.isOf(register) != true
  }

  /// What would be done: an operation that is not recorded.
  private static func plan(
    _ before: CellRegister, _ after: CellRegister, isMixed: Bool, _ lag: ReplicaRoster.Lag?,
    _ services: AdminServices
  ) throws -> Operation {
    let now = Timestamp(milliseconds: services.clock.milliseconds())
    let result = [
      "from": before.primary, "to": after.primary, "generation": "\(after.generation.rawValue)",
      "is_mixed": "\(isMixed)", "lag_records": lag.map { "\($0.records)" } ?? "unknown",
      "lag_milliseconds": lag.map { "\($0.milliseconds)" } ?? "unknown",
      // Its copy may have every record and still lack a tenant's files.
      "problems": services.replicas.sight(after.primary, of: before.cell)
        .map { $0.problems.map { "\($0.code): \($0.detail)" }.joined(separator: "; ") }
        ?? "unknown",
    ]
    return Operation(
      id: OperationID(trusted: "dry_run"), kind: .cellPromote, subject: before.cell.rawValue,
      state: .planned, step: 0, progress: .init(done: 0, total: 3, unit: "steps"), error: nil,
      result: String(decoding: try StoredAnswer.json(200, result).body, as: UTF8.self),
      createdAt: now, updatedAt: now)
  }

  /// The register before and after.
  ///
  /// A follower that may lack what was acknowledged takes over only where an operator names it and
  /// states that the old process is dead, and where it answers. One that has everything and does
  /// not answer is waited for only where that is stated: the primary may be in full health.
  static func decide(
    _ register: CellRegister?, _ input: Input, isMixed: Bool,
    standing: (String) -> ReplicaRoster.Standing
  ) throws(Failure) -> (before: CellRegister, after: CellRegister) {
    guard let register else {
      throw Failure(.notFound, "no replica of this cell has reported")
    }
    let complete = register.promotable.sorted().filter { !standing($0).lacks }
    guard
      let replica = input.replica ?? complete.first(where: { standing($0).isHeard })
        ?? complete.first
    else { throw Failure(CellRegister.Refusal.notPromotable) }
    guard !isMixed || input.oldIsDead == true else {
      throw Failure(
        .invalidState,
        "tenants of this cell wait for no follower, so the old process may still acknowledge for"
          + " them; state that it is stopped with old_is_dead")
    }
    let isComplete = complete.contains(replica)
    if isComplete {
      guard standing(replica).isHeard || input.oldIsDead == true else {
        throw Failure(
          .cellUnavailable,
          "\(replica) has not reported lately, and the cell would stand still until it does; state "
            + "with old_is_dead that the primary is stopped, and it is waited for",
          retryAfterMilliseconds: ControlPlaneLimits.heartbeatTimeoutMilliseconds)
      }
    } else {
      guard input.replica != nil, input.oldIsDead == true, standing(replica).isHeard else {
        throw Failure(CellRegister.Refusal.notPromotable)
      }
    }
    var after = register
    do throws(CellRegister.Refusal) {
      try after.compareAndSet(
        isComplete ? .promote(replica) : .promoteIncomplete(replica), expecting: register.version,
        from: nil)
    } catch {
      throw Failure(error)
    }
    return (register, after)
  }

  /// How much a follower lacked when its primary was heard last.
  private static func lost(_ lag: ReplicaRoster.Lag?) -> String {
    guard let lag else { return "how many is not known" }
    return "\(lag.records) records, \(lag.bytes) bytes, \(lag.milliseconds) ms when last heard"
  }
}
