import Edge
import Hummingbird
import Storage
import Wire

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// A webhook part that waits in some cell's spool, as the API shows it.
struct QuarantineView: ResponseEncodable, Sendable {
  /// The cell that keeps it and its id there, joined by a point.
  let id: String
  let receivedAt: Timestamp
  let reason: String
  let metaApp: String
  let tenantID: String?
  let sha256: String
  let bodyBase64: String

  enum CodingKeys: String, CodingKey {
    case id, reason, sha256
    case receivedAt = "received_at"
    case metaApp = "meta_app"
    case tenantID = "tenant_id"
    case bodyBase64 = "body_base64"
  }

  init(_ entry: Aimstors_ProtoSpoolEntry, cell: CellID) {
    id = "\(cell).\(entry.id)"
    receivedAt = Timestamp(milliseconds: entry.part.receivedAtMs)
    reason = entry.part.reason
    metaApp = entry.part.metaApp.isEmpty ? entry.part.part.metaApp : entry.part.metaApp
    tenantID = entry.part.part.tenant.isEmpty ? nil : entry.part.part.tenant
    sha256 = Array(entry.sha256).hex
    bodyBase64 = Data(Self.body(of: entry.part)).base64EncodedString()
  }

  /// The body as it came; of a part, a webhook body with that part alone, its values untouched.
  private static func body(of spooled: Aimstors_ProtoSpoolPart) -> [UInt8] {
    if !spooled.body.isEmpty { return Array(spooled.body) }
    var json = Array(#"{"object":"whatsapp_business_account","entry":["#.utf8)
    for (index, change) in spooled.part.changes.enumerated() {
      if index > 0 { json.append(UInt8(ascii: ",")) }
      json.append(contentsOf: #"{"id":"#.utf8)
      JSONText.append(change.wabaID, to: &json)
      if change.entryTime != 0 { json.append(contentsOf: ",\"time\":\(change.entryTime)".utf8) }
      json.append(contentsOf: #","changes":[{"field":"#.utf8)
      JSONText.append(change.field, to: &json)
      json.append(contentsOf: #","value":"#.utf8)
      json.append(contentsOf: change.value.isEmpty ? Data("null".utf8) : change.value)
      json.append(contentsOf: "}]}".utf8)
    }
    json.append(contentsOf: "]}".utf8)
    return json
  }
}

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

  /// Cell by cell, oldest first within a cell. A cell that is away shows nothing until it is back.
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
        let page = try await services.spools.query(
          cell, after: after, id: "", limit: limit, trace: context.traceID)
        views += page.entries.map { QuarantineView($0, cell: cell.id) }
        guard page.entries.count == Int(limit), let last = page.entries.last else { break }
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
