import Logging
import Platform
import Simulation
import Storage
import Synchronization
import Testing
import Wire

@testable import Cell

/// What an operator's stop holds back, and what it does not.
@Suite("Stopped sends") struct StoppedSendsTests {
  @Test func `what waits for a stopped number holds up no other`() async throws {
    let shop = try await Shop()
    let sealer = shop.sealer
    _ = try await shop.write { try Shop.connect(Self.other, $0, sealer) }
    // More than one look takes.
    for _ in 0..<40 { _ = try await shop.send(Shop.text) }
    let mine = try await shop.send(
      Shop.text.replacing(
        #""number_id":"NUMBER""#, with: #""phone_number_id":"\#(Self.other)""#))
    let gate = TableGate(stop: .number, Shop.number)
    let look = try await look(shop, gate)
    #expect(look.candidates.map(\.id) == [mine])
    #expect(look.isStopped)
  }

  @Test func `a stop under the number's own identifier holds before its first send`() async throws {
    let shop = try await Shop()
    _ = try await shop.send(Shop.text)
    let look = try await look(shop, TableGate(stop: .number, shop.numberID.text(.number)))
    #expect(look.candidates.isEmpty)
    #expect(look.isStopped)
  }

  @Test func `nobody reads the queue of a tenant that is stopped as a whole`() async throws {
    let shop = try await Shop()
    _ = try await shop.send(Shop.text)
    let look = try await look(shop, TableGate(stop: .platform, "all"))
    #expect(look.candidates.isEmpty)
    #expect(look.nextDue == nil)
    #expect(look.isStopped)
  }

  @Test(.timeLimit(.minutes(10)))
  func `a stopped tenant that stays due is looked at once in a while`() async throws {
    let shop = try await Shop()
    _ = try await shop.send(Shop.text)
    let gate = TableGate(stop: .tenant, Shop.tenant.rawValue)
    let store = CountingReads(base: shop.store)
    let graph = NoGraph()
    let environment = OutboxEnvironment(
      store: store, graph: GraphClient(configuration: .init(), transport: graph),
      sealer: shop.sealer, gate: gate, clock: shop.clock, boot: FakeBoot(clock: shop.clock),
      logger: Logger(label: "test"))
    let worker = OutboxWorker(environment)
    async let running: Void = worker.run()

    worker.due(Shop.tenant)
    while worker.load.active > 0 { await Task.yield() }
    let once = store.count
    #expect(once > 0)
    for _ in 0..<10 { worker.due(Shop.tenant) }
    #expect(worker.load.active == 0)
    shop.clock.advance(milliseconds: 61_000)
    worker.due(Shop.tenant)
    while worker.load.active > 0 { await Task.yield() }
    #expect(store.count == 2 * once)

    // The stop is lifted: its time is not waited for.
    gate.lift()
    worker.sendsMayResume()
    await graph.wait()
    worker.stop()
    await running
  }

  private static let other = "106540352242923"

  private func look(_ shop: Shop, _ gate: any SendGate) async throws -> OutboxLook {
    let reading = OutboxReading(configuration: OutboxConfiguration(), gate: gate)
    return try await shop.read {
      try reading.look($0, excluding: [], limit: 32, inFlight: [])
    }
  }
}

/// The cell's own table of stops, with one stop that can be lifted.
private final class TableGate: SendGate {
  private let table: Mutex<StopTable>
  private let scope: StopReason.Scope
  private let id: String

  init(stop scope: StopReason.Scope, _ id: String) {
    self.scope = scope
    self.id = id
    table = Mutex(StopTable(cell: "cell-1", region: ""))
    set(lifted: false, version: 1)
  }

  func lift() { set(lifted: true, version: 2) }

  private func set(lifted: Bool, version: UInt64) {
    table.withLock {
      $0.apply(
        SendStop(
          scope: scope, id: id, reason: "test", since: .zero, version: version, lifted: lifted),
        at: .zero)
    }
  }

  func stopReason(tenant: TenantID, phoneNumberID: String) -> StopReason? {
    table.withLock { $0.reason(tenant: tenant, phoneNumberID: phoneNumberID) }
  }
  func note(numberID: String, phoneNumberID: String) {
    table.withLock { $0.note(numberID: numberID, phoneNumberID: phoneNumberID) }
  }
  func state(of tenant: TenantID) -> TenantState { .active }
}

/// Counts what is read.
private final class CountingReads: TenantStore {
  private let base: DirectTenants
  private let reads = Atomic<Int>(0)

  init(base: DirectTenants) { self.base = base }

  var count: Int { reads.load(ordering: .relaxed) }

  func write<T: Sendable>(
    _ tenant: TenantID, _ origin: CommandOrigin,
    _ body: @escaping @Sendable (Transaction) throws -> T
  ) async throws(Failure) -> T { try await base.write(tenant, origin, body) }

  func perform(
    _ tenant: TenantID, _ origin: CommandOrigin, _ claim: IdempotencyClaim,
    _ body: @escaping @Sendable (Transaction) throws -> StoredAnswer
  ) async throws(Failure) -> StoredAnswer { try await base.perform(tenant, origin, claim, body) }

  func read<T: Sendable>(
    _ tenant: TenantID, _ files: Set<FileKind>,
    _ body: @escaping @Sendable (Snapshot) throws -> T
  ) async throws(Failure) -> T {
    reads.wrappingAdd(1, ordering: .relaxed)
    return try await base.read(tenant, files, body)
  }
}

/// Says that it was asked, and refuses.
private final class NoGraph: GraphTransport {
  private let asked: AsyncStream<Void>
  private let tell: AsyncStream<Void>.Continuation

  init() { (asked, tell) = AsyncStream.makeStream(of: Void.self) }

  func perform(_ request: GraphRequest) async throws(GraphTransportError) -> GraphResponse {
    tell.yield()
    return GraphResponse(status: 200, body: Array(#"{"messages":[{"id":"wamid.1"}]}"#.utf8))
  }

  func wait() async { for await _ in asked { return } }
}
