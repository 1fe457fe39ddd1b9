import Synchronization
import Wire

/// What was asked and what was delivered, within bounds of memory: `GET /_sim/requests`.
final class SimulatorLog: Sendable {
  /// One request to Graph.
  struct Request: Sendable {
    let at: Int64
    let method: String
    let path: String
    /// JSON text, or empty.
    let body: [UInt8]
    let status: Int
    /// JSON text; empty where the connection was reset instead.
    let answer: [UInt8]
    let wamid: String?
    let callbackData: String?

    fileprivate var size: Int { 200 + body.count + answer.count + path.utf8.count }
  }

  private struct Delivery: Sendable {
    let at: Int64
    let webhook: Webhook
    let signature: String
    let result: WebhookResult

    var size: Int { 300 + webhook.body.count }
  }

  private struct State: Sendable {
    var requests = Ring<Request>(limit: SimulatorLimits.requestLogBytes)
    var deliveries = Ring<Delivery>(limit: SimulatorLimits.webhookLogBytes)
  }

  private let state = Mutex(State())

  func add(_ request: Request) { state.withLock { $0.requests.add(request, size: request.size) } }

  func add(webhook: Webhook, signature: String, result: WebhookResult, at: Int64) {
    let entry = Delivery(at: at, webhook: webhook, signature: signature, result: result)
    state.withLock { $0.deliveries.add(entry, size: entry.size) }
  }

  func removeAll() { state.withLock { $0 = State() } }

  var counts: (requests: Int, webhooks: Int) {
    state.withLock { ($0.requests.total, $0.deliveries.total) }
  }

  /// The log as pieces of one JSON text, so that a long one is never in memory twice.
  func pieces() -> [@Sendable () -> [UInt8]] {
    let (requests, deliveries) = state.withLock { ($0.requests, $0.deliveries) }
    var pieces: [@Sendable () -> [UInt8]] = [{ Array("{\"requests\":[".utf8) }]
    for (index, request) in requests.entries.enumerated() {
      pieces.append { (index > 0 ? [UInt8(ascii: ",")] : []) + Self.text(request) }
    }
    pieces.append { Array("],\"webhooks\":[".utf8) }
    for (index, delivery) in deliveries.entries.enumerated() {
      pieces.append { (index > 0 ? [UInt8(ascii: ",")] : []) + Self.text(delivery) }
    }
    let dropped: JSON = [
      "requests": JSON(requests.total - requests.entries.count),
      "webhooks": JSON(deliveries.total - deliveries.entries.count),
    ]
    pieces.append { Array("],\"dropped\":".utf8) + dropped.bytes() + [UInt8(ascii: "}")] }
    return pieces
  }

  private static func text(_ request: Request) -> [UInt8] {
    var head = JSON.object([
      JSON.Member("at", JSON(Timestamp(milliseconds: request.at).rfc3339)),
      JSON.Member("method", JSON(request.method)), JSON.Member("path", JSON(request.path)),
      JSON.Member("status", JSON(request.status)),
      JSON.Member("wamid", request.wamid.map { JSON($0) } ?? .null),
      JSON.Member("callback_data", request.callbackData.map { JSON($0) } ?? .null),
    ]).bytes()
    head.removeLast()
    return head + Array(",\"body\":".utf8)
      + (request.body.isEmpty ? Array("null".utf8) : request.body)
      + Array(",\"answer\":".utf8)
      + (request.answer.isEmpty ? Array("null".utf8) : request.answer) + [UInt8(ascii: "}")]
  }

  private static func text(_ delivery: Delivery) -> [UInt8] {
    let webhook = delivery.webhook
    return JSON.object([
      JSON.Member("at", JSON(Timestamp(milliseconds: delivery.at).rfc3339)),
      JSON.Member("id", .integer(webhook.id)), JSON.Member("attempt", JSON(webhook.attempt)),
      JSON.Member("duplicate", .bool(webhook.isDuplicate)),
      JSON.Member("body", JSON(String(decoding: webhook.body, as: UTF8.self))),
      JSON.Member("signature", JSON(delivery.signature)),
      JSON.Member("result", JSON(delivery.result.status)),
      JSON.Member("error", delivery.result.error.map { JSON($0) } ?? .null),
    ]).bytes()
  }
}
