import Edge
import Hummingbird
import Storage
import Wire

/// Sending one message, and reading messages.
enum MessageRoutes {
  static func register(on routes: CellRoutes) {
    let services = routes.services
    routes.api(.post, "/v1/messages", .messagesWrite) { request, context in
      let call = try await context.rawCommand(request, file: .messages)
      let outbound = try OutboundMessage(call.input)
      let tenant = call.tenant
      let trace = context.traceID
      return try await call.perform(services) { tx, _ in
        let (message, state) = try MessageCommands(tx).send(outbound, traceID: trace)
        tx.afterCommit { services.wakeOutbox(tenant) }
        return .written(
          202,
          JSONWriter.object { json in
            json.add("id", message.id.text(.message))
            json.add("state", state.name)
          })
      }
    }
    routes.api(.get, "/v1/messages", .messagesRead) { request, context in
      let query = try ListQuery(request)
      let before = try query.beforeRow()
      let filter = try filter(request)
      return try await services.store.read(try context.tenant(), [.messages]) { snapshot in
        let reading = MessageReading(snapshot.file(.messages))
        let rows = try reading.list(filter, before: before, limit: query.limit + 1)
        return StoredAnswer.written(
          200, try JSONWriter.page(rows, query, key: \.id) { try reading.json($0) })
      }.response
    }
    routes.api(.get, "/v1/messages/:id", .messagesRead) { _, context in
      let id = try context.rowID("id", .message)
      return try await services.store.read(try context.tenant(), [.messages]) { snapshot in
        guard let json = try MessageReading(snapshot.file(.messages)).message(id) else {
          throw Failure(.notFound, "there is no such message")
        }
        return StoredAnswer.written(200, json)
      }.response
    }
    routes.api(.get, "/v1/messages/:id/money", .messagesRead) { _, context in
      let id = try context.rowID("id", .message)
      return try await services.store.read(try context.tenant(), [.messages, .ledger]) { snapshot in
        let reading = MessageReading(snapshot.file(.messages))
        guard let json = try reading.money(id, ledger: snapshot.file(.ledger)) else {
          throw Failure(.notFound, "there is no such message")
        }
        return StoredAnswer.written(200, json)
      }.response
    }
    routes.api(.post, "/v1/messages/:id/read", .messagesWrite) { request, context in
      try await markRead(request, context, services)
    }
  }

  /// Tells the sender of an incoming message that it was read.
  ///
  /// Nothing is stored: Graph takes it any number of times.
  private static func markRead(
    _ request: Request, _ context: CellContext, _ services: CellServices
  ) async throws -> Response {
    let id = try context.rowID("id", .message)
    let body = try await context.bytes(request)
    let typing = (try? JSONTape(body).root)?["typing"]?.bool ?? false
    let found = try await services.store.read(try context.tenant(), [.messages]) { snapshot in
      let file = snapshot.file(.messages)
      let message = try MessageStore(file).message(id)
      let number = try message.flatMap {
        try NumbersStore(file).find(phoneNumberID: $0.phoneNumberID)
      }
      return (message: message, number: number)
    }
    guard let message = found.message, let wamid = message.wamid else {
      throw Failure(.notFound, "there is no such incoming message")
    }
    guard let number = found.number else {
      throw Failure(.invalidState, "the message's number is not connected any more")
    }
    try await services.graph.markRead(
      wamid, typing: typing, number: number.phoneNumberID,
      token: try number.accessToken(services.sealer, of: try context.tenant()),
      traceID: context.traceID)
    return StoredAnswer.written(200, JSONWriter.object { $0.add("success", true) }).response
  }

  /// Reads the filters; throws `invalid_field` naming the one that is wrong.
  private static func filter(_ request: Request) throws(Failure) -> MessageFilter {
    var filter = MessageFilter()
    func text(_ name: String) -> String? {
      request.uri.queryParameters[Substring(name)].flatMap { $0.isEmpty ? nil : String($0) }
    }
    if let direction = text("direction") {
      switch direction {
      case "inbound", "in": filter.isOutgoing = false
      case "outbound", "out": filter.isOutgoing = true
      default: throw Failure(.invalidField, "direction must be inbound or outbound")
      }
    }
    if let status = text("status") {
      guard let state = MessageState(name: status) else {
        throw Failure(.invalidField, "status is not the name of a status")
      }
      filter.state = state
    }
    if let campaign = text("campaign_id") {
      guard let id = RowID(campaign, .campaign) else {
        throw Failure(.invalidField, "campaign_id is not the identifier of a campaign")
      }
      filter.campaign = id
    }
    filter.phoneNumberID = text("phone_number_id")
    filter.wamid = text("wamid")
    filter.contact = text("contact").map { text in
      // A `+` in a query that was not escaped arrives as a blank.
      RecipientAddress(phone: text)?.party ?? text
    }
    return filter
  }
}
