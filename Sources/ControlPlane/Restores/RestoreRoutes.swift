import Edge
import Hummingbird
import Storage
import Wire

/// A restore as the API shows it.
struct RestoreView: Codable, ResponseEncodable, Sendable {
  let id: String
  let operationID: String
  let tenantID: String
  let targetTenantID: String
  let cell: String
  let at: String
  let source: RestoreSource
  let mode: String
  let accept: Bool
  let releasedAt: Timestamp?
  /// Messages that waited when it was released.
  let released: Int?
  /// What tenants keep back now.
  let suspended: [SuspendedSends.Tenant]?
  let suspendedCount: Int?
  /// Cells that did not say what waits there.
  let uncounted: [String]?

  enum CodingKeys: String, CodingKey {
    case id, cell, at, source, mode, accept, released, suspended, uncounted
    case operationID = "operation_id"
    case tenantID = "tenant_id"
    case targetTenantID = "target_tenant_id"
    case releasedAt = "released_at"
    case suspendedCount = "suspended_count"
  }

  init(_ restore: RestoreRecord, released: Int? = nil, _ sends: SuspendedSends? = nil) {
    (suspended, suspendedCount) = (sends?.tenants, sends?.count)
    uncounted = sends.flatMap { $0.uncounted.isEmpty ? nil : $0.uncounted }
    id = restore.id.rawValue
    operationID = restore.id.rawValue
    tenantID = restore.tenant.rawValue
    targetTenantID = restore.target.rawValue
    cell = restore.cell.rawValue
    let point = SourcedPoint(restore.at)
    at = point.at
    source = point.source
    mode = restore.tenant == .wholeCell ? "cell" : restore.mode.rawValue
    accept = restore.accept
    releasedAt = restore.releasedAt
    self.released = released
  }
}

/// The body of `POST /v1/restores/{id}/release`.
struct ReleaseInput: Decodable, Sendable {
  /// Also what nobody could count goes out.
  let accept: Bool?

  static let empty = ReleaseInput(accept: nil)
}

/// Restores, snapshots and drills.
struct RestoreRoutes: Sendable {
  let services: AdminServices

  func register(on router: Router<EdgeContext>) {
    router.post("/v1/tenants/:id/restores", use: restore)
    router.post("/v1/tenants/:id/snapshots", use: snapshot)
    router.get("/v1/restores/:id", use: show)
    router.post("/v1/restores/:id/release", use: release)
    router.post("/v1/drills", use: drill)
  }

  @Sendable private func restore(_ request: Request, _ context: EdgeContext) async throws
    -> Response
  {
    let id = try AdminInput.tenantID(context)
    let body = try await AdminBody.read(request)
    let input = try body.decode(RestoreInput.self)
    try input.check()
    let fork = TenantID(trusted: "t" + services.random.bytes(8).base32(characters: 12))
    let command = try AdminCommand(request, body, context, services)
    return try await begin(command, .tenantRestore, id, "tenants") { operation, tenant, rows in
      try rows.put(
        RestoreRecord(
          id: operation.id, tenant: id, target: input.mode == .fork ? fork : id,
          cell: tenant.placement.cell, at: input.point, mode: input.mode,
          accept: input.accept ?? false, releasedAt: nil))
      if input.mode == .swap {
        // Its audit log may go on from an earlier point.
        try rows.acceptBranch(
          operation.id.rawValue, id, reason: "restored to \(input.point)",
          at: operation.createdAt)
      }
      return "\(input.mode.rawValue) at \(input.point)"
    }
  }

  @Sendable private func snapshot(_ request: Request, _ context: EdgeContext) async throws
    -> Response
  {
    let id = try AdminInput.tenantID(context)
    let body = try await AdminBody.read(request)
    let command = try AdminCommand(request, body, context, services)
    return try await begin(command, .tenantSnapshot, id, "tenants") { _, _, _ in "" }
  }

  /// Records an operation about one tenant; the rounds do the rest.
  private func begin(
    _ command: AdminCommand, _ kind: OperationKind, _ id: TenantID, _ unit: String,
    _ prepare: @escaping @Sendable (Operation, TenantRecord, PlatformRows) throws -> String
  ) async throws(Failure) -> Response {
    let answer = try await command.perform { transaction, rows in
      let tenant = try rows.requireTenant(id)
      guard tenant.isProvisioned else {
        throw Failure(.invalidState, "the tenant is not provisioned yet; try again")
      }
      let operation = try rows.begin(kind, id.rawValue, total: 1, unit: unit, transaction)
      let detail = try prepare(operation, tenant, rows)
      try rows.append(
        command.audit(kind.rawValue, id.rawValue, detail), id: transaction.freshID(),
        at: transaction.now)
      return try .json(202, OperationView(operation))
    }
    return answer.accepted
  }

  @Sendable private func drill(_ request: Request, _ context: EdgeContext) async throws -> Response
  {
    let body = try await AdminBody.read(request)
    let command = try AdminCommand(request, body, context, services)
    let answer = try await command.perform { transaction, rows in
      let operation = try rows.begin(.drill, "platform", total: 1, unit: "cells", transaction)
      try rows.append(
        command.audit("drill", "platform"), id: transaction.freshID(), at: transaction.now)
      return try .json(202, OperationView(operation))
    }
    return answer.accepted
  }

  @Sendable private func show(_ request: Request, _ context: EdgeContext) async throws
    -> RestoreView
  {
    let restore = try await restore(named: try context.parameter("id"))
    guard restore.mode == .swap else { return RestoreView(restore) }
    return RestoreView(restore, try await suspended(by: restore, trace: context.traceID))
  }

  /// What waits now for a restore's or promotion's release; nil before its operation's end, which
  /// says it.
  private func suspended(
    by restore: RestoreRecord, trace: String
  ) async throws(Failure) -> SuspendedSends? {
    let (found, stands, cell) = try await services.store.read { rows in
      (
        try rows.operation(restore.id),
        try PromotionStop.stands(restore.id, of: restore.cell, rows),
        try rows.cell(restore.cell)
      )
    }
    guard let operation = found, operation.state.isFinal else { return nil }
    let rounds = CellWorkRounds(services: services)
    if operation.kind == .cellPromote {
      // A stop that is lifted keeps nothing back, nor does that of a cell that is no more.
      guard stands, cell?.isGone != true else { return SuspendedSends() }
      return await rounds.suspendedNow(
        "", in: [restore.cell], for: restore.id, trace: trace)
    }
    let isWhole = restore.tenant == .wholeCell
    // Of a whole cell somebody may come back after a release, and waits for the next one.
    guard isWhole || restore.releasedAt == nil else { return SuspendedSends() }
    return await rounds.suspendedNow(
      isWhole ? restore.at : restore.id.rawValue, in: try await cells(of: restore, operation),
      for: restore.id, trace: trace)
  }

  /// By its id, or by the name that cells say of a whole cell's.
  private func restore(named text: String) async throws(Failure) -> RestoreRecord {
    let id = OperationID(trusted: text)
    let found = try await services.store.read {
      try $0.restore(id) ?? $0.restore(ofCell: text)
    }
    guard let restore = found else {
      throw Failure(.notFound, "no such restore")
    }
    return restore
  }

  /// Where tenants wait for a release: each where it is now, since a suspended tenant may move.
  private func cells(
    of restore: RestoreRecord, _ operation: Operation?
  ) async throws(Failure) -> [CellID] {
    guard restore.tenant == .wholeCell else {
      let tenant = try await services.store.read { try $0.tenant(restore.tenant) }
      return [tenant?.placement.cell ?? restore.cell]
    }
    var cells = Set(services.roster.living().map(\.id))
    if operation?.kind == .cellSpread {
      let tenants = try await services.store.read { try $0.spreadTenants(of: restore.cell) }
      cells.formUnion(tenants.filter { $0.state == .done }.compactMap { $0.to?.cell })
    } else if (try? CellWorkRounds(services: services).demandNotGone(restore.cell)) != nil {
      // One that is away may have some; one that is no more has none.
      cells.insert(restore.cell)
    }
    return cells.sorted()
  }

  /// The cell first: what is recorded here is true there.
  @Sendable private func release(_ request: Request, _ context: EdgeContext) async throws
    -> Response
  {
    let body = try await AdminBody.read(request)
    let command = try AdminCommand(request, body, context, services)
    if let earlier = try await command.earlierAnswer() { return earlier.response }
    let restore = try await restore(named: try context.parameter("id"))
    guard restore.mode == .swap else {
      throw Failure(.invalidState, "a fork never sends: there is nothing to release")
    }
    let operation = try await services.store.read { try $0.operation(restore.id) }
    // A cell's tenants that are back may send though others are not.
    let isOver =
      restore.tenant == .wholeCell
      ? operation?.state.isFinal == true : operation?.state == .succeeded
    guard isOver else {
      throw Failure(.invalidState, "the restore has not succeeded")
    }
    if operation?.kind == .cellPromote {
      let input = body.bytes.isEmpty ? ReleaseInput.empty : try body.decode(ReleaseInput.self)
      return try await release(promotion: restore, input, command).response
    }
    var work = Aimstors_ProtoCellWork()
    // Each attempt is its own: what one could not do is not remembered as the answer.
    let attempt = String(services.random.uint64(), radix: 16)
    work.operation = "release-\(restore.id)-\(attempt)"
    work.kind = "release"
    work.tenant = restore.tenant.rawValue
    work.at = restore.tenant == .wholeCell ? restore.at : restore.id.rawValue
    struct Released: Decodable { let released: Int }
    var count = 0
    for cell in try await cells(of: restore, operation) {
      let text = try await CellWorkRounds(services: services)
        .finish(work, cell, trace: context.traceID)
      count += try EdgeJSON.decode(Released.self, from: Array(text.utf8)).released
    }
    let released = count
    return try await command.perform { transaction, rows in
      var restore = restore
      restore.releasedAt = restore.releasedAt ?? transaction.now
      try rows.put(restore)
      try rows.append(
        command.audit("restore.release", restore.id.rawValue, "\(released) messages waited"),
        id: transaction.freshID(), at: transaction.now)
      return try .json(200, RestoreView(restore, released: released))
    }.response
  }

  /// Lifts the stop that it put on its cell's sends; what waited is counted before.
  ///
  /// Throws `restore_not_accepted` where it is not, and nobody has said that it may go unseen.
  private func release(
    promotion restore: RestoreRecord, _ input: ReleaseInput, _ command: AdminCommand
  ) async throws(Failure) -> StoredAnswer {
    let sends = try await suspended(by: restore, trace: command.trace)
    let released = sends.flatMap { $0.uncounted.isEmpty ? $0.count : nil }
    guard released != nil || input.accept == true else {
      throw Failure(
        .restoreNotAccepted,
        "\(restore.cell) did not say what waits there: ask again, or state with accept that it "
          + "goes out unseen")
    }
    let answer = try await command.perform { transaction, rows in
      try PromotionStop.lift(of: restore.cell, for: restore.id, transaction, rows)
      var restore = restore
      restore.releasedAt = restore.releasedAt ?? transaction.now
      try rows.put(restore)
      try rows.append(
        command.audit(
          "restore.release", restore.id.rawValue,
          released.map { "\($0) messages waited" } ?? "what waited was not counted"),
        id: transaction.freshID(), at: transaction.now)
      return try .json(200, RestoreView(restore, released: released))
    }
    await services.directives.sweep(grace: 0, trace: command.trace)
    return answer
  }
}
