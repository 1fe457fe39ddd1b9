import Edge
import Hummingbird
import Storage
import Wire

/// A send-stop as the API shows it.
struct SendStopView: Codable, ResponseEncodable, Sendable {
  let scope: String
  let id: String
  let since: Timestamp
  let reason: String
  let lifted: Bool
  /// Cells that have not made it durable yet; empty: it holds everywhere.
  private(set) var pendingCells: [String]

  enum CodingKeys: String, CodingKey {
    case scope, id, since, reason, lifted
    case pendingCells = "pending_cells"
  }

  init(_ stop: SendStop, pending: [CellID] = []) {
    scope = stop.scope.rawValue
    id = stop.id
    since = stop.since
    reason = stop.reason
    lifted = stop.isLifted
    pendingCells = pending.map(\.rawValue)
  }

  /// As a directive names it.
  var subject: String { "\(scope)/\(id)" }

  /// The same some time later, when these cells still wait.
  func stillPending(_ cells: [CellID]) -> SendStopView {
    let waiting = Set(cells.map(\.rawValue))
    var view = self
    view.pendingCells.removeAll { !waiting.contains($0) }
    return view
  }
}

/// `/v1/send-stops`.
struct SendStopRoutes: Sendable {
  /// The body of a PUT: whoever finds the stop reads there why it stands.
  struct Input: Decodable, Sendable {
    let reason: String?
  }

  let services: AdminServices

  func register(on router: Router<EdgeContext>) {
    router.get("/v1/send-stops", use: list)
    router.get("/v1/send-stops/:scope/:id", use: show)
    router.put("/v1/send-stops/:scope/:id", use: put)
    router.delete("/v1/send-stops/:scope/:id", use: lift)
  }

  @Sendable private func list(_ request: Request, _ context: EdgeContext) async throws
    -> Page<SendStopView>
  {
    let query = try ListQuery(request)
    let (scope, id) = Self.split(query.after ?? "")
    let stops = try await services.store.read {
      try $0.standingSendStops(afterScope: scope, id: id, limit: query.limit + 1)
    }
    return Page(stops.map { SendStopView($0) }, query) { "\($0.scope)/\($0.id)" }
  }

  @Sendable private func show(_ request: Request, _ context: EdgeContext) async throws
    -> SendStopView
  {
    let (scope, id) = try Self.subject(context)
    let found = try await services.store.read { rows in
      try rows.sendStop(scope, called: id).map { ($0, try rows.cellsWaiting(for: $0.subject)) }
    }
    guard let (stop, pending) = found, !stop.isLifted else {
      throw Failure(.notFound, "no such send-stop")
    }
    return SendStopView(stop, pending: pending)
  }

  @Sendable private func put(_ request: Request, _ context: EdgeContext) async throws
    -> SendStopView
  {
    let (scope, id) = try Self.subject(context)
    let body = try await AdminBody.read(request)
    let reason = body.bytes.isEmpty ? "" : try body.decode(Input.self).reason ?? ""
    _ = try AdminInput.text(reason, "reason", length: 1...ControlPlaneLimits.reasonLength)
    guard PromotionStop(reason: reason) == nil else {
      throw Failure(.invalidField, "reason must not say what a promotion's own stop says")
    }
    let (operatorID, trace) = (try context.admin().id, context.traceID)
    let view = try await services.store.write(trace: trace) { transaction, rows in
      // A mistyped name would stop nothing, and look as if it did.
      guard let id = try rows.subject(scope, called: id) else {
        throw Failure(.notFound, "no \(scope.rawValue) has the id \(id)")
      }
      let current = try rows.sendStop(scope, id)
      let version = try rows.version() + 1
      let decision =
        if let current, let promotions = PromotionStop(current) {
          promotions.holding(reason, current, at: transaction.now, version: version)
        } else {
          SendStopRule.put(
            scope, id, reason: reason, at: transaction.now, current: current, version: version)
        }
      return try rows.record(decision, at: transaction) { stop in
        AuditEntry(
          operatorID: operatorID, action: "send_stop.put", subject: stop.subject,
          detail: stop.reason, traceID: trace)
      }
    }
    return try await told(view, trace: trace)
  }

  /// Once per key: a repeat does not lift what somebody has put anew since.
  @Sendable private func lift(_ request: Request, _ context: EdgeContext) async throws
    -> SendStopView
  {
    let (scope, id) = try Self.subject(context)
    let command = try AdminCommand(request, try await AdminBody.read(request), context, services)
    let answer = try await command.perform { transaction, rows in
      let current = try rows.sendStop(scope, called: id)
      let version = try rows.version() + 1
      let decision: SendStopRule.Decision
      if let current, let promotions = PromotionStop(current) {
        decision = try promotions.withoutOperators(current, version: version)
      } else {
        decision = try SendStopRule.lift(current: current, version: version)
      }
      let view = try rows.record(decision, at: transaction) { stop in
        command.audit("send_stop.lift", stop.subject, stop.reason)
      }
      return try .json(200, view)
    }
    return try await told(
      EdgeJSON.decode(SendStopView.self, from: answer.body), trace: command.trace)
  }

  /// Tells the living cells of a stop at once what they wait for; answers who still waits.
  private func told(_ view: SendStopView, trace: String) async throws -> SendStopView {
    let waiting = try await services.store.read { try $0.directives(.sendStop, view.subject) }
    _ = await services.directives.send(
      waiting.filter { services.roster.isAlive($0.cell) },
      timeout: ControlPlaneLimits.directiveWait, trace: trace)
    return view.stillPending(
      try await services.store.read { try $0.cellsWaiting(for: view.subject) })
  }

  private static func subject(_ context: EdgeContext) throws(Failure) -> (SendStopScope, String) {
    let name = try context.parameter("scope")
    guard let scope = SendStopScope(rawValue: name) else {
      throw Failure(
        .invalidField,
        "scope must be one of "
          + SendStopScope.allCases.map(\.rawValue).joined(separator: ", "))
    }
    let id = try context.parameter("id")
    guard CellID(id) != nil else {
      throw Failure(.invalidField, "id must be 1 to 64 of a-z A-Z 0-9 _ -")
    }
    return (scope, id)
  }

  private static func split(_ cursor: String) -> (String, String) {
    let parts = cursor.split(separator: "/", maxSplits: 1)
    return (parts.first.map(String.init) ?? "", parts.count > 1 ? String(parts[1]) : "")
  }
}

extension PlatformRows {
  /// The one identifier of what an operator calls by this name; nil where there is nothing that a
  /// stop of this scope could reach.
  ///
  /// A number goes by its phone_number_id, also where it is called `num_…`: two names are one stop.
  func subject(_ scope: SendStopScope, called name: String) throws -> String? {
    switch scope {
    case .platform: ["all", "platform"].contains(name) ? SendStop.platformID : nil
    case .tenant: try tenant(TenantID(trusted: name)).map { _ in name }
    case .cell: try cell(CellID(trusted: name)).map { _ in name }
    case .region: try cells().contains { $0.region.rawValue == name } ? name : nil
    case .number:
      try [name, key(.phoneNumber, named: name)].lazy.compactMap(\.self).first {
        try claim(.phoneNumber, $0)?.isReleased == false
      }
    }
  }

  /// A stop under any name of what it stops; a number may be gone since.
  func sendStop(_ scope: SendStopScope, called name: String) throws -> SendStop? {
    let id =
      scope == .number
      ? try key(.phoneNumber, named: name) : try subject(scope, called: name)
    if let id, let stop = try sendStop(scope, id) { return stop }
    return try sendStop(scope, name)
  }

  /// Records a change with its entry in the audit and a directive for every cell; answers the stop
  /// and who waits for it.
  func record(
    _ decision: SendStopRule.Decision, at transaction: Transaction,
    _ entry: (SendStop) -> AuditEntry
  ) throws -> SendStopView {
    let changed: SendStop
    switch decision {
    case .unchanged(let stop):
      return SendStopView(stop, pending: try cellsWaiting(for: stop.subject))
    case .write(let stop): changed = stop
    }
    _ = try raiseVersion()
    try put(changed)
    try append(entry(changed), id: transaction.freshID(), at: transaction.now)
    let waiting = try enqueue(changed, at: transaction).map(\.cell)
    return SendStopView(changed, pending: waiting.sorted())
  }

  /// One directive per cell, and the operation that ends when all have it.
  func enqueue(_ stop: SendStop, at transaction: Transaction) throws -> [Directive] {
    let cells = try cells().filter { $0.state != .retired }
    guard !cells.isEmpty else { return [] }
    let operation = try begin(
      .sendStop, stop.subject, total: Int64(cells.count), unit: "cells", transaction)
    let directives = cells.map { cell in
      Directive(
        cell: cell.id, kind: .sendStop, subject: stop.subject, version: stop.version,
        createdAt: transaction.now, operation: operation.id)
    }
    for directive in directives { try enqueue(directive, at: transaction.now) }
    return directives
  }
}
