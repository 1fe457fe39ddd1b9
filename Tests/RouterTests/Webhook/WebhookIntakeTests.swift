import Messaging
import Simulation
import Testing
import Wire

@testable import Router

@Suite("Webhook intake") struct WebhookIntakeTests {
  private func deployment() async throws -> (a: FakeCell, b: FakeCell, router: RouterHarness) {
    let network = InMemoryNetwork(random: SeededRandomSource(seed: 6))
    let a = try await FakeCell("a", network)
    let b = try await FakeCell("b", network)
    let control = try await FakeControlPlane(
      network,
      TestMap.chunk(
        tenants: [("acme", "a", 1), ("zoe", "b", 4)],
        claims: [("phone_number", "106", "acme"), ("phone_number", "107", "zoe")],
        cells: [("a", "tcp://a:7100"), ("b", "tcp://b:7100")],
        apps: [TestMap.app("default"), TestMap.app("own", tenant: "zoe")]))
    let router = try RouterHarness(network: network)
    try await router.connect([a, b])
    await control.messenger.close()
    return (a, b, router)
  }

  private func change(_ number: String) -> String {
    #"{"field":"messages","value":{"metadata":{"phone_number_id":"\#(number)"}}}"#
  }

  private func body(_ numbers: String...) -> String {
    #"{"entry":[{"id":"9","changes":["# + numbers.map(change).joined(separator: ",") + "]}]}"
  }

  @Test func `the handshake answers the challenge to the right token only`() async throws {
    let (_, _, router) = try await deployment()
    func ask(_ query: String, app: String = "default") async throws -> RouterHarness.Answer {
      try await router.send(.get, "/webhooks/whatsapp/\(app)?\(query)")
    }
    let good = try await ask("hub.mode=subscribe&hub.verify_token=v%26t&hub.challenge=115")
    #expect(good.status == 200)
    #expect(good.body == "115")
    #expect(good.headers[.contentType]?.hasPrefix("text/plain") == true)
    for query in [
      "hub.mode=subscribe&hub.verify_token=wrong&hub.challenge=1", "hub.mode=subscribe", "",
      "hub.mode=unsubscribe&hub.verify_token=v%26t&hub.challenge=1",
      "hub.mode=subscribe&hub.verify_token=&hub.challenge=1",
    ] {
      #expect(try await ask(query).status == 403)
    }
    #expect(
      try await ask("hub.mode=subscribe&hub.verify_token=v%26t&hub.challenge=1", app: "none")
        .status == 403)
  }

  @Test func `parts of two tenants and an unknown number all become durable`() async throws {
    let (a, b, router) = try await deployment()
    #expect(try await router.webhook(body("106", "107", "999", "106")).status == 200)
    #expect(a.parts.map(\.tenant) == ["acme"])
    #expect(a.parts.first?.changes.count == 2)
    #expect(b.parts.map(\.tenant) == ["zoe"])
    #expect(b.parts.first?.epoch == 4)
    let spooled = a.spooled + b.spooled
    #expect(spooled.map(\.reason) == ["number_unknown"])
    #expect(spooled.first?.part.changes.first?.phoneNumberID == "999")
    #expect(spooled.first?.part.tenant == "")
  }

  @Test func `the value arrives byte for byte`() async throws {
    let (a, _, router) = try await deployment()
    let value = #"{ "metadata":{"phone_number_id":"106"}, "u" : "\u00e9\/\ud83d\ude00" }"#
    #expect(
      try await router.webhook(
        #"{"entry":[{"id":"9","changes":[{"value":"# + value + #","field":"messages"}]}]}"#
      ).status == 200)
    #expect(
      a.parts.first?.changes.first.map { String(decoding: $0.value, as: UTF8.self) } == value)
  }

  @Test(arguments: [FailureCode.recovering, .tenantStopped, .moved, .mailboxFull])
  func `a part that its owner refuses goes to a spool`(code: FailureCode) async throws {
    let (a, b, router) = try await deployment()
    a.refusesParts(Failure(code, "not now"))
    #expect(try await router.webhook(body("106", "107")).status == 200)
    #expect(a.parts.isEmpty)
    #expect(b.parts.count == 1)
    let spooled = a.spooled + b.spooled
    #expect(spooled.map(\.reason) == ["owner_unreachable"])
    #expect(spooled.first?.part.tenant == "acme")
    // Another cell first: the one that refused may be in trouble.
    #expect(b.spooled.count == 1)
  }

  @Test func `what is one tenant's alone waits as the body that was signed`() async throws {
    let (a, b, router) = try await deployment()
    a.refusesParts(Failure(.recovering, "not now"))
    let owned = body("106", "106")
    let unknown = body("999")
    #expect(try await router.webhook(owned).status == 200)
    #expect(try await router.webhook(unknown).status == 200)
    let spooled = a.spooled + b.spooled
    #expect(Set(spooled.map { String(decoding: $0.body, as: UTF8.self) }) == [owned, unknown])
    let waiting = try #require(spooled.first { $0.reason == "owner_unreachable" })
    #expect(waiting.part.tenant == "acme" && waiting.part.changes.isEmpty)
    #expect(waiting.part.bodySha256 == .init(Digests.sha256(Array(owned.utf8))))
  }

  @Test func `a dead cell costs other tenants nothing`() async throws {
    let (a, b, router) = try await deployment()
    await a.messenger.close()
    #expect(try await router.webhook(body("106", "107")).status == 200)
    #expect(b.parts.map(\.tenant) == ["zoe"])
    #expect(b.spooled.map(\.part.tenant) == ["acme"])
  }

  @Test func `what nobody can store is answered 503`() async throws {
    let (a, b, router) = try await deployment()
    a.refusesParts(Failure(.diskFull, "full"))
    a.refusesSpool()
    b.refusesSpool()
    let answer = try await router.webhook(body("106", "107"))
    #expect(answer.status == 503)
    #expect(answer.body.contains("\"not_stored\""))
    #expect(b.parts.count == 1)
    #expect(router.node.report().problems.contains { $0.code == "webhooks_not_stored" })
    #expect(try await router.webhook(body("107")).status == 200)
  }

  @Test func `an authentic body that nobody understands is kept whole`() async throws {
    let (a, b, router) = try await deployment()
    #expect(try await router.webhook("not json").status == 200)
    let spooled = a.spooled + b.spooled
    #expect(spooled.map(\.reason) == ["unparseable"])
    #expect(spooled.first?.body == .init("not json".utf8))
    #expect(spooled.first?.metaApp == "default")
  }

  @Test func `unsigned and wrongly signed bodies store nothing`() async throws {
    let (a, b, router) = try await deployment()
    let bytes = Array(body("106").utf8)
    #expect(
      try await router.send(.post, "/webhooks/whatsapp/default", body: bytes).status == 401)
    #expect(try await router.webhook(body("106"), secret: "other").status == 403)
    #expect(try await router.webhook(body("106"), app: "missing").status == 404)
    #expect(a.parts.isEmpty && b.parts.isEmpty && a.spooled.isEmpty && b.spooled.isEmpty)
  }

  @Test func `a bound app's part for another tenant is not delivered`() async throws {
    let (a, b, router) = try await deployment()
    #expect(try await router.webhook(body("106", "107"), app: "own").status == 200)
    #expect(a.parts.isEmpty)
    #expect(b.parts.map(\.tenant) == ["zoe"])
    #expect((a.spooled + b.spooled).map(\.reason) == ["number_foreign"])
  }
}
