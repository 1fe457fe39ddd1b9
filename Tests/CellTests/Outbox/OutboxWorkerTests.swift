import Logging
import Platform
import Synchronization
import Testing
import Wire

@testable import Cell

/// Graph that answers by a rule and tells how many requests it had.
private final class RuledGraph: GraphTransport {
  private let asked = Mutex<[[UInt8]]>([])
  private let rule: @Sendable (Int) -> Result<GraphResponse, GraphTransportError>
  private let requests: AsyncStream<Int>
  private let tell: AsyncStream<Int>.Continuation

  init(_ rule: @escaping @Sendable (Int) -> Result<GraphResponse, GraphTransportError>) {
    self.rule = rule
    (requests, tell) = AsyncStream.makeStream(of: Int.self)
  }

  var bodies: [[UInt8]] { asked.withLock { $0 } }

  func perform(_ request: GraphRequest) async throws(GraphTransportError) -> GraphResponse {
    let count = asked.withLock { asked in
      asked.append(request.body)
      return asked.count
    }
    tell.yield(count)
    return try rule(count).get()
  }

  func wait(for count: Int) async {
    for await seen in requests where seen >= count { return }
  }
}

@Suite("Outbox worker") struct OutboxWorkerTests {
  private func environment(_ shop: Shop, _ graph: RuledGraph) -> OutboxEnvironment {
    OutboxEnvironment(
      store: shop.store, graph: GraphClient(configuration: .init(), transport: graph),
      sealer: shop.sealer, gate: OpenSendGate(), clock: shop.clock, boot: LiveBootClock(),
      logger: Logger(label: "test"))
  }

  private static func accepted(_ count: Int) -> Result<GraphResponse, GraphTransportError> {
    .success(
      GraphResponse(status: 200, body: Array(#"{"messages":[{"id":"wamid.\#(count)"}]}"#.utf8)))
  }

  @Test(.timeLimit(.minutes(10)))
  func `a campaign goes out, every recipient once`() async throws {
    let shop = try await Shop()
    let graph = RuledGraph { Self.accepted($0) }
    let worker = OutboxWorker(environment(shop, graph))
    let id = try await shop.campaign(recipients: 40)
    async let running: Void = worker.run()
    worker.wake(Shop.tenant)
    await graph.wait(for: 40)
    worker.stop()
    await running
    #expect(graph.bodies.count == 40)
    #expect(Set(graph.bodies).count == 40)
    let tally = try await shop.tally(id)
    #expect(tally.accepted == 40)
    #expect(tally.captured == 40 * Shop.price)
    #expect(try await shop.state(id) == .completed)
  }

  @Test(.timeLimit(.minutes(10)))
  func `a request without an answer is never repeated`() async throws {
    let shop = try await Shop()
    let graph = RuledGraph { count in
      count % 3 == 0 ? .failure(.maybeWritten("reset")) : Self.accepted(count)
    }
    let worker = OutboxWorker(environment(shop, graph))
    let id = try await shop.campaign(recipients: 12)
    async let running: Void = worker.run()
    worker.wake(Shop.tenant)
    await graph.wait(for: 12)
    worker.stop()
    await running
    #expect(Set(graph.bodies).count == 12)
    #expect(graph.bodies.count == 12)
    let tally = try await shop.tally(id)
    #expect(tally.ambiguous == 4)
    #expect(tally.accepted == 8)
    #expect(try await shop.balances().held == Micros(4 * Shop.price))
  }

  /// Graph's "too fast" holds for a minute, also where the tenant has nothing to send in it.
  @Test(.timeLimit(.minutes(10)))
  func `a number that was too fast stays slow when its tenant is let go`() async throws {
    let shop = try await Shop()
    let graph = RuledGraph { _ in
      .success(
        GraphResponse(
          status: 429, body: Array(#"{"error":{"code":130429,"message":"too fast"}}"#.utf8)))
    }
    let environment = environment(shop, graph)
    let worker = OutboxWorker(environment)
    _ = try await shop.campaign(recipients: 1)
    async let running: Void = worker.run()
    worker.wake(Shop.tenant)
    await graph.wait(for: 1)
    worker.stop()
    await running
    let left = environment.paces.left(of: Shop.tenant)
    #expect((left.numbers[Shop.number]?.slowFor ?? 0) > 0)
  }
}
