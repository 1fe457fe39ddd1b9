import Foundation
import Wire

/// WhatsApp's Graph API for one cell: builds requests, reads answers, decides what a failure means.
public struct GraphClient: Sendable {
  public let configuration: GraphConfiguration
  private let transport: any GraphTransport

  public init(configuration: GraphConfiguration, transport: any GraphTransport) {
    self.configuration = configuration
    self.transport = transport
  }

  /// Sends one message: `body` is the whole Cloud API body, our id in `biz_opaque_callback_data`.
  public func send(
    _ body: [UInt8], from phoneNumberID: String, token: String, traceID: String
  ) async -> SendOutcome {
    let request = post(
      "\(phoneNumberID)/messages", token: token, traceID: traceID, json: body)
    do throws(GraphTransportError) {
      return Self.sendOutcome(try await transport.perform(request))
    } catch {
      switch error {
      case .notWritten(let reason): return .notSent(reason: reason)
      case .maybeWritten(let reason): return .ambiguous(reason: reason)
      }
    }
  }

  /// Reads the answer to a send.
  ///
  /// Anything that is neither a message id nor Graph's error object leaves open what happened.
  static func sendOutcome(_ answer: GraphResponse) -> SendOutcome {
    if (200..<300).contains(answer.status) {
      guard
        let sent = try? JSONDecoder().decode(SendAnswer.self, from: Data(answer.body)),
        let message = sent.messages.first, !message.id.isEmpty
      else { return .ambiguous(reason: "HTTP \(answer.status) without a message id") }
      return .accepted(
        wamid: message.id, waID: sent.contacts?.first?.wa_id,
        messageStatus: message.message_status)
    }
    guard let error = GraphError(answer: answer) else {
      return .ambiguous(reason: "HTTP \(answer.status) without an error object")
    }
    return .refused(error)
  }

  /// Marks an incoming message as read, and shows "typing…" where asked to.
  public func markRead(
    _ wamid: String, typing: Bool = false, number phoneNumberID: String, token: String,
    traceID: String
  ) async throws(Failure) {
    let body = MarkRead(
      message_id: wamid, typing_indicator: typing ? .init(type: "text") : nil)
    guard let json = try? JSONEncoder().encode(body) else {
      preconditionFailure("a message id encodes as JSON")
    }
    _ = try await call(
      post("\(phoneNumberID)/messages", token: token, traceID: traceID, json: Array(json)))
  }

  /// Runs a request that may be repeated; throws `graph_refused` or `graph_unavailable`.
  func call(_ request: GraphRequest) async throws(Failure) -> GraphResponse {
    let answer: GraphResponse
    do throws(GraphTransportError) {
      answer = try await transport.perform(request)
    } catch {
      throw Failure(.graphUnavailable, "Graph did not answer; try again")
    }
    if (200..<300).contains(answer.status) { return answer }
    guard let error = GraphError(answer: answer) else {
      throw Failure(.graphUnavailable, "Graph answered HTTP \(answer.status) without a reason")
    }
    let rule = GraphErrorRules.rule(for: error)
    if rule.retry != nil, rule.stops.isEmpty {
      throw Failure(
        .graphUnavailable, "Graph error \(error.code): \(error.title)",
        retryAfterMilliseconds: rule.retry?.firstDelayMilliseconds)
    }
    let details = error.details.isEmpty ? "" : " (\(error.details))"
    throw Failure(.graphRefused, "Graph error \(error.code): \(error.title)\(details)")
  }

  /// Runs a request and decodes its JSON answer.
  func decode<T: Decodable>(_ type: T.Type, _ request: GraphRequest) async throws(Failure) -> T {
    let answer = try await call(request)
    guard let value = try? JSONDecoder().decode(type, from: Data(answer.body)) else {
      throw Failure(.graphUnavailable, "Graph's answer is not of the documented shape")
    }
    return value
  }

  func get(_ path: String, token: String, traceID: String) -> GraphRequest {
    request("GET", configuration.url(path), token: token, traceID: traceID)
  }

  func post(_ path: String, token: String, traceID: String, json: [UInt8]) -> GraphRequest {
    request(
      "POST", configuration.url(path), token: token, traceID: traceID,
      contentType: "application/json", body: json)
  }

  func request(
    _ method: String, _ url: String, token: String, traceID: String, contentType: String? = nil,
    body: [UInt8] = [], isMedia: Bool = false
  ) -> GraphRequest {
    var headers = [("authorization", "Bearer \(token)"), ("x-trace-id", traceID)]
    if let contentType { headers.append(("content-type", contentType)) }
    return GraphRequest(
      method: method, url: url, headers: headers.map { (name: $0.0, value: $0.1) }, body: body,
      timeoutMilliseconds: isMedia
        ? configuration.mediaTimeoutMilliseconds : configuration.callTimeoutMilliseconds,
      answerLimit: isMedia ? configuration.mediaBytes : configuration.answerBytes)
  }
}

private struct SendAnswer: Decodable {
  struct Contact: Decodable { let wa_id: String? }
  struct Message: Decodable {
    let id: String
    let message_status: String?
  }
  let contacts: [Contact]?
  let messages: [Message]
}

private struct MarkRead: Encodable {
  struct Indicator: Encodable { let type: String }
  let messaging_product = "whatsapp"
  let status = "read"
  let message_id: String
  let typing_indicator: Indicator?
}
