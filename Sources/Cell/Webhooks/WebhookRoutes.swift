import Edge
import Hummingbird
import Storage
import Wire

/// Reading what webhooks reported besides messages and statuses, byte for byte.
enum WebhookRoutes {
  static func register(on routes: CellRoutes) {
    let services = routes.services
    routes.api(.get, "/v1/webhook-events", .messagesRead) { request, context in
      let query = try ListQuery(request)
      let before = try query.beforeRow()
      let field = request.uri.queryParameters["field"].map { String($0) }
      return try await services.store.read(try context.tenant(), [.messages]) { snapshot in
        let rows = try WebhookEventStore(snapshot.file(.messages)).list(
          before: before, field: field, limit: query.limit + 1)
        return StoredAnswer.written(
          200, JSONWriter.page(rows, query, key: \.id) { json($0) })
      }.response
    }
  }

  private static func json(_ stored: StoredWebhookEvent) -> [UInt8] {
    let event = stored.event
    let isJSON = (try? JSONTape(event.raw)) != nil
    return JSONWriter.object { json in
      json.add("id", stored.id.text(.quarantine))
      json.add("received_at", stored.receivedAt)
      json.add("field", event.field)
      json.add("waba_id", event.wabaID)
      json.add("phone_number_id", event.phoneNumberID)
      json.add("quarantine", event.quarantine)
      json.add("value", raw: isJSON ? event.raw : nil)
      json.add("text", isJSON ? nil : String(decoding: event.raw, as: UTF8.self))
    }
  }
}
