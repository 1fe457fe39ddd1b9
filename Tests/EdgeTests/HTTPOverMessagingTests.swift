import Edge
import Foundation
import Hummingbird
import Logging
import Messaging
import Testing
import Wire

@Suite("HTTP over messaging") struct HTTPOverMessagingTests {
  private struct Note: Decodable {
    let phoneNumberID: String
    let amounts: [Int64]
    enum CodingKeys: String, CodingKey {
      case phoneNumberID = "phone_number_id"
      case amounts
    }
  }

  private struct Item: Codable { let id: String }

  private static func responder() -> HTTPOverMessaging<EdgeContext> {
    let router = makeEdgeRouter(EdgeContext.self)
    router.get("/v1/items/:id") { _, context in
      try ["id": context.parameter("id"), "tenant": context.tenant().rawValue]
    }
    router.post("/v1/items") { request, context in
      let note = try await request.decode(as: Note.self, context: context)
      return ["seen": "\(note.phoneNumberID) \(note.amounts)", "key": try context.idempotencyKey()]
    }
    router.get("/v1/refused") { _, _ -> String in
      throw Failure(.insufficientFunds, "not \"enough\"\n", retryAfterMilliseconds: nil)
    }
    router.get("/v1/busy") { _, _ -> String in
      throw Failure(.overloaded, "later", retryAfterMilliseconds: 1_200)
    }
    router.get("/v1/full") { _, _ -> String in throw Failure(.overloaded, "full") }
    router.get("/v1/broken") { _, _ -> String in throw CocoaError(.fileNoSuchFile) }
    router.get("/v1/http-error") { _, _ -> String in
      throw HTTPError(.conflict, message: "no")
    }
    router.get("/v1/parts") { _, _ in
      Response(
        status: .ok,
        body: .init { writer in
          try await writer.write(ByteBuffer(string: "one "))
          try await writer.write(ByteBuffer(string: "two"))
          try await writer.finish(nil)
        })
    }
    router.get("/v1/list") { request, _ -> Page<String> in
      let query = try ListQuery(request)
      let all = (0..<5).map { "item \($0)" }
      let rest = all.drop { item in query.after.map { item <= $0 } ?? false }
      return Page(Array(rest.prefix(query.limit + 1)), query) { $0 }
    }
    return HTTPOverMessaging(
      router: router, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
  }

  private func send(
    _ method: String, _ target: String, _ body: String = "", tenant: String = "acme",
    lateBy: Duration = .zero
  ) async throws -> (status: Int, body: String, headers: [String: String]) {
    var envelope = Aimstors_ProtoRequest()
    envelope.tenant = tenant
    envelope.method = method
    envelope.target = target
    envelope.hostKind = "api"
    envelope.body = Data(body.utf8)
    envelope.idempotencyKey = "k"
    let incoming = IncomingRequest(
      method: .http, peer: PeerIdentity(role: .router, id: "r", generation: .first),
      deadline: .now + .seconds(10) - lateBy, traceID: "0af7651916cd43dd8448eb211c80319c",
      payload: try envelope.serializedBytes())
    let bytes = try await Self.responder().respond(to: incoming)
    let response = try Aimstors_ProtoResponse(serializedBytes: bytes)
    return (
      Int(response.status), String(decoding: response.body, as: UTF8.self),
      Dictionary(response.headers.map { ($0.name, $0.value) }) { first, _ in first }
    )
  }

  private func code(_ body: String) throws -> String? {
    let object = try JSONTape(Array(body.utf8)).root
    #expect(object["trace_id"]?.string == "0af7651916cd43dd8448eb211c80319c")
    return object["code"]?.string
  }

  @Test func `a route answers with parameters and tenant`() async throws {
    let answer = try await send("GET", "/v1/items/a%20b?x=1")
    #expect(answer.status == 200)
    let object = try JSONTape(Array(answer.body.utf8)).root
    #expect(object["id"]?.string == "a b")
    #expect(object["tenant"]?.string == "acme")
    #expect(answer.headers["content-type"]?.hasPrefix("application/json") == true)
  }

  @Test func `a body of several parts arrives whole`() async throws {
    #expect(try await send("GET", "/v1/parts").body == "one two")
  }

  @Test func `a body is decoded, and the idempotency key is there`() async throws {
    let answer = try await send("POST", "/v1/items", #"{"phone_number_id":"1","amounts":[5]}"#)
    let object = try JSONTape(Array(answer.body.utf8)).root
    #expect(object["seen"]?.string == "1 [5]")
    #expect(object["key"]?.string == "k")
  }

  @Test(arguments: [
    ("", "invalid_json", ""), ("{", "invalid_json", ""),
    (#"{"amounts":[]}"#, "invalid_field", "phone_number_id"),
    (#"{"phone_number_id":"1","amounts":[1,"x"]}"#, "invalid_field", "amounts[1]"),
    (#"{"phone_number_id":7,"amounts":[]}"#, "invalid_field", "phone_number_id"),
    (#"{"phone_number_id":"1","amounts":[1,2.5]}"#, "invalid_field", "amounts[1]"),
    (#"{"phone_number_id":"1","amounts":[92233720368547758070]}"#, "invalid_field", "amounts[0]"),
    (#"{"phone_number_id":null,"amounts":[]}"#, "invalid_field", "phone_number_id"),
  ])
  func `a bad body is a 400 that names the field`(body: String, code: String, field: String)
    async throws
  {
    let answer = try await send("POST", "/v1/items", body)
    #expect(answer.status == 400)
    #expect(try self.code(answer.body) == code)
    #expect(field.isEmpty || answer.body.contains(field))
  }

  @Test func `refusals become problem documents`() async throws {
    let refused = try await send("GET", "/v1/refused")
    #expect(refused.status == 402)
    #expect(refused.headers["content-type"] == "application/problem+json")
    let object = try JSONTape(Array(refused.body.utf8)).root
    #expect(object["type"]?.string == "urn:aimstors:problem:insufficient_funds")
    #expect(object["title"]?.string == "Insufficient funds")
    #expect(object["status"]?.integer == 402)
    #expect(object["detail"]?.string == "not \"enough\"\n")
    let busy = try await send("GET", "/v1/busy")
    #expect(busy.status == 503)
    #expect(busy.headers["retry-after"] == "2")
    // Whoever gave no time: every 503 names one.
    let full = try await send("GET", "/v1/full")
    #expect(full.status == 503)
    #expect(full.headers["retry-after"] == "1")
    #expect(try code(try await send("GET", "/v1/http-error").body) == "conflict")
  }

  @Test func `an unexpected error tells nothing but the trace id`() async throws {
    let answer = try await send("GET", "/v1/broken")
    #expect(answer.status == 500)
    #expect(try code(answer.body) == "internal_error")
    #expect(!answer.body.contains("Cocoa"))
  }

  @Test func `an unknown path is 404, a known path's other method 405`() async throws {
    let unknown = try await send("GET", "/v1/nothing")
    #expect(unknown.status == 404)
    #expect(try code(unknown.body) == "unknown_route")
    let method = try await send("DELETE", "/v1/items/7")
    #expect(method.status == 405)
    #expect(method.headers["allow"] == "GET")
    #expect(try await send("GET", "/v1/items").headers["allow"] == "POST")
  }

  @Test func `a request past its deadline does not run`() async throws {
    let answer = try await send("GET", "/v1/items/1", lateBy: .seconds(11))
    #expect(answer.status == 504)
  }

  @Test func `a malformed envelope is refused`() async throws {
    #expect(try await send("GET", "/v1/items/1", tenant: "no/tenant").status == 400)
    #expect(try await send("GE T", "/v1/items/1").status == 400)
    #expect(try await send("GET", "/v1/items/1", tenant: "").status == 404)
  }

  @Test func `pages follow each other to the end`() async throws {
    var seen: [String] = []
    var cursor = ""
    var pages = 0
    repeat {
      let answer = try await send("GET", "/v1/list?limit=2&cursor=\(cursor)")
      let object = try JSONTape(Array(answer.body.utf8)).root
      seen += object["data"]?.elements.compactMap(\.string) ?? []
      #expect(object["next_cursor"] != nil)
      cursor = object["next_cursor"]?.string ?? ""
      pages += 1
    } while !cursor.isEmpty && pages < 10
    #expect(seen == (0..<5).map { "item \($0)" })
    #expect(pages == 3)
  }

  @Test(arguments: ["limit=0", "limit=501", "limit=x", "cursor=%21%21"])
  func `a bad page query is a 400`(query: String) async throws {
    #expect(try await send("GET", "/v1/list?\(query)").status == 400)
  }
}
