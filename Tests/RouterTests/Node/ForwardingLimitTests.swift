import Edge
import Messaging
import Simulation
import Synchronization
import Testing
import Wire

@testable import Router

/// What a client hears at the limits of time and of what is in flight.
@Suite("Limits of forwarding", .timeLimit(.minutes(10))) struct ForwardingLimitTests {
  @Test func `the limits are those of the architecture, and fit the link to a cell`() {
    let limits = RouterLimits()
    #expect(limits.requestTime == .seconds(30))
    #expect(limits.bodyTime == .seconds(30))
    #expect(limits.perTenant == 256)
    // More would be refused by the link, and the limit never be reached.
    #expect(limits.perCell <= MessagingLimits.callsInFlight + MessagingLimits.callsWaiting)
  }

  @Test func `a client's time for an answer grows with its size, and is a few minutes at most`() {
    var limits = RouterLimits()
    #expect(limits.answerTime(whole: EdgeLimits.responseBytes) < .seconds(180))
    // Not below that of a slice: one alone would never have its own.
    #expect(limits.answerTime(whole: 0) >= limits.answerTime)
    limits.answerGrace = .seconds(5)
    limits.answerRate = 1_000
    #expect(limits.answerTime(whole: 0) == .seconds(5))
    #expect(limits.answerTime(whole: 3_500) == .milliseconds(8_500))
  }

  @Test func `what its cell does not answer in time ends, a write in doubt`() async throws {
    var limits = RouterLimits()
    // Time enough to be with the cell, also on a busy machine.
    limits.requestTime = .seconds(2)
    let (cell, _, router) = try await RouterHarness.withCell(limits)
    let (gate, open) = AsyncStream.makeStream(of: Void.self)
    let held = Task { for await _ in gate {} }
    cell.answers { _ throws(Failure) in
      await held.value
      return FakeCell.text(200, "late")
    }
    let write = try await router.call(.post)
    #expect(write.status == 503)
    #expect(write.body.contains("\"outcome_unknown\""))
    #expect(write.headers[.retryAfter] == "1")
    let read = try await router.call(.get)
    #expect(read.status == 504)
    #expect(read.body.contains("\"deadline_exceeded\""))
    #expect(router.node.edge.traffic.inFlight == 0)
    open.finish()
  }

  @Test func `who gets no turn in time is refused, and nothing of it ran`() async throws {
    var limits = RouterLimits()
    limits.tenantTurns = 1...1
    limits.requestTime = .milliseconds(200)
    let (cell, _, router) = try await RouterHarness.withCell(limits)
    // The tenant's only turn: an earlier request of its own has it all the time.
    let turns = router.node.edge.forwarder.turns
    let turn = try #require(
      await turns.enter(
        TenantID(trusted: "acme"), at: CellID(trusted: "a"), by: .now + .seconds(60)))
    let refused = try await router.call(.post)
    turns.leave(turn)
    #expect(refused.status == 429)
    #expect(refused.body.contains("\"rate_limited\""))
    #expect(refused.headers[.retryAfter] == "1")
    #expect(router.node.edge.metrics.count(of: .tenantFull) == 1)
    #expect(cell.requests.isEmpty)
  }

  /// As its listener refuses, and as its storage does behind it; both before they know of the key.
  @Test(arguments: [true, false])
  func `a write that may have run is not called refused`(byListener: Bool) async throws {
    let (cell, _, router) = try await RouterHarness.withCell(RouterLimits())
    cell.answers { _ throws(Failure) in
      guard cell.requests.count > 1 else { return Self.lost(router) }
      guard byListener else { return FakeCell.text(429, "\"mailbox_full\"") }
      throw Failure(.overloaded, "", retryAfterMilliseconds: 100)
    }
    let answer = try await router.call(.post)
    #expect(cell.requests.count == 2)
    #expect(answer.status == 503)
    #expect(answer.body.contains("\"outcome_unknown\""))
    #expect(answer.headers[.retryAfter] == "1")
  }

  @Test func `a write that may have run is not called refused for want of room to ask again`()
    async throws
  {
    var limits = RouterLimits()
    limits.perCell = 1
    let network = InMemoryNetwork(random: SeededRandomSource(seed: 9))
    let cell = try await FakeCell("a", network)
    _ = try await FakeControlPlane(network, TestMap.acme)
    let parked = Mutex<RouterHarness?>(nil)
    let router = try RouterHarness(network: network, limits: limits) {
      // While it waits, another takes the only place.
      _ = parked.withLock { $0 }?.node.edge.traffic.enter(CellID(trusted: "a"))
    }
    parked.withLock { $0 = router }
    try await router.connect([cell])
    cell.answers { _ throws(Failure) in Self.lost(router) }
    let answer = try await router.call(.post)
    #expect(cell.requests.count == 1)
    #expect(answer.body.contains("\"outcome_unknown\""))
    #expect(router.node.edge.metrics.count(of: .cellFull) == 1)
  }

  /// What the cell answers while the connection goes, and is there again.
  private static func lost(_ router: RouterHarness) -> Aimstors_ProtoResponse {
    router.network.partition("router", "a")
    router.network.heal()
    return FakeCell.text(200, "lost")
  }

  @Test func `too many requests to the control plane at a time are refused`() async throws {
    var limits = RouterLimits()
    limits.perControlPlane = 0
    let (_, _, router) = try await RouterHarness.withCell(limits)
    let refused = try await router.send(.post, "/v1/tenants", host: "admin.localhost")
    #expect(refused.status == 503)
    #expect(refused.body.contains("\"overloaded\""))
    #expect(refused.headers[.retryAfter] == "1")
    #expect(router.node.edge.metrics.count(of: .controlPlaneFull) == 1)
  }

  @Test func `too many webhooks at a time are refused, and nothing of them is stored`()
    async throws
  {
    var limits = RouterLimits()
    limits.webhooksInFlight = 0
    let (cell, _, router) = try await RouterHarness.withCell(limits)
    let change =
      #"{"field":"messages","value":{"metadata":{"phone_number_id":"106"}}}"#
    let refused = try await router.webhook(#"{"entry":[{"id":"9","changes":[\#(change)]}]}"#)
    #expect(refused.status == 503)
    #expect(refused.body.contains("\"not_stored\""))
    #expect(refused.headers[.retryAfter] == "1")
    #expect(router.node.edge.metrics.count(of: .webhooksFull) == 1)
    #expect(cell.parts.isEmpty && cell.spooled.isEmpty)
    // Who has not signed is told so, full or not.
    let unsigned = try await router.send(
      .post, "/webhooks/whatsapp/default", body: Array("{}".utf8))
    #expect(unsigned.status == 401)
  }

  @Test func `a webhook of which nothing comes keeps no other out`() async throws {
    var limits = RouterLimits()
    limits.webhooksInFlight = 1
    let (cell, _, router) = try await RouterHarness.withCell(limits)
    let (reads, reading) = AsyncStream.makeStream(of: Void.self)
    let (gate, open) = AsyncStream.makeStream(of: Void.self)
    let end = Task { for await _ in gate {} }
    async let silent = router.silentWebhook(reading, until: end)
    for await _ in reads { break }
    let change =
      #"{"field":"messages","value":{"metadata":{"phone_number_id":"106"}}}"#
    let other = try await router.webhook(#"{"entry":[{"id":"9","changes":[\#(change)]}]}"#)
    open.finish()
    #expect(other.status == 200)
    #expect(cell.parts.count + cell.spooled.count == 1)
    #expect(try await silent.status == 401)
  }
}
