import Hummingbird
import Trust
import Wire

/// Watches every request from outside: who asked for what, from where, and how it ended.
struct Observing: RouterMiddleware {
  let windows: SecurityWindows

  func handle(
    _ request: Request, context: CellContext,
    next: (Request, CellContext) async throws -> Response
  ) async throws -> Response {
    guard let tenant = context.edge.tenant else { return try await next(request, context) }
    let observation = RequestObservation()
    func note(_ status: Int, _ bytes: Int) {
      windows.note(
        SecurityWindows.Ended(
          tenant: tenant, facts: observation.facts,
          route: "\(request.method) \(context.endpointPath ?? "")", status: status,
          address: context.edge.clientAddress,
          agent: String((request.headers[.userAgent] ?? "").prefix(UserSession.maximumAgentBytes)),
          responseBytes: bytes))
    }
    do {
      let response = try await RequestObservation.$current.withValue(observation) {
        try await next(request, context)
      }
      note(response.status.code, response.body.contentLength ?? 0)
      return response
    } catch {
      note((error as? Failure)?.code.httpStatus ?? 400, 0)
      throw error
    }
  }
}
