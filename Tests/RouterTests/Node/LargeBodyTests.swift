import Edge
import Hummingbird
import Messaging
import Simulation
import Synchronization
import Testing
import Wire

@testable import Router

/// What a client hears where there is no room for a large body, and that all room comes back.
@Suite("Large bodies", .timeLimit(.minutes(10))) struct LargeBodyTests {
  private static let bytes = 50_000
  private static let large = [UInt8](repeating: 0x20, count: bytes)
  private static let small = [UInt8](repeating: 0x20, count: BodyReader.smallBytes)

  @Test(arguments: [(true, 429, "rate_limited"), (false, 503, "overloaded")])
  func `a large body without room is refused, a small one passes`(
    isOwn: Bool, status: Int, code: String
  ) async throws {
    var limits = RouterLimits()
    if isOwn { limits.bodyBytesPerTenant = Self.bytes } else { limits.bodyBytes = Self.bytes }
    let (cell, _, router) = try await RouterHarness.withCell(limits)
    let inner = Mutex<[RouterHarness.Answer]>([])
    cell.answers { request throws(Failure) in
      // While the first one is in the cell, others come.
      guard inner.withLock({ $0.isEmpty }), request.body.count == Self.bytes else {
        return FakeCell.text(200, "ok")
      }
      for body in [Self.large, Self.small] {
        guard let answer = try? await router.call(.post, body: body) else { continue }
        inner.withLock { $0.append(answer) }
      }
      return FakeCell.text(200, "ok")
    }
    #expect(try await router.call(.post, body: Self.large).status == 200)
    let answers = inner.withLock { $0 }
    #expect(answers.map(\.status) == [status, 200])
    #expect(answers.first?.body.contains("\"\(code)\"") == true)
    #expect(answers.first?.headers[.retryAfter] == "1")
    #expect(answers.first?.headers[.connection] == "close")
    #expect(router.node.edge.metrics.count(of: .bodiesFull) == 1)
    #expect(router.node.edge.traffic.bodyBytes == 0)
    #expect(try await router.call(.post, body: Self.large).status == 200)
  }

  private static func webhook(pad count: Int) -> String {
    let pad = String(repeating: "x", count: count)
    let value = #"{"metadata":{"phone_number_id":"106"},"pad":"\#(pad)"}"#
    return #"{"entry":[{"id":"9","changes":[{"field":"messages","value":\#(value)}]}]}"#
  }

  @Test func `a webhook without room is not stored, and its sender is told so`() async throws {
    var limits = RouterLimits()
    limits.webhookBytes = Self.bytes - 1
    let (cell, _, router) = try await RouterHarness.withCell(limits)
    let refused = try await router.webhook(Self.webhook(pad: Self.bytes))
    #expect(refused.status == 503)
    #expect(refused.body.contains("\"not_stored\""))
    #expect(refused.headers[.retryAfter] == "1")
    #expect(cell.parts.isEmpty && cell.spooled.isEmpty)
    #expect(router.node.edge.traffic.bodyBytes == 0)
  }

  @Test func `strangers who hold all of their room keep nobody out from where others were signed`()
    async throws
  {
    var limits = RouterLimits()
    limits.strangerBytes = Self.bytes
    let (cell, _, router) = try await RouterHarness.withCell(limits)
    let traffic = router.node.edge.traffic
    let (parts, stranger) = AsyncStream.makeStream(of: ByteBuffer.self)
    stranger.yield(ByteBuffer(bytes: Self.large))
    async let held = router.send(
      .post, "/webhooks/whatsapp/default", headers: ["transfer-encoding": "chunked"],
      stream: RequestBody(asyncSequence: parts), peer: "198.51.100.1")
    while traffic.bodyBytes < Self.bytes { await Task.yield() }
    // The first large one might be another stranger's; a small one needs no room, and tells.
    var statuses: [Int] = []
    for pad in [Self.bytes, 0, Self.bytes] {
      statuses.append(try await router.webhook(Self.webhook(pad: pad)).status)
    }
    #expect(statuses == [503, 200, 200])
    #expect(traffic.bodyBytes == Self.bytes)
    #expect(cell.parts.count + cell.spooled.count == 2)
    #expect(router.node.edge.metrics.count(of: .bodiesFull) == 1)
    stranger.finish()
    #expect(try await held.status == 401)
    #expect(traffic.bodyBytes == 0)
  }

  @Test func `a valid signature makes its sender known, a wrong one does not`()
    async throws
  {
    var limits = RouterLimits()
    limits.strangerBytes = 0
    let (_, _, router) = try await RouterHarness.withCell(limits)
    var statuses: [Int] = []
    for secret in ["other", "s3cret"] {
      statuses.append(try await router.webhook(Self.webhook(pad: 0), secret: secret).status)
      statuses.append(try await router.webhook(Self.webhook(pad: Self.bytes)).status)
    }
    #expect(statuses == [403, 503, 200, 200])
  }

  /// Two Meta apps: the platform's, and one of `acme`, which knows that one's secret.
  private func withTwoApps(_ limits: RouterLimits) async throws -> RouterHarness {
    let network = InMemoryNetwork(random: SeededRandomSource(seed: 9))
    let cell = try await FakeCell("a", network)
    var chunk = TestMap.acme
    chunk.metaApps.append(TestMap.app("own", secret: "known", tenant: "acme"))
    _ = try await FakeControlPlane(network, chunk)
    let router = try RouterHarness(network: network, limits: limits)
    try await router.connect([cell])
    return router
  }

  @Test func `who has signed for one app is a stranger to another`() async throws {
    var limits = RouterLimits()
    limits.strangerBytes = 0
    let router = try await withTwoApps(limits)
    let large = Self.webhook(pad: Self.bytes)
    let own = try await router.webhook(Self.webhook(pad: 0), app: "own", secret: "known")
    #expect(own.status == 200)
    #expect(try await router.webhook(large, app: "own", secret: "known").status == 200)
    #expect(try await router.webhook(large).status == 503)
    #expect(try await router.webhook(Self.webhook(pad: 0)).status == 200)
    #expect(try await router.webhook(large).status == 200)
  }

  @Test func `one app's senders, however well known, leave room to another's`() async throws {
    var limits = RouterLimits()
    limits.strangerBytes = 0
    limits.webhookBytes = 3 * Self.bytes
    limits.webhookBytesPerApp = 3 * Self.bytes / 2
    let router = try await withTwoApps(limits)
    let traffic = router.node.edge.traffic
    let small = Self.webhook(pad: 0)
    #expect(try await router.webhook(small).status == 200)
    #expect(try await router.webhook(small, app: "own", secret: "known").status == 200)
    let (parts, drip) = AsyncStream.makeStream(of: ByteBuffer.self)
    drip.yield(ByteBuffer(bytes: Self.large))
    async let held = router.send(
      .post, "/webhooks/whatsapp/own", headers: ["transfer-encoding": "chunked"],
      stream: RequestBody(asyncSequence: parts))
    while traffic.bodyBytes < Self.bytes { await Task.yield() }
    let large = Self.webhook(pad: Self.bytes)
    #expect(try await router.webhook(large, app: "own", secret: "known").status == 503)
    #expect(try await router.webhook(large).status == 200)
    drip.finish()
    #expect(try await held.status == 401)
    #expect(traffic.bodyBytes == 0)
  }

  @Test func `the control plane's bodies have room of their own, and an end`() async throws {
    var limits = RouterLimits()
    limits.bodyBytesPerTenant = Self.bytes - 1
    let (_, _, router) = try await RouterHarness.withCell(limits)
    let refused = try await router.send(
      .post, "/v1/tenants", host: "admin.localhost", body: Self.large)
    #expect(refused.status == 503)
    #expect(refused.body.contains("\"overloaded\""))
    #expect(refused.headers[.retryAfter] == "1")
    let passed = try await router.send(
      .post, "/v1/tenants", host: "admin.localhost", body: Self.small)
    #expect(passed.status == 201)
  }

  @Test(arguments: [(true, "overloaded"), (false, "outcome_unknown")])
  func `an answer without room is not held; of a write nobody says that it failed`(
    isRead: Bool, code: String
  ) async throws {
    var limits = RouterLimits()
    limits.answerBytes = Self.bytes - 1
    let (cell, _, router) = try await RouterHarness.withCell(limits)
    cell.answers { _ throws(Failure) in
      FakeCell.text(200, String(repeating: "x", count: Self.bytes))
    }
    let refused = try await router.call(isRead ? .get : .post)
    #expect(refused.status == 503)
    #expect(refused.body.contains("\"\(code)\""))
    #expect(refused.headers[.retryAfter] == "1")
    #expect(router.node.edge.traffic.bodyBytes == 0)
  }

  @Test func `an answer has room, though requests have taken all of theirs`() async throws {
    var limits = RouterLimits()
    limits.bodyBytes = Self.bytes
    let (cell, _, router) = try await RouterHarness.withCell(limits)
    cell.answers { _ throws(Failure) in
      FakeCell.text(200, String(repeating: "x", count: Self.bytes))
    }
    let answer = try await router.call(.post, body: Self.large)
    #expect(answer.status == 200 && answer.body.utf8.count == Self.bytes)
    #expect(router.node.edge.traffic.bodyBytes == 0)
  }

  @Test func `an address has so much of the room, the machine's own and other addresses more`()
    async throws
  {
    var limits = RouterLimits()
    limits.bodyBytesPerAddress = Self.bytes
    let (cell, _, router) = try await RouterHarness.withCell(limits)
    let inner = Mutex<[RouterHarness.Answer]>([])
    let hasAsked = Mutex(false)
    cell.answers { _ throws(Failure) in
      let isFirst = hasAsked.withLock { asked in
        defer { asked = true }
        return !asked
      }
      guard isFirst else { return FakeCell.text(200, "ok") }
      for peer in [RouterHarness.peer, "198.51.100.1", "127.0.0.1"] {
        guard let answer = try? await router.call(.post, body: Self.large, peer: peer) else {
          continue
        }
        inner.withLock { $0.append(answer) }
      }
      return FakeCell.text(200, "ok")
    }
    #expect(try await router.call(.post, body: Self.large).status == 200)
    let answers = inner.withLock { $0 }
    #expect(answers.map(\.status) == [429, 200, 200])
    #expect(answers.first?.body.contains("\"rate_limited\"") == true)
    #expect(answers.first?.headers[.retryAfter] == "1")
    #expect(router.node.edge.metrics.count(of: .bodiesFull) == 1)
    #expect(router.node.edge.traffic.bodyBytes == 0)
  }

  @Test func `a small body of unknown length needs no room, one that grows needs it for all`()
    async throws
  {
    let part = [UInt8](repeating: 0x20, count: BodyReader.smallBytes / 2)
    var limits = RouterLimits()
    limits.bodyBytes = 0
    let (_, _, without) = try await RouterHarness.withCell(limits)
    #expect(try await without.call(parts: [part, part]).status == 200)
    #expect(try await without.call(parts: [part, part, [0x20]]).status == 503)
    limits.bodyBytes = 3 * part.count
    let (cell, _, router) = try await RouterHarness.withCell(limits)
    #expect(try await router.call(parts: [part, part, part]).status == 200)
    #expect(cell.requests.map(\.body.count) == [3 * part.count])
    #expect(try await router.call(parts: [part, part, part, [0x20]]).status == 503)
    #expect(router.node.edge.traffic.bodyBytes == 0)
  }

  @Test func `a large answer arrives whole, and gives its room back`() async throws {
    let (cell, _, router) = try await RouterHarness.withCell(RouterLimits())
    // Longer than the part that is written as a copy, and shorter.
    for count in [Self.bytes, 1_000_003] {
      let text = String(repeating: "xyz", count: count / 3)
      cell.answers { _ throws(Failure) in FakeCell.text(200, text) }
      let answer = try await router.call()
      #expect(answer.body == text)
      #expect(answer.headers[.contentLength] == "\(text.utf8.count)")
      #expect(router.node.edge.traffic.bodyBytes == 0)
    }
  }
}
