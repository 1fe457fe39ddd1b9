import Synchronization
import Testing
import Wire

@testable import Cell

/// Graph as a list of answers; remembers what it was asked.
final class ScriptedGraph: GraphTransport {
  private let state:
    Mutex<(answers: [Result<GraphResponse, GraphTransportError>], asked: [GraphRequest])>

  init(_ answers: [Result<GraphResponse, GraphTransportError>]) { state = Mutex((answers, [])) }

  var asked: [GraphRequest] { state.withLock { $0.asked } }

  func perform(_ request: GraphRequest) async throws(GraphTransportError) -> GraphResponse {
    let answer = state.withLock { state in
      state.asked.append(request)
      return state.answers.isEmpty
        ? .failure(GraphTransportError.notWritten("no answer left")) : state.answers.removeFirst()
    }
    return try answer.get()
  }
}

@Suite("Graph client") struct GraphClientTests {
  static func json(_ status: Int, _ text: String) -> Result<GraphResponse, GraphTransportError> {
    .success(GraphResponse(status: status, body: Array(text.utf8)))
  }

  static let accepted = """
    {"messaging_product":"whatsapp","contacts":[{"input":"+1 555","wa_id":"1555"}],\
    "messages":[{"id":"wamid.X","message_status":"accepted"}]}
    """
  static let limited = """
    {"error":{"message":"(#130429) Rate limit hit","type":"OAuthException","code":130429,\
    "error_data":{"messaging_product":"whatsapp","details":"Too fast."},"error_subcode":2494055,\
    "fbtrace_id":"Az8","is_transient":true}}
    """

  static let outcomes: [(Result<GraphResponse, GraphTransportError>, SendOutcome)] = [
    (
      json(200, accepted),
      .accepted(wamid: "wamid.X", waID: "1555", messageStatus: "accepted")
    ),
    (
      json(200, #"{"messages":[{"id":"wamid.Y"}]}"#),
      .accepted(wamid: "wamid.Y", waID: nil, messageStatus: nil)
    ),
    (
      json(400, limited),
      .refused(
        GraphError(
          code: 130429, subcode: 2_494_055, title: "(#130429) Rate limit hit",
          details: "Too fast.", isTransient: true, httpStatus: 400))
    ),
    (
      json(401, #"{"error":{"code":190,"message":"expired","error_data":"old style"}}"#),
      .refused(GraphError(code: 190, title: "expired", details: "old style", httpStatus: 401))
    ),
    (json(200, "{}"), .ambiguous(reason: "HTTP 200 without a message id")),
    (json(502, "<html>"), .ambiguous(reason: "HTTP 502 without an error object")),
    (.failure(.maybeWritten("reset")), .ambiguous(reason: "reset")),
    (.failure(.notWritten("refused")), .notSent(reason: "refused")),
  ]

  @Test(arguments: outcomes)
  func `an answer to a send becomes its outcome`(
    answer: Result<GraphResponse, GraphTransportError>, outcome: SendOutcome
  ) async {
    let graph = ScriptedGraph([answer])
    let client = GraphClient(configuration: .init(baseURL: "http://graph.test"), transport: graph)
    let body = Array(#"{"to":"+1"}"#.utf8)
    let result = await client.send(body, from: "106", token: "secret", traceID: "trace-1")
    #expect(result == outcome)
    #expect(graph.asked.map(\.url) == ["http://graph.test/v25.0/106/messages"])
    #expect(graph.asked.first?.body == body)
    let headers = graph.asked.first?.headers ?? []
    #expect(headers.contains { $0 == ("authorization", "Bearer secret") })
    #expect(headers.contains { $0 == ("x-trace-id", "trace-1") })
  }

  @Test func `a refused connection was certainly not sent`() async throws {
    // Port 1 of the loopback: nothing listens there.
    let configuration = GraphConfiguration(baseURL: "http://127.0.0.1:1")
    let transport = HTTPGraphTransport(configuration: configuration)
    let client = GraphClient(configuration: configuration, transport: transport)
    let result = await client.send([1, 2], from: "1", token: "t", traceID: "x")
    guard case .notSent = result else {
      Issue.record("\(result)")
      return
    }
    try await transport.shutdown()
  }

  @Test func `a wrong token is a refusal that names Graph's error`() async {
    let graph = ScriptedGraph([Self.json(401, #"{"error":{"code":190,"message":"expired"}}"#)])
    let client = GraphClient(configuration: .init(), transport: graph)
    await #expect(throws: Failure(.graphRefused, "Graph error 190: expired")) {
      try await client.phoneNumber("106", token: "t", traceID: "x")
    }
  }

  @Test func `a number's rate follows its throughput`() async throws {
    let answers = [
      #"{"id":"1","throughput":{"level":"HIGH"}}"#, #"{"id":"1"}"#,
      #"{"id":"1","is_on_biz_app":true,"throughput":{"level":"STANDARD"}}"#,
    ]
    let graph = ScriptedGraph(answers.map { Self.json(200, $0) })
    let client = GraphClient(configuration: .init(), transport: graph)
    var rates: [Int] = []
    for _ in answers {
      rates.append(try await client.phoneNumber("1", token: "t", traceID: "x").ratePerSecond)
    }
    #expect(rates == [1000, 80, 20])
  }

  @Test func `a page of templates ends where no next page is named`() async throws {
    let graph = ScriptedGraph([
      Self.json(
        200,
        """
        {"data":[{"id":"1","name":"a","language":"en_US","status":"APPROVED"}],
         "paging":{"cursors":{"after":"Q"},"next":"http://x"}}
        """),
      Self.json(200, #"{"data":[],"paging":{"cursors":{"after":"Q"}}}"#),
    ])
    let client = GraphClient(configuration: .init(), transport: graph)
    let first = try await client.templates(waba: "9", token: "t", traceID: "x")
    #expect(first.templates.map(\.name) == ["a"])
    #expect(first.after == "Q")
    let last = try await client.templates(waba: "9", after: "Q", token: "t", traceID: "x")
    #expect(last.after == nil)
    #expect(graph.asked.last?.url.hasSuffix("&after=Q") == true)
  }

  @Test func `media are uploaded as a form and downloaded with the token`() async throws {
    let graph = ScriptedGraph([
      Self.json(200, #"{"id":"77"}"#),
      Self.json(200, #"{"id":"77","url":"http://media.test/x","mime_type":"image/png"}"#),
      .success(GraphResponse(status: 200, contentType: "image/png", body: [1, 2, 3])),
    ])
    let client = GraphClient(configuration: .init(), transport: graph)
    let id = try await client.uploadMedia(
      [9, 8], mimeType: "image/png", fileName: "a\"b.png", number: "106", token: "t", traceID: "x")
    #expect(id == "77")
    let form = String(decoding: graph.asked[0].body, as: UTF8.self)
    #expect(form.contains("filename=\"a_b.png\""))
    #expect(form.contains("name=\"messaging_product\"\r\n\r\nwhatsapp\r\n"))
    let (media, bytes) = try await client.downloadMedia("77", token: "t", traceID: "x")
    #expect(media.mime_type == "image/png")
    #expect(bytes == [1, 2, 3])
    #expect(graph.asked[2].url == "http://media.test/x")
    #expect(graph.asked[2].headers.contains { $0 == ("authorization", "Bearer t") })
  }
}
