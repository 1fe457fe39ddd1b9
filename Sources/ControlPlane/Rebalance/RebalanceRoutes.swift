import Edge
import Hummingbird
import Storage
import Wire

/// Emptying, ending and balancing cells.
struct RebalanceRoutes: Sendable {
  let services: AdminServices

  private var commands: RebalanceCommands { RebalanceCommands(services: services) }

  func register(on router: Router<EdgeContext>) {
    router.post("/v1/cells/:id/drain", use: drain)
    router.post("/v1/cells/:id/retire", use: retire)
    router.post("/v1/rebalances", use: rebalance)
  }

  @Sendable private func drain(_ request: Request, _ context: EdgeContext) async throws -> Response
  {
    let (id, input, body) = try await read(request, context)
    if input.dryRun == true, input.oldIsDead == true, !services.roster.isAlive(id) {
      return try await commands.drainDryRun(ofDead: id).response
    }
    let command = try AdminCommand(request, body, context, services)
    return try await commands.drain(id, input, command).accepted
  }

  @Sendable private func retire(
    _ request: Request, _ context: EdgeContext
  ) async throws -> Response {
    let (id, input, body) = try await read(request, context)
    if input.dryRun == true {
      return try await commands.retireDryRun(id, input, trace: context.traceID).response
    }
    let command = try AdminCommand(request, body, context, services)
    return try await commands.retire(id, input, command, trace: context.traceID).accepted
  }

  @Sendable private func rebalance(
    _ request: Request, _ context: EdgeContext
  ) async throws -> Response {
    let body = try await AdminBody.read(request)
    let input =
      body.bytes.isEmpty ? RebalanceInput.empty : try body.decode(RebalanceInput.self)
    _ = try AdminInput.reason(input.reason)
    let command = try AdminCommand(request, body, context, services)
    return try await commands.rebalance(input, command).accepted
  }

  private func read(
    _ request: Request, _ context: EdgeContext
  ) async throws -> (CellID, CellInput, AdminBody) {
    guard let id = CellID(try context.parameter("id")) else {
      throw Failure(.notFound, "no such cell")
    }
    let body = try await AdminBody.read(request)
    let input = body.bytes.isEmpty ? CellInput.empty : try body.decode(CellInput.self)
    _ = try AdminInput.reason(input.reason)
    return (id, input, body)
  }
}
