import Edge
import Messaging
import Simulation
import Synchronization
import Testing
import Wire

@testable import Router

@Suite("Forwarding") struct ForwardingTests {
  /// Two cells, a control plane, a router that has the map; `acme` is on cell a.
  private func deployment(
    limits: RouterLimits = .init(), onPause: @escaping @Sendable () async -> Void = {}
  ) async throws -> (a: FakeCell, b: FakeCell, control: FakeControlPlane, router: RouterHarness) {
    let network = InMemoryNetwork(random: SeededRandomSource(seed: 3))
    let a = try await FakeCell("a", network)
    let b = try await FakeCell("b", network)
    let control = try await FakeControlPlane(network, Self.chunk())
    let router = try RouterHarness(network: network, limits: limits, onPause: onPause)
    try await router.connect([a, b])
    return (a, b, control, router)
  }

  private static func chunk(
    _ tenants: [(id: String, cell: String, epoch: UInt64)] = [("acme", "a", 1)]
  ) -> Aimstors_ProtoMapChunk {
    TestMap.chunk(
      tenants: tenants, claims: [("phone_number", "106", "acme")],
      cells: [("a", "tcp://a:7100"), ("b", "tcp://b:7100")], apps: [TestMap.app("default")])
  }

  @Test func `a request reaches its tenant's cell with all that the envelope says`() async throws {
    let (a, _, _, router) = try await deployment()
    let answer = try await router.call(
      .post, "/v1/messages?x=1",
      headers: [
        "idempotency-key": "k1", "x-aimstors-operator": "evil", "connection": "close",
        "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
      ], body: Array("{}".utf8))
    #expect(answer.status == 200)
    #expect(answer.body == "from a")
    #expect(answer.headers[.contentType] == "text/plain")
    #expect(answer.headers[.xTraceID] == "0af7651916cd43dd8448eb211c80319c")
    let request = try #require(a.requests.first)
    #expect(request.tenant == "acme")
    #expect(request.epoch == 1)
    #expect(request.generation == 1)
    #expect(request.method == "POST")
    #expect(request.target == "/v1/messages?x=1")
    #expect(request.hostKind == "api")
    #expect(request.body == .init("{}".utf8))
    #expect(request.clientAddress == "192.0.2.7")
    #expect(request.idempotencyKey == "k1")
    let names = request.headers.map(\.name)
    #expect(names.contains("authorization"))
    #expect(names.contains("idempotency-key"))
    #expect(!names.contains("x-aimstors-operator"))
    #expect(!names.contains("connection"))
  }

  @Test func `a write without a key gets one of its own, a read gets none`() async throws {
    let (a, _, _, router) = try await deployment()
    for method in ["POST", "POST", "GET"] {
      _ = try await router.call(.init(rawValue: method) ?? .get, "/v1/x")
    }
    let keys = a.requests.map(\.idempotencyKey)
    try #require(keys.count == 3)
    #expect(keys[0].hasPrefix("router-") && keys[1].hasPrefix("router-"))
    #expect(keys[0] != keys[1])
    #expect(keys[2] == "")
  }

  @Test func `a moved tenant is followed, and the map has learned`() async throws {
    let (a, b, _, router) = try await deployment()
    a.answers { _ throws(Failure) in FakeCell.moved(to: "b", 2) }
    #expect(try await router.call(.post).body == "from b")
    #expect(b.requests.first?.epoch == 2)
    #expect(a.requests.first?.idempotencyKey == b.requests.first?.idempotencyKey)
    #expect(try await router.call().body == "from b")
    #expect(a.requests.count == 1)
  }

  @Test func `who waited for a turn while the tenant moved asks its new owner`() async throws {
    var limits = RouterLimits()
    limits.tenantTurns = 1...1
    let (a, b, _, router) = try await deployment(limits: limits)
    a.answers { _ throws(Failure) in
      while router.node.edge.traffic.inFlight < 2 { await Task.yield() }
      return FakeCell.moved(to: "b", 2)
    }
    async let first = router.call(.post)
    async let second = router.call(.post)
    #expect(try await [first.body, second.body] == ["from b", "from b"])
    #expect(a.requests.count == 1)
    #expect(b.requests.count == 2)
  }

  @Test func `a request is parked through a fence, and none fails`() async throws {
    let ready = Mutex(0)
    let (a, b, _, router) = try await deployment { ready.withLock { $0 += 1 } }
    a.answers { _ throws(Failure) in FakeCell.moved(to: "b", 2) }
    b.answers { _ throws(Failure) in
      if ready.withLock({ $0 }) < 3 { throw Failure(.recovering, "not adopted yet") }
      return FakeCell.text(200, "served by b")
    }
    #expect(try await router.call(.post).body == "served by b")
    #expect(ready.withLock { $0 } == 3)
    #expect(router.node.edge.traffic.parked.requests == 0)
    #expect(router.node.edge.traffic.inFlight == 0)
  }

  @Test func `a write waits while its new owner does not serve yet`() async throws {
    let ready = Mutex(0)
    let (a, b, _, router) = try await deployment { ready.withLock { $0 += 1 } }
    a.answers { _ throws(Failure) in FakeCell.moved(to: "b", 2) }
    // A target before its adoption: it is not there, and who knows where.
    b.answers { _ throws(Failure) in
      ready.withLock { $0 } < 3 ? FakeCell.moved(to: "", 0) : FakeCell.text(200, "served by b")
    }
    #expect(try await router.call(.post).body == "served by b")
    #expect(a.requests.count == 1)
  }

  @Test func `a dead cell is waited for, then told as unavailable`() async throws {
    var limits = RouterLimits()
    limits.parkTime = .zero
    let (a, _, _, router) = try await deployment(limits: limits)
    await a.messenger.close()
    let answer = try await router.call(.post)
    #expect(answer.status == 503)
    #expect(answer.body.contains("\"cell_unavailable\""))
    #expect(answer.headers[.retryAfter] == "2")
    #expect(!answer.body.contains("7100"))
  }

  @Test func `a cell that comes back gets the parked request`() async throws {
    let network = InMemoryNetwork(random: SeededRandomSource(seed: 4))
    _ = try await FakeControlPlane(network, Self.chunk())
    let born = Mutex<FakeCell?>(nil)
    let router = try RouterHarness(network: network) {
      guard born.withLock({ $0 == nil }) else { return }
      let cell = try? await FakeCell("a", network)
      born.withLock { $0 = cell }
    }
    try await router.connect()
    #expect(try await router.call(.post).body == "from a")
    #expect(born.withLock { $0?.requests.count } == 1)
  }

  @Test func `a full parking sheds`() async throws {
    var limits = RouterLimits()
    limits.parkedRequests = 0
    let (a, _, _, router) = try await deployment(limits: limits)
    a.answers { _ throws(Failure) in throw Failure(.recovering, "starting") }
    let answer = try await router.call(.post)
    #expect(answer.status == 503)
    #expect(answer.body.contains("\"cell_unavailable\""))
    #expect(answer.headers[.retryAfter] == "2")
    #expect(router.node.edge.metrics.count(of: .parkingFull) == 1)
  }

  @Test func `too many requests of one tenant at a time are refused`() async throws {
    var limits = RouterLimits()
    limits.perTenant = 1
    let (a, _, _, router) = try await deployment(limits: limits)
    let inner = Mutex<RouterHarness.Answer?>(nil)
    a.answers { _ throws(Failure) in
      // While this one is in the cell, another of the same tenant comes.
      if inner.withLock({ $0 == nil }) {
        let answer = try? await router.call(.post)
        inner.withLock { $0 = answer }
      }
      return FakeCell.text(200, "ok")
    }
    #expect(try await router.call(.post).status == 200)
    let refused = try #require(inner.withLock { $0 })
    #expect(refused.status == 429)
    #expect(refused.body.contains("\"rate_limited\""))
    #expect(refused.headers[.retryAfter] == "1")
    #expect(router.node.edge.metrics.count(of: .tenantFull) == 1)
  }

  @Test func `one tenant's requests, however many and slow, leave neighbours room in the cell`()
    async throws
  {
    let network = InMemoryNetwork(random: SeededRandomSource(seed: 3))
    let a = try await FakeCell("a", network)
    _ = try await FakeControlPlane(network, Self.chunk([("acme", "a", 1), ("zoe", "a", 1)]))
    var limits = RouterLimits()
    limits.requestTime = .seconds(20)
    #expect(limits.perTenant == 256)
    let router = try RouterHarness(network: network, limits: limits)
    try await router.connect([a])
    let (gate, open) = AsyncStream.makeStream(of: Void.self)
    let held = Task { for await _ in gate {} }
    a.answers { request throws(Failure) in
      if request.tenant == "acme" { await held.value }
      return FakeCell.text(200, "ok")
    }
    try await withThrowingTaskGroup(of: Int.self) { group in
      // As many as a cell takes of a router at a time, and as a tenant may have in flight.
      for _ in 0..<limits.perTenant { group.addTask { try await router.call(.post).status } }
      while a.requests.count < limits.tenantTurns.upperBound { await Task.yield() }
      #expect(try await router.call(.post, tenant: "zoe").status == 200)
      #expect(a.requests.count { $0.tenant == "acme" } == limits.tenantTurns.upperBound)
      while router.node.edge.traffic.inFlight < limits.perTenant { await Task.yield() }
      let refused = try await router.call(.post)
      #expect(refused.status == 429)
      #expect(refused.body.contains("\"rate_limited\""))
      #expect(router.node.edge.metrics.count(of: .tenantFull) == 1)
      open.finish()
      for try await status in group { #expect(status == 200) }
    }
    #expect(a.requests.count { $0.tenant == "acme" } == limits.perTenant)
  }

  @Test func `too many requests to one cell at a time are refused, other cells' go on`()
    async throws
  {
    var limits = RouterLimits()
    limits.perCell = 1
    let network = InMemoryNetwork(random: SeededRandomSource(seed: 3))
    let a = try await FakeCell("a", network)
    let b = try await FakeCell("b", network)
    _ = try await FakeControlPlane(
      network, Self.chunk([("acme", "a", 1), ("zoe", "a", 1), ("far", "b", 1)]))
    let router = try RouterHarness(network: network, limits: limits)
    try await router.connect([a, b])
    let inner = Mutex<[RouterHarness.Answer]>([])
    a.answers { _ throws(Failure) in
      guard inner.withLock({ $0.isEmpty }) else { return FakeCell.text(200, "ok") }
      for tenant in ["zoe", "far"] {
        guard let answer = try? await router.call(.post, tenant: tenant) else { continue }
        inner.withLock { $0.append(answer) }
      }
      return FakeCell.text(200, "ok")
    }
    #expect(try await router.call(.post).status == 200)
    let answers = inner.withLock { $0 }
    #expect(answers.map(\.status) == [503, 200])
    #expect(answers.first?.body.contains("\"overloaded\"") == true)
    #expect(answers.first?.headers[.retryAfter] == "1")
    #expect(router.node.edge.metrics.count(of: .cellFull) == 1)
  }

  @Test func `a refusal of the cell reaches the client as it is`() async throws {
    let (a, _, _, router) = try await deployment()
    a.answers { _ throws(Failure) in
      throw Failure(.mailboxFull, "slow down", retryAfterMilliseconds: 2_500)
    }
    let answer = try await router.call(.post)
    #expect(answer.status == 429)
    #expect(answer.headers[.retryAfter] == "3")
    #expect(answer.headers[.contentType] == "application/problem+json")
    #expect(answer.body.contains("\"mailbox_full\""))
  }

  @Test func `the admin host is the control plane's`() async throws {
    let (_, _, control, router) = try await deployment()
    let answer = try await router.send(
      .post, "/v1/tenants?a=b", host: "admin.localhost:8080")
    #expect(answer.status == 201)
    #expect(answer.body == "admin /v1/tenants?a=b")
    await control.messenger.close()
    let dead = try await router.send(.get, "/v1/tenants", host: "admin.localhost")
    #expect(dead.status == 503)
    #expect(dead.body.contains("control_plane_unavailable"))
  }

  @Test func `the control plane has its own time: it may wait for a full scan of files`()
    async throws
  {
    #expect(RouterLimits().controlPlaneTime > Duration.seconds(120))
    var limits = RouterLimits()
    limits.requestTime = .zero
    let (_, _, _, router) = try await deployment(limits: limits)
    let answer = try await router.send(
      .get, "/v1/tenants/t1/digest?recompute=true", host: "admin.localhost")
    #expect(answer.status == 201)
  }

  @Test func `a tenant made a moment ago is found by asking`() async throws {
    let (_, b, control, router) = try await deployment(limits: Self.eager)
    control.serve(2, Self.chunk([("acme", "a", 1), ("fresh", "b", 1)]))
    #expect(try await router.call(tenant: "fresh").body == "from b")
    #expect(b.requests.count == 1)
    #expect(try await router.call(tenant: "nobody").status == 401)
  }

  @Test func `a key that nobody can be asked about is not called wrong`() async throws {
    let (_, b, control, router) = try await deployment()
    await control.messenger.close()
    // Asked, and right after it not asked again.
    for _ in 0..<2 {
      let answer = try await router.call(tenant: "fresh")
      #expect(answer.status == 503 && answer.headers[.retryAfter] == "2", "\(answer.body)")
      #expect(answer.body.contains("\"control_plane_unavailable\""))
    }
    #expect(b.requests.isEmpty)
    #expect(try await router.call(tenant: "acme").status == 200)
  }

  private static var eager: RouterLimits {
    var limits = RouterLimits()
    limits.lookupRefresh = .zero
    return limits
  }

  @Test func `bad requests end at the router`() async throws {
    let (a, _, _, router) = try await deployment()
    #expect(try await router.send(.get, "/v1/wallet", host: "evil.test").status == 421)
    #expect(try await router.send(.get, "/v1/wallet").status == 401)
    #expect(
      try await router.send(.get, "/v1/wallet", headers: ["authorization": "Bearer ask_live_x"])
        .status == 401)
    #expect(try await router.send(.get, "/nothing").status == 404)
    let large = try await router.call(
      .post, body: [UInt8](repeating: 0x20, count: EdgeLimits.requestBytes + 1))
    #expect(large.status == 413)
    #expect(large.body.contains("\"body_too_large\""))
    let key = String(repeating: "k", count: 256)
    #expect(try await router.call(.post, headers: ["idempotency-key": key]).status == 400)
    #expect(a.requests.isEmpty)
  }

  @Test func `an address may ask so often, its proxy more`() async throws {
    var limits = RouterLimits()
    limits.addressRate = 1
    limits.addressBurst = 2
    let network = InMemoryNetwork(random: SeededRandomSource(seed: 5))
    let proxy = try #require(NetworkRange("192.0.2.7"))
    let cell = try await FakeCell("a", network)
    _ = try await FakeControlPlane(network, Self.chunk())
    let router = try RouterHarness(network: network, limits: limits, trustedProxies: [proxy])
    try await router.connect([cell])
    func ask(_ client: String) async throws -> Int {
      try await router.call(headers: ["x-forwarded-for": "6.6.6.6, \(client)"]).status
    }
    var statuses: [Int] = []
    for _ in 0..<3 { statuses.append(try await ask("2001:db8::1")) }
    // The same /64, then another one.
    statuses.append(try await ask("2001:db8::2"))
    statuses.append(try await ask("2001:db8:0:1::1"))
    #expect(statuses == [200, 200, 429, 429, 200])
    #expect(router.node.edge.metrics.count(of: .addressRate) == 2)
    let refused = try await router.call(headers: ["x-forwarded-for": "2001:db8::3"])
    #expect(refused.body.contains("\"rate_limited\""))
    #expect(refused.headers[.retryAfter] == "1")
  }
}
