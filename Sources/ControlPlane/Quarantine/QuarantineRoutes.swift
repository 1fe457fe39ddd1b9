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
    router.delete("/v1/quarantine/:id", use: discard)
  }

  /// Cell by cell, oldest first within a cell.
  ///
  /// A cell that is away shows nothing until it is back. A page ends at its limit or when it holds
  /// ``EdgeLimits/pageBytes``.
  @Sendable private func list(_ request: Request, _ context: EdgeContext) async throws
    -> Page<QuarantineView>
  {
    let query = try ListQuery(request)
    let (afterCell, afterEntry) = Self.split(query.after ?? "")
    var views: [QuarantineView] = []
    var bytes = 0
    for cell in services.roster.living() where cell.id.rawValue >= afterCell {
      var after = cell.id.rawValue == afterCell ? afterEntry : ""
      while true {
        // One more than asked for tells whether there is a next page.
        let wanted = UInt32(query.limit + 1 - views.count)
        let limit = min(wanted, ControlPlaneLimits.quarantinePerCell)
        guard
          let page = try? await services.spools.query(
            cell, after: after, id: "", limit: limit, trace: context.traceID),
          let last = page.entries.last
        else { break }
        for entry in page.entries {
          let view = QuarantineView(entry, cell: cell.id)
          bytes += view.bytes
          let isFull = views.count == query.limit || bytes > EdgeLimits.pageBytes
          if isFull, let shown = views.last {
            return Page(data: views, nextCursor: ListQuery.cursor(shown.id))
          }
          views.append(view)
        }
        after = last.id
      }
    }
    return Page(data: views, nextCursor: nil)
  }

  @Sendable private func replay(_ request: Request, _ context: EdgeContext) async throws
    -> Response
  {
    let id = try context.parameter("id")
    let body = try await AdminBody.read(request)
    let command = try AdminCommand(request, body, context, services)
    if let earlier = try await command.earlierAnswer() { return earlier.response }
    let (cell, entry) = try await find(id, trace: context.traceID)
    switch await services.spools.deliver(entry.part, trace: context.traceID) {
    case .delivered: break
    case .waits(let failure), .failed(let failure): throw failure
    }
    try await services.spools.remove([entry.id], from: cell, trace: context.traceID)
    services.spools.forget(cell.id)
    return try await command.perform { transaction, rows in
      try rows.append(
        command.audit("quarantine.replay", id), id: transaction.freshID(), at: transaction.now)
      return try .json(200, ReplayView(id: id, state: "delivered"))
    }.response
  }

  /// Removes an entry for good; who did it, why, and the hash of what it was stay in the audit.
  @Sendable private func discard(_ request: Request, _ context: EdgeContext) async throws
    -> Response
  {
    let id = try context.parameter("id")
    let trace = context.traceID
    let reason = try AdminInput.text(
      request.uri.queryParameters["reason"].map(String.init) ?? "", "reason",
      length: 1...ControlPlaneLimits.reasonLength)
    // The reason is what this request says: another one under the same key is another payload.
    let command = try AdminCommand(
      request, AdminBody(bytes: Array(reason.utf8)), context, services)
    let answer: StoredAnswer
    if let earlier = try await command.earlierAnswer() {
      answer = earlier
    } else if let (cell, entry) = try await found(id, trace: trace) {
      let view = QuarantineView(entry, cell: cell.id)
      // The audit comes first: nothing is gone that nobody answers for.
      answer = try await command.perform { transaction, rows in
        try rows.append(
          command.audit(
            "quarantine.discard", id, "\(reason) (\(view.reason), sha256 \(view.sha256))"),
          id: transaction.freshID(), at: transaction.now)
        return try .json(200, ReplayView(id: id, state: "discarded"))
      }
    } else if let earlier = try await command.earlierAnswer() {
      // The same request came twice at once, and the other was faster.
      answer = earlier
    } else {
      throw Self.noEntry
    }
    // By a repeat too: the first may have been cut off before.
    let (cell, entryID) = try keeper(of: id)
    try await services.spools.remove([entryID], from: cell, trace: trace)
    services.spools.forget(cell.id)
    return answer.response
  }

  /// The entry and the cell that keeps it.
  ///
  /// Throws `not_found`, and `cell_unavailable` where that cell does not answer.
  private func find(_ id: String, trace: String) async throws(Failure)
    -> (CellRecord, Aimstors_ProtoSpoolEntry)
  {
    guard let found = try await found(id, trace: trace) else { throw Self.noEntry }
    return found
  }

  /// The same; nil where its cell has none.
  private func found(_ id: String, trace: String) async throws(Failure)
    -> (CellRecord, Aimstors_ProtoSpoolEntry)?
  {
    let (cell, entryID) = try keeper(of: id)
    let page = try await services.spools.query(cell, after: "", id: entryID, limit: 1, trace: trace)
    return page.entries.first { $0.id == entryID }.map { (cell, $0) }
  }

  private static let noEntry = Failure(.notFound, "no such entry")

  /// The cell in whose spool an entry is, or was, and what it is called there.
  ///
  /// Throws as ``find(_:trace:)``.
  private func keeper(of id: String) throws(Failure) -> (CellRecord, String) {
    let (cellName, entryID) = Self.split(id)
    guard let cellID = CellID(cellName), let cell = services.roster.cell(cellID),
      !entryID.isEmpty
    else { throw Self.noEntry }
    guard services.roster.isAlive(cellID) else {
      throw Failure(.cellUnavailable, "\(cellID) keeps it and does not answer")
    }
    return (cell, entryID)
  }

  private static func split(_ text: String) -> (String, String) {
    let parts = text.split(separator: ".", maxSplits: 1)
    return (parts.first.map(String.init) ?? "", parts.count > 1 ? String(parts[1]) : "")
  }
}
