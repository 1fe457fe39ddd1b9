import Edge
import Hummingbird
import Storage
import Wire

/// An operation as the API shows it.
struct OperationView: ResponseEncodable, Sendable {
  struct Progress: Encodable, Sendable {
    let done: Int64
    let total: Int64
    let unit: String
  }
  struct Problem: Encodable, Sendable {
    let code: String
    let detail: String
  }

  let id: String
  let kind: String
  let subject: String
  let state: String
  let step: String
  let progress: Progress
  let result: AnyJSON?
  let error: Problem?
  let createdAt: Timestamp
  let updatedAt: Timestamp

  enum CodingKeys: String, CodingKey {
    case id, kind, subject, state, step, progress, result, error
    case createdAt = "created_at"
    case updatedAt = "updated_at"
  }

  init(_ operation: Operation) {
    id = operation.id.rawValue
    kind = operation.kind.rawValue
    subject = operation.subject
    state = operation.state.rawValue
    step = operation.stepName
    progress = Progress(
      done: operation.progress.done, total: operation.progress.total,
      unit: operation.progress.unit)
    result = operation.result.flatMap {
      try? EdgeJSON.decode(AnyJSON.self, from: Array($0.utf8))
    }
    error = operation.error.map { Problem(code: $0.code.rawValue, detail: $0.detail) }
    createdAt = operation.createdAt
    updatedAt = operation.updatedAt
  }
}

/// `/v1/operations`.
struct OperationRoutes: Sendable {
  let services: AdminServices

  func register(on router: Router<EdgeContext>) {
    router.get("/v1/operations", use: list)
    router.get("/v1/operations/:id", use: show)
    router.post("/v1/operations/:id/cancel", use: cancel)
  }

  /// Newest first.
  @Sendable private func list(_ request: Request, _ context: EdgeContext) async throws
    -> Page<OperationView>
  {
    let query = try ListQuery(request)
    let rows = try await services.store.read {
      try $0.operations(before: query.after, limit: query.limit + 1)
    }
    return Page(rows.map(OperationView.init), query) { $0.id }
  }

  @Sendable private func show(_ request: Request, _ context: EdgeContext) async throws
    -> OperationView
  {
    let id = OperationID(trusted: try context.parameter("id"))
    guard let operation = try await services.store.read({ try $0.operation(id) }) else {
      throw Failure(.notFound, "no such operation")
    }
    return OperationView(operation)
  }

  @Sendable private func cancel(_ request: Request, _ context: EdgeContext) async throws
    -> Response
  {
    let id = OperationID(trusted: try context.parameter("id"))
    let body = try await AdminBody.read(request)
    let command = try AdminCommand(request, body, context, services)
    let answer = try await command.perform { transaction, rows in
      guard var operation = try rows.operation(id) else {
        throw Failure(.notFound, "no such operation")
      }
      if operation.kind == .tenantMove, !operation.state.isFinal {
        // The source gives it up where it is not past its fence; then the operation ends.
        guard var move = try rows.move(id) else { throw Failure(.notFound, "no such move") }
        move.isCancelled = true
        try rows.put(move)
      } else {
        let isOver = operation.state.isFinal
        try operation.cancel(at: transaction.now)
        try rows.put(operation)
        // A repeat tells of nothing new: another drain may be emptying the cell by now.
        if !isOver, let drain = try rows.rebalance(id), let cell = drain.cell, !drain.isDryRun {
          try RebalanceCommands.reopen(cell, rows)
        }
      }
      try rows.append(
        command.audit("operation.cancel", id.rawValue), id: transaction.freshID(),
        at: transaction.now)
      return try .json(200, OperationView(operation))
    }
    if let cell = try await services.store.read({ try $0.rebalance(id)?.cell }) {
      try await RebalanceCommands(services: services).reread(cell)
    }
    return answer.response
  }
}
