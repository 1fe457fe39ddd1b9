import Edge
import Hummingbird
import Storage
import Wire

/// `/v1/quarantine`.
struct QuarantineRoutes: Sendable {
  struct ReplayView: Codable, ResponseEncodable, Sendable {
    let id: String
    let state: String
  }

  let services: AdminServices

  func register(on router: Router<EdgeContext>) {
    router.get("/v1/quarantine", use: list)
    router.post("/v1/quarantine/:id/replay", use: replay)
  }

  /// Cell by cell, oldest first within a cell.
  ///
  /// A cell that is away shows nothing until it is back.
  @Sendable private func list(_ request: Request, _ context: EdgeContext) async throws
    -> Page<QuarantineView>
  {
    let query = try ListQuery(request)
    let (afterCell, afterEntry) = Self.split(query.after ?? "")
    var views: [QuarantineView] = []
    for cell in services.roster.living() where cell.id.rawValue >= afterCell {
      var after = cell.id.rawValue == afterCell ? afterEntry : ""
      while views.count <= query.limit {
        let wanted = UInt32(query.limit + 1 - views.count)
        let limit = min(wanted, ControlPlaneLimits.quarantinePerCell)
        guard
          let page = try? await services.spools.query(
            cell, after: after, id: "", limit: limit, trace: context.traceID)
        else { break }
        views += page.entries.map { QuarantineView($0, cell: cell.id) }
        guard let last = page.entries.last else { break }
        after = last.id
      }
    }
    return Page(views, query) { $0.id }
  }

  @Sendable private func replay(_ request: Request, _ context: EdgeContext) async throws
    -> Response
  {
    let id = try context.parameter("id")
    let (cellName, entryID) = Self.split(id)
    let body = try await AdminBody.read(request)
    let command = try AdminCommand(request, body, context, services)
    if let earlier = try await command.earlierAnswer() { return earlier.response }
    guard let cellID = CellID(cellName), let cell = services.roster.cell(cellID),
      !entryID.isEmpty
    else { throw Failure(.notFound, "no such entry") }
    guard services.roster.isAlive(cellID) else {
      throw Failure(.cellUnavailable, "\(cellID) keeps it and does not answer")
    }
    let page = try await services.spools.query(
      cell, after: "", id: entryID, limit: 1, trace: context.traceID)
    guard let entry = page.entries.first(where: { $0.id == entryID }) else {
      throw Failure(.notFound, "no such entry")
    }
    if case .stays(let failure) = await services.spools.deliver(
      entry.part, trace: context.traceID)
    {
      throw failure
    }
    try await services.spools.remove([entryID], from: cell, trace: context.traceID)
    return try await command.perform { transaction, rows in
      try rows.append(
        command.audit("quarantine.replay", id), id: transaction.freshID(), at: transaction.now)
      return try .json(200, ReplayView(id: id, state: "delivered"))
    }.response
  }

  private static func split(_ text: String) -> (String, String) {
    let parts = text.split(separator: ".", maxSplits: 1)
    return (parts.first.map(String.init) ?? "", parts.count > 1 ? String(parts[1]) : "")
  }
}
