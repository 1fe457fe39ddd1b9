import Edge
import Hummingbird
import Storage
import Wire

/// Moves of tenants from cell to cell.
struct MoveRoutes: Sendable {
  let services: AdminServices

  func register(on router: Router<EdgeContext>) {
    router.post("/v1/tenants/:id/moves", use: move)
    router.post("/v1/operations/:id/reverse", use: reverse)
  }

  @Sendable private func move(_ request: Request, _ context: EdgeContext) async throws -> Response {
    let id = try AdminInput.tenantID(context)
    let body = try await AdminBody.read(request)
    let input = try body.decode(MoveInput.self)
    let command = try AdminCommand(request, body, context, services)
    return begun(
      try await MoveCommands(services: services).arm(id, input, command), context.traceID)
  }

  @Sendable private func reverse(_ request: Request, _ context: EdgeContext) async throws
    -> Response
  {
    let id = OperationID(trusted: try context.parameter("id"))
    let body = try await AdminBody.read(request)
    let command = try AdminCommand(request, body, context, services)
    return begun(
      try await MoveCommands(services: services).reverse(id, command), context.traceID)
  }

  private func begun(_ answer: StoredAnswer, _ trace: String) -> Response {
    if let id = answer.operationID {
      let rounds = CellWorkRounds(services: services)
      // Where this process ends, the rounds of the next one go on with it.
      Task { await rounds.follow(id, trace: trace) }
    }
    return answer.accepted
  }
}
