import Edge
import Hummingbird
import Storage
import Wire

/// Making campaigns, adding recipients, starting and stopping them, and how they go.
enum CampaignRoutes {
  static func register(on routes: CellRoutes) {
    let services = routes.services
    routes.api(.post, "/v1/campaigns", .campaignsWrite) { request, context in
      let call = try await context.command(CampaignInput.self, request, file: .messages)
      return try await call.perform(services) { tx, input in
        let campaign = try CampaignCommands(tx).create(input)
        return .written(201, try reading(tx).json(campaign.id))
      }
    }
    routes.api(.post, "/v1/campaigns/:id/recipients", .campaignsWrite) { request, context in
      try await addRecipients(request, context, services)
    }
    change("start", on: routes) { tx, id, body in
      try CampaignCommands(tx).start(id, try CampaignStart(body))
    }
    change("pause", on: routes) { tx, id, _ in try CampaignCommands(tx).pause(id) }
    change("resume", on: routes) { tx, id, _ in try CampaignCommands(tx).resume(id) }
    change("cancel", on: routes) { tx, id, _ in try CampaignCommands(tx).cancel(id) }
    registerReads(on: routes)
  }

  /// A route that changes a campaign's state and answers the campaign.
  private static func change(
    _ verb: String, on routes: CellRoutes,
    _ body: @escaping @Sendable (Transaction, RowID, [UInt8]) throws -> Void
  ) {
    let services = routes.services
    routes.api(.post, "/v1/campaigns/:id/\(verb)", .campaignsWrite) { request, context in
      let id = try context.rowID("id", .campaign)
      let call = try await context.rawCommand(request, file: .messages)
      let tenant = call.tenant
      return try await call.perform(services) { tx, input in
        try body(tx, id, input)
        tx.afterCommit { services.wakeOutbox(tenant) }
        return .written(200, try reading(tx).json(id))
      }
    }
  }

  /// Stores a page in commands that fit in records; the answer comes when all are durable.
  private static func addRecipients(
    _ request: Request, _ context: CellContext, _ services: CellServices
  ) async throws -> Response {
    let id = try context.rowID("id", .campaign)
    let call = try await context.rawCommand(request, file: .messages)
    let claim = SteppedClaim(whole: call.claim)
    let (answered, found) = try await services.store.read(call.tenant, [.messages]) {
      snapshot -> (StoredAnswer?, Template?) in
      // What was answered is answered again, whatever has become of the template.
      if let answered = try claim.answer(in: snapshot) { return (answered, nil) }
      let file = snapshot.file(.messages)
      guard let campaign = try CampaignStore(file).campaign(id) else {
        throw Failure(.notFound, "there is no such campaign")
      }
      let store = TemplatesStore(file)
      return (nil, try store.find(name: campaign.template, language: campaign.language))
    }
    if let answered { return answered.response }
    guard let template = found else {
      throw Failure(.invalidState, "the campaign's template is gone")
    }
    let page = try RecipientPage(
      call.input, parameters: template.bodyParameters, isNamed: template.parameterFormat == .named)
    return try await add(page, to: id, call, claim, services).response
  }

  private static func add(
    _ page: RecipientPage, to id: RowID, _ call: CommandCall<[UInt8]>, _ claim: SteppedClaim,
    _ services: CellServices
  ) async throws -> StoredAnswer {
    let chunks = page.chunks
    let last = chunks.count - 1
    let addChunk: @Sendable (Int, Transaction) throws -> Void = { chunk, tx in
      try CampaignCommands(tx).add(
        chunks[chunk], chunk: chunk, of: page, isLast: chunk == last, to: id)
    }
    // Whoever is refused here has stored nothing.
    let isOne = last == 0
    let (first, other) = isOne ? (claim.whole, claim.opening) : (claim.opening, claim.whole)
    let begun = try await services.store.perform(call.tenant, call.origin, first) { tx in
      _ = try tx.answer(under: other)
      try addChunk(0, tx)
      return try isOne ? added(page, to: id, tx) : SteppedClaim.begun
    }
    guard !isOne else { return begun }
    for chunk in 1..<last {
      try await services.store.write(call.tenant, call.origin) { tx in try addChunk(chunk, tx) }
    }
    return try await services.store.perform(call.tenant, call.origin, claim.whole) { tx in
      try addChunk(last, tx)
      return try added(page, to: id, tx)
    }
  }

  /// What a page that is whole has added.
  private static func added(
    _ page: RecipientPage, to id: RowID, _ tx: Transaction
  ) throws -> StoredAnswer {
    let stored = try CampaignQueueStore(tx.file(.messages)).page(page.page, of: id)
    let total = try CampaignStore(tx.file(.messages)).tally(id)?.recipients
    return .written(
      200,
      JSONWriter.object { json in
        json.add("page", page.page)
        json.add("added", stored.map { Int64($0.added) })
        json.add("duplicates", stored.map { Int64($0.duplicates) })
        json.add("recipients", total)
      })
  }

  private static func registerReads(on routes: CellRoutes) {
    let services = routes.services
    routes.api(.get, "/v1/campaigns", .campaignsRead) { request, context in
      let query = try ListQuery(request)
      let before = try query.beforeRow()
      return try await services.store.read(try context.tenant(), [.messages, .ledger]) { snapshot in
        let reading = reading(snapshot)
        let rows = try reading.list(before: before, limit: query.limit + 1)
        return StoredAnswer.written(
          200, try JSONWriter.page(rows, query, key: \.id) { try reading.json($0) })
      }.response
    }
    routes.api(.get, "/v1/campaigns/:id", .campaignsRead) { _, context in
      let id = try context.rowID("id", .campaign)
      return try await services.store.read(try context.tenant(), [.messages, .ledger]) { snapshot in
        StoredAnswer.written(200, try reading(snapshot).json(id))
      }.response
    }
    routes.api(.get, "/v1/campaigns/:id/recipients", .campaignsRead) { request, context in
      let id = try context.rowID("id", .campaign)
      let query = try ListQuery(request)
      let after = try query.afterRow()
      let text = request.uri.queryParameters["state"].map { String($0) }
      let state = text.flatMap { MessageState(name: $0) }
      guard text == nil || state != nil else {
        throw Failure(.invalidField, "state is not the name of a state")
      }
      return try await services.store.read(try context.tenant(), [.messages, .ledger]) { snapshot in
        let rows = try reading(snapshot).recipients(
          id, after: after, state: state, limit: query.limit + 1)
        return StoredAnswer.written(
          200, JSONWriter.page(rows, query, key: \.id) { CampaignReading.json($0) })
      }.response
    }
  }

  private static func reading(_ tx: Transaction) throws -> CampaignReading {
    CampaignReading(messages: try tx.file(.messages), ledger: try tx.file(.ledger))
  }

  private static func reading(_ snapshot: Snapshot) -> CampaignReading {
    CampaignReading(messages: snapshot.file(.messages), ledger: snapshot.file(.ledger))
  }
}
