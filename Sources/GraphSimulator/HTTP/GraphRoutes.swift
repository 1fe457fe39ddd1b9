import Platform

/// A webhook that follows from a request about management.
struct ManagementWebhook: Sendable {
  let waba: String
  let field: String
  let value: JSON
}

/// Everything of Graph but sending: who answers which path.
struct GraphRoutes {
  /// Where media addresses point, such as `http://127.0.0.1:8090`.
  let baseURL: String
  let version: String
  /// Unix milliseconds.
  let now: Int64
  let randomToken: String
  private(set) var webhooks: [ManagementWebhook] = []

  init(baseURL: String, version: String, now: Int64, randomToken: String) {
    self.baseURL = baseURL
    self.version = version
    self.now = now
    self.randomToken = randomToken
  }

  /// Answers one request, or throws Graph's refusal.
  mutating func answer(
    _ request: GraphRequest, _ world: inout GraphWorld
  ) throws(GraphError) -> GraphReply {
    let object = request.path.first ?? ""
    let edge = request.path.dropFirst().joined(separator: "/")
    if world.numbers[object] != nil {
      return try phoneNumber(object, edge, request, &world)
    }
    if world.wabas[object] != nil { return try waba(object, edge, request, &world) }
    if let template = world.template(id: object) {
      return try self.template(template, edge, request, &world)
    }
    if object == "media-content" { return try mediaContent(edge, request, world) }
    if world.media[object] != nil, edge.isEmpty { return try media(object, request, &world) }
    if edge == "uploads" || object.hasPrefix("upload:") {
      return try upload(object, request, &world)
    }
    throw .unknownObject(object, request.method)
  }

  private mutating func waba(
    _ id: String, _ edge: String, _ request: GraphRequest, _ world: inout GraphWorld
  ) throws(GraphError) -> GraphReply {
    switch (request.method, edge) {
    case ("GET", ""):
      let all: JSON = [
        "id": JSON(id), "name": "Simulated WABA", "currency": "USD", "timezone_id": "1",
        "message_template_namespace": "simulated", "account_review_status": "APPROVED",
        "country": "US", "ownership_type": "SELF",
      ]
      return GraphReply(GraphWorld.pick(all, request.query["fields"]))
    case ("GET", "phone_numbers"):
      let numbers = world.numberOrder.compactMap { world.numbers[$0] }
        .filter { $0.number.wabaID == id }
      return GraphReply([
        "data": .array(numbers.map { GraphWorld.pick($0.json, request.query["fields"]) }),
        "paging": ["cursors": ["before": "MA", "after": "MQ"]],
      ])
    case ("GET", "message_templates"):
      return GraphReply(try world.listTemplates(waba: id, query: request.query))
    case ("POST", "message_templates"):
      let template = try world.createTemplate(waba: id, try request.json(), now: now)
      webhooks.append(
        ManagementWebhook(
          waba: id, field: "message_template_status_update",
          value: GraphWorld.statusChange(template, reason: nil)))
      return GraphReply([
        "id": JSON(template.id), "status": JSON(template.status),
        "category": JSON(template.category),
      ])
    case ("DELETE", "message_templates"):
      let body = try request.json()
      try world.deleteTemplates(
        waba: id, name: request.query["name"] ?? body["name"]?.string,
        id: request.query["hsm_id"] ?? body["hsm_id"]?.text)
      return .success
    case (_, "subscribed_apps"):
      return try subscribedApps(id, request, &world)
    default: throw .unknownObject("\(id)/\(edge)", request.method)
    }
  }

  private func subscribedApps(
    _ id: String, _ request: GraphRequest, _ world: inout GraphWorld
  ) throws(GraphError) -> GraphReply {
    switch request.method {
    case "GET":
      guard let waba = world.wabas[id], waba.isSubscribed else { return GraphReply(["data": []]) }
      let app: JSON = [
        "whatsapp_business_api_data": [
          "id": "670000000000001", "name": "Simulated app", "link": "https://example.com/",
        ]
      ]
      return GraphReply([
        "data": [app.with("override_callback_uri", waba.overrideURL.map { JSON($0) })]
      ])
    case "POST":
      let body = try request.json()
      world.wabas[id]?.isSubscribed = true
      world.wabas[id]?.overrideURL = body["override_callback_uri"]?.string
      return .success
    case "DELETE":
      world.wabas[id]?.isSubscribed = false
      return .success
    default: throw .unknownObject(id, request.method)
    }
  }

  private mutating func template(
    _ template: MessageTemplate, _ edge: String, _ request: GraphRequest,
    _ world: inout GraphWorld
  ) throws(GraphError) -> GraphReply {
    switch (request.method, edge) {
    case ("GET", ""):
      return GraphReply(GraphWorld.pick(template.json, request.query["fields"]))
    case ("POST", ""):
      let edited = try world.editTemplate(template, try request.json())
      return GraphReply([
        "success": true, "id": JSON(edited.id), "name": JSON(edited.key.name),
        "category": JSON(edited.category),
      ])
    case ("POST", "unpause"):
      guard template.status == "PAUSED" else {
        throw .invalidParameter("the template is not paused")
      }
      world.templates[template.key]?.status = "APPROVED"
      return .success
    default: throw .unknownObject(template.id, request.method)
    }
  }
}
