import Hummingbird
import Logging

/// Graph's side of the server: version, token, sends with their faults, management.
struct GraphEndpoint {
  let core: SimulatorCore

  func answer(
    _ request: GraphRequest, target: String, reset: @Sendable () -> Void
  ) async -> Response {
    let started = core.clock.milliseconds()
    let faults = core.faults
    var outcome: SendOutcome?
    var reply: GraphReply
    do throws(GraphError) {
      let routed = try route(request)
      if let send = try sendRequest(routed) {
        let (taken, answer) = try take(send.number, send.body, send.isMarketing, faults)
        outcome = taken
        reply = answer
      } else {
        reply = try manage(routed, version: request.path[0])
      }
    } catch {
      reply = GraphReply(error.json(trace: trace()), status: error.status)
    }
    var isReset = false
    if case .accepted(let message) = outcome {
      isReset = await follow(message, faults)
    } else if reply.status == 200, isUnprocessedReset(request, faults) {
      isReset = true
    }
    record(request, target, isReset ? nil : reply, outcome, at: started)
    if isReset {
      reset()
      return Response(status: .serviceUnavailable)
    }
    return SimulatorResponder.response(reply)
  }

  /// The request without its version; refuses unknown versions and tokens.
  private func route(_ request: GraphRequest) throws(GraphError) -> GraphRequest {
    guard let version = request.path.first, version.hasPrefix("v"),
      version.dropFirst().split(separator: ".").count == 2,
      version.dropFirst().split(separator: ".").allSatisfy({ Int($0) != nil })
    else { throw GraphError(2500, 400, "Unknown path components: \(request.path.first ?? "")") }
    let words = (request.headers["authorization"] ?? "").split(separator: " ")
    let token =
      words.count == 2 && ["bearer", "oauth"].contains(words[0].lowercased())
      ? String(words[1]) : request.query["access_token"]
    guard let token, core.configuration.tokens.contains(token) else { throw .badToken }
    return GraphRequest(
      method: request.method, path: Array(request.path.dropFirst()), query: request.query,
      headers: request.headers, bytes: request.bytes)
  }

  private func sendRequest(
    _ request: GraphRequest
  ) throws(GraphError) -> (number: String, body: JSON, isMarketing: Bool)? {
    guard request.method == "POST", request.path.count == 2,
      ["messages", "marketing_messages"].contains(request.path[1])
    else { return nil }
    return (request.path[0], try request.json(), request.path[1] == "marketing_messages")
  }

  /// Takes a send into the account and answers it.
  private func take(
    _ number: String, _ body: JSON, _ isMarketing: Bool, _ faults: Faults
  ) throws(GraphError) -> (SendOutcome?, GraphReply) {
    // A message brings up to three statuses, each perhaps twice.
    guard core.engine.hasRoom(for: 6) else { throw .injected(131016) }
    let now = core.clock.milliseconds()
    let tick = core.engine.tick
    if isLostBeforeProcessing(body, number, faults) { return (nil, .success) }
    let outcome = try core.withWorld { world throws(GraphError) in
      try world.send(number: number, body, now: now, tick: tick, marketingOnly: isMarketing)
    }
    switch outcome {
    case .accepted(let message): return (outcome, GraphReply(message.answer))
    case .acknowledged: return (outcome, .success)
    }
  }

  /// Queues the statuses of an accepted message.
  ///
  /// Returns whether its answer is a reset.
  private func follow(_ message: AcceptedMessage, _ faults: Faults) async -> Bool {
    let dice = FaultDice(seed: faults.seed)
    var plan = StatusPlan.plan(for: message, faults)
    if let url = core.destination(waba: message.number.wabaID) {
      if dice.happens(faults.statusBeforeReplyRate, .statusBeforeReply, message.subject),
        !plan.isEmpty
      {
        let first = plan.removeFirst()
        await deliverFirst(WebhookBody.status(message, first), message, url)
      }
      for planned in plan {
        let body = WebhookBody.status(message, planned)
        let subject = "\(message.subject)|\(planned.status)"
        core.engine.enqueue(body, subject: subject, overrideURL: url, after: planned.leavesAfter)
        if let again = planned.copyLeavesAfter {
          core.engine.enqueue(
            body, subject: subject, overrideURL: url, after: again, isDuplicate: true)
        }
      }
    }
    let delay = dice.pick(faults.replyDelayMilliseconds, .replyDelay, message.subject)
    if delay > 0 { try? await Task.sleep(for: .milliseconds(delay)) }
    return dice.happens(faults.resetAfterReadRate, .resetAfterRead, message.subject)
  }

  /// Delivers the first status while the sender waits for its answer, for a bounded time.
  private func deliverFirst(_ body: JSON, _ message: AcceptedMessage, _ url: String?) async {
    let engine = core.engine
    await withTaskGroup(of: Void.self) { group in
      group.addTask {
        _ = await engine.deliverNow(body, subject: "\(message.subject)|first", overrideURL: url)
      }
      group.addTask {
        try? await Task.sleep(for: .seconds(SimulatorLimits.statusBeforeReplySeconds))
      }
      await group.next()
      group.cancelAll()
    }
  }

  private func isLostBeforeProcessing(_ body: JSON, _ number: String, _ faults: Faults) -> Bool {
    guard faults.resetUnprocessedRate > 0 else { return false }
    let subject = "\(number)|\(body["to"]?.text ?? body["recipient"]?.text ?? "")"
    return FaultDice(seed: faults.seed)
      .happens(faults.resetUnprocessedRate, .resetUnprocessed, subject)
  }

  private func isUnprocessedReset(_ request: GraphRequest, _ faults: Faults) -> Bool {
    guard request.method == "POST", request.path.last == "messages", request.path.count == 3,
      let body = try? request.json()
    else { return false }
    return isLostBeforeProcessing(body, request.path[1], faults)
  }

  private func manage(_ request: GraphRequest, version: String) throws(GraphError) -> GraphReply {
    let base = core.baseURL
    let now = core.clock.milliseconds()
    let token = Digest.hexadecimal(core.random.bytes(12))
    let (reply, webhooks) = try core.withWorld { world throws(GraphError) in
      var routes = GraphRoutes(baseURL: base, version: version, now: now, randomToken: token)
      let reply = try routes.answer(request, &world)
      return (reply, routes.webhooks)
    }
    for webhook in webhooks { core.notify(webhook) }
    return reply
  }

  private func trace() -> String { "A" + Digest.hexadecimal(core.random.bytes(8)) }

  private func record(
    _ request: GraphRequest, _ target: String, _ reply: GraphReply?, _ outcome: SendOutcome?,
    at: Int64
  ) {
    let body = (try? request.json()).flatMap { request.bytes.isEmpty ? nil : $0 }
    var answer: [UInt8] = []
    if case .json(let json) = reply?.body { answer = json.bytes() }
    var message: AcceptedMessage?
    if case .accepted(let accepted) = outcome { message = accepted }
    let path = target.split(separator: "?").first.map(String.init) ?? target
    core.log.add(
      SimulatorLog.Request(
        at: at, method: request.method, path: path, body: body?.bytes() ?? [],
        status: reply?.status ?? 0, answer: answer, wamid: message?.wamid,
        callbackData: body?["biz_opaque_callback_data"]?.string))
    note(request, path, reply, message?.wamid, body)
  }

  /// A line per request, under the trace that its sender names; status 0 is an answer that was cut.
  private func note(
    _ request: GraphRequest, _ path: String, _ reply: GraphReply?, _ wamid: String?, _ body: JSON?
  ) {
    var metadata: Logger.Metadata = [
      "method": .string(request.method), "path": .string(path),
      "status": .stringConvertible(reply?.status ?? 0),
    ]
    if let trace = request.headers["x-trace-id"] { metadata["trace_id"] = .string(trace) }
    if let wamid { metadata["wamid"] = .string(wamid) }
    if let id = body?["biz_opaque_callback_data"]?.string { metadata["callback"] = .string(id) }
    if case .json(let json) = reply?.body, let code = json["error"]?["code"]?.integer {
      metadata["code"] = .stringConvertible(code)
    }
    core.logger.log(level: request.method == "GET" ? .debug : .info, "request", metadata: metadata)
  }
}
