import Hummingbird

/// The simulator's own routes under `/_sim`, and its health.
struct SimulatorRoutes {
  let core: SimulatorCore

  func answer(_ request: GraphRequest) async -> Response {
    do throws(GraphError) {
      switch (request.method, request.path.dropFirst().first ?? "") {
      case ("GET", "requests"): return log()
      case ("DELETE", "log"):
        core.log.removeAll()
        return Response(status: .noContent)
      case ("PUT", "faults"):
        core.setFaults(
          try Faults(
            try request.json(),
            strictTemplates: core.configuration.faults.strictTemplates))
        return SimulatorResponder.response(GraphReply(core.faults.json))
      case ("GET", "faults"): return SimulatorResponder.response(GraphReply(core.faults.json))
      case ("GET", "numbers"): return SimulatorResponder.response(numbers())
      case ("GET", "stats"): return SimulatorResponder.response(stats())
      case ("PUT", "webhook"): return SimulatorResponder.response(try setWebhook(request))
      case ("PUT", "templates"): return SimulatorResponder.response(try setTemplate(request))
      case ("POST", "inbound"): return SimulatorResponder.response(try await inbound(request))
      case ("POST", "webhooks"): return SimulatorResponder.response(try await deliver(request))
      default:
        throw GraphError(100, 404, "\(request.method) /\(request.path.joined(separator: "/"))")
      }
    } catch {
      return SimulatorResponder.response(
        GraphReply(error.json(trace: "simulator"), status: error.status))
    }
  }

  func health(_ name: String) -> GraphReply {
    guard name != "metrics" else {
      let counts = core.log.counts
      return GraphReply(
        .text(
          """
          # TYPE aimstors_simulator_requests_total counter
          aimstors_simulator_requests_total \(counts.requests)
          # TYPE aimstors_simulator_webhooks_total counter
          aimstors_simulator_webhooks_total \(counts.webhooks)
          # TYPE aimstors_simulator_webhooks_pending gauge
          aimstors_simulator_webhooks_pending \(core.engine.pending)

          """))
    }
    return GraphReply([
      "ok": true, "role": "graph_simulator", "id": JSON(core.configuration.id),
      "version": JSON(core.configuration.version), "problems": [],
    ])
  }

  private func log() -> Response {
    let pieces = core.log.pieces()
    return Response(
      status: .ok, headers: [.contentType: "application/json"],
      body: .init { writer in
        var chunk = ByteBuffer()
        for piece in pieces {
          chunk.writeBytes(piece())
          if chunk.readableBytes > 64 << 10 {
            try await writer.write(chunk)
            chunk.clear()
          }
        }
        if chunk.readableBytes > 0 { try await writer.write(chunk) }
        try await writer.finish(nil)
      })
  }

  private func numbers() -> GraphReply {
    GraphReply([
      "data": .array(
        core.configuration.numbers.map {
          [
            "phone_number_id": JSON($0.id), "waba_id": JSON($0.wabaID),
            "display_phone_number": JSON($0.displayNumber),
          ]
        })
    ])
  }

  private func stats() -> GraphReply {
    let counts = core.log.counts
    return GraphReply([
      "requests": JSON(counts.requests), "webhooks": JSON(counts.webhooks),
      "pending_webhooks": JSON(core.engine.pending),
    ])
  }

  /// `PUT /_sim/webhook` {url, host?, app_secret?, verify_token?}.
  private func setWebhook(_ request: GraphRequest) throws(GraphError) -> GraphReply {
    let body = try request.json()
    guard let url = body["url"]?.string, url.hasPrefix("http") else {
      throw .invalidParameter("url is required")
    }
    let old = core.engine.target
    core.engine.setTarget(
      WebhookTarget(
        url: url, host: body["host"]?.string ?? old?.host,
        appSecret: body["app_secret"]?.string ?? old?.appSecret ?? "",
        verifyToken: body["verify_token"]?.string ?? old?.verifyToken ?? ""))
    return .success
  }

  /// `PUT /_sim/templates` {waba_id, name, language, status?, category?, reason?}.
  private func setTemplate(_ request: GraphRequest) throws(GraphError) -> GraphReply {
    let body = try request.json()
    let (template, value) = try core.withWorld { world throws(GraphError) in
      try world.overrideTemplate(body)
    }
    let field =
      value["new_category"] == nil
      ? "message_template_status_update" : "template_category_update"
    core.notify(ManagementWebhook(waba: template.key.wabaID, field: field, value: value))
    return GraphReply(template.json)
  }

  /// `POST /_sim/inbound` {number, from, message, wait?}: a user writes to one of our numbers.
  private func inbound(_ request: GraphRequest) async throws(GraphError) -> GraphReply {
    let body = try request.json()
    guard let id = body["number"]?.text,
      let number = core.configuration.numbers.first(where: { $0.id == id || $0.digits == id })
    else { throw .invalidParameter("number is not a phone number id of this simulator") }
    guard let from = body["from"]?.text, let user = Recipient(inbound: from) else {
      throw .invalidParameter("from is neither a phone number nor a user id")
    }
    let content: JSON
    switch body["message"] {
    case .string(let text): content = ["type": "text", "text": ["body": JSON(text)]]
    case .object(let members) where members.contains(where: { $0.name == "type" }):
      content = .object(members)
    default: throw .invalidParameter("message must be a text or an object with type")
    }
    let now = core.clock.milliseconds()
    let wamid = try core.withWorld { world throws(GraphError) in
      world.openWindow(number: number.id, user: user.key, at: now)
      return world.nextWamid()
    }
    let webhook = WebhookBody.inbound(
      to: number, from: user, id: content["id"]?.string ?? wamid, content: content, now: now)
    guard let url = core.destination(waba: number.wabaID) else {
      throw GraphError(100, 409, "the WABA of \(id) has no subscribed app")
    }
    let dice = FaultDice(seed: core.faults.seed)
    let answer: JSON = ["id": JSON(content["id"]?.string ?? wamid)]
    if body["wait"]?.bool == true {
      let result = await core.engine.deliverNow(webhook, subject: wamid, overrideURL: url)
      return GraphReply(answer.with("result", JSON(result.status)))
    }
    guard core.engine.enqueue(webhook, subject: wamid, overrideURL: url) != nil else {
      throw .injected(131016)
    }
    if dice.happens(core.faults.duplicateRate, .duplicate, "\(id)|\(from)|\(content.serialized())")
    {
      core.engine.enqueue(
        webhook, subject: wamid, overrideURL: url,
        after: core.faults.delayMilliseconds.upperBound, isDuplicate: true)
    }
    return GraphReply(answer)
  }

  /// `POST /_sim/webhooks`: signs and delivers any body; with `?wait=true` tells how it went.
  private func deliver(_ request: GraphRequest) async throws(GraphError) -> GraphReply {
    let body = try request.json()
    if request.query["wait"] == "true" {
      let result = await core.engine.deliverNow(body, subject: "webhook")
      return GraphReply([
        "result": JSON(result.status), "error": result.error.map { JSON($0) } ?? .null,
      ])
    }
    guard core.engine.enqueue(body, subject: "webhook") != nil else { throw .injected(131016) }
    return .success
  }
}
