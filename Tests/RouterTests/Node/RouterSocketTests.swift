import AsyncHTTPClient
import Logging
import Messaging
import Platform
import ServiceLifecycle
import Simulation
import Testing
import Wire

@testable import Router

/// The router on real sockets; cells and control plane in memory.
@Suite("Router on a socket", .serialized) struct RouterSocketTests {
  private func withRouter(
    limits: RouterLimits = RouterLimits(),
    _ body: (RouterNode.Ports, FakeCell) async throws -> Void
  ) async throws {
    let network = InMemoryNetwork(random: SeededRandomSource(seed: 8))
    let cell = try await FakeCell("a", network)
    let control = try await FakeControlPlane(network, TestMap.acme)
    let (listening, continuation) = AsyncStream<RouterNode.Ports>.makeStream()
    let disk = SimulatedDisk()
    try disk.fileSystem().createDirectory("/router")
    let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
    var configuration = RouterConfiguration(
      id: "router", version: "1", port: 0, controlPlane: RouterHarness.controlPlane,
      mapPublisher: RouterHarness.publisher, mapFile: "/router/map")
    configuration.limits = limits
    let node = RouterNode(
      configuration: configuration,
      environment: .init(
        messenger: InMemoryMessenger(
          identity: PeerIdentity(role: .router, id: "router", generation: .first),
          network: network),
        fileSystem: disk.fileSystem(), wallClock: SimulatedWallClock(),
        bootClock: StandingBootClock(), random: SeededRandomSource(seed: 2), logger: logger),
      onListening: { continuation.yield($0) })
    let group = ServiceGroup(configuration: .init(services: [node], logger: logger))
    try await withThrowingTaskGroup(of: Void.self) { tasks in
      tasks.addTask { try await group.run() }
      var iterator = listening.makeAsyncIterator()
      let ports = try #require(await iterator.next())
      while !node.keeper.isReady { await Task.yield() }
      try await body(ports, cell)
      await group.triggerGracefulShutdown()
      try await tasks.waitForAll()
    }
    // What the router knew is on disk once it has stopped.
    #expect(disk.bytes("/router/map") != nil)
    await control.messenger.close()
  }

  private func request(
    _ url: String, host: String = "api.localhost", key: String? = TestMap.key("acme"),
    signature: String? = nil, body: HTTPClientRequest.Body? = nil
  ) async throws -> (status: Int, body: String, headers: [String: String]) {
    var request = HTTPClientRequest(url: url)
    if let body {
      request.method = .POST
      request.body = body
    }
    request.headers.add(name: "host", value: host)
    if let key { request.headers.add(name: "authorization", value: "Bearer \(key)") }
    if let signature { request.headers.add(name: "x-hub-signature-256", value: signature) }
    let response = try await HTTPClient.shared.execute(request, timeout: .seconds(20))
    let text = String(buffer: try await response.body.collect(upTo: 1 << 22))
    return (
      Int(response.status.code), text,
      Dictionary(response.headers.map { ($0.name.lowercased(), $0.value) }) { first, _ in first }
    )
  }

  @Test func `requests, health and metrics are answered, and shutting down is orderly`()
    async throws
  {
    try await withRouter { ports, cell in
      let api = "http://127.0.0.1:\(ports.http)"
      let answer = try await request(api + "/v1/wallet?a=1")
      #expect(answer.status == 200)
      #expect(answer.body == "from a")
      #expect(cell.requests.first?.target == "/v1/wallet?a=1")
      #expect(cell.requests.first?.clientAddress == "127.0.0.1")
      #expect(try await request(api + "/v1/wallet", host: "x.test").status == 421)
      #expect(try await request(api + "/v1/wallet", key: nil).status == 401)
      let health = "http://127.0.0.1:\(ports.health)"
      let ready = try await request(health + "/readyz")
      #expect(ready.status == 200)
      let report = try JSONTape(Array(ready.body.utf8)).root
      #expect(report["ok"]?.bool == true)
      #expect(report["role"]?.string == "router")
      #expect(report["id"]?.string == "router")
      #expect(report["version"]?.string == "1")
      let metrics = try await request(health + "/metrics").body
      #expect(
        metrics.contains(
          #"aimstors_router_requests_total{router="router",version="1",status="421"} 1"#))
      #expect(metrics.contains("aimstors_router_map_version"))
      #expect(try await request(health + "/other").status == 404)
    }
  }

  @Test func `headers over a limit are refused with a code, those within it pass`() async throws {
    try await withRouter { ports, cell in
      let limits = RouterLimits()
      func send(_ fields: [(String, String)]) async throws -> (status: Int, body: String) {
        var request = HTTPClientRequest(url: "http://127.0.0.1:\(ports.http)/v1/x")
        request.headers.add(name: "host", value: "api.localhost")
        request.headers.add(name: "authorization", value: "Bearer \(TestMap.key("acme"))")
        for (name, value) in fields { request.headers.add(name: name, value: value) }
        let response = try await HTTPClient.shared.execute(request, timeout: .seconds(20))
        let body = String(buffer: try await response.body.collect(upTo: 1 << 20))
        return (Int(response.status.code), body)
      }
      let field = String(repeating: "a", count: limits.headerFieldBytes - 1)
      #expect(try await send([("x", field)]).status == 200)
      for over in [
        [("x", field + "a")], [("x", field), ("y", field)],
        (0..<limits.headerCount).map { ("x-\($0)", "1") },
      ] {
        let refused = try await send(over)
        #expect(refused.status == 431)
        #expect(refused.body.contains(#""code":"headers_too_large""#))
      }
      #expect(cell.requests.count == 1)
    }
  }

  @Test func `a body arrives whole with and without a length, and too large a one is refused`()
    async throws
  {
    try await withRouter { ports, cell in
      let url = "http://127.0.0.1:\(ports.http)/v1/x"
      // 3 MiB: what Meta sends at most.
      let large = [UInt8](repeating: 0x61, count: 3 << 20)
      #expect(try await request(url, body: .bytes(large)).status == 200)
      #expect(
        try await request(url, body: .bytes(large, length: .unknown)).status == 200)
      #expect(cell.requests.map { $0.body.count } == [3_145_728, 3_145_728])
      let huge = large + [0x61]
      for body in [HTTPClientRequest.Body.bytes(huge), .bytes(huge, length: .unknown)] {
        let refused = try await request(url, body: body)
        #expect(refused.status == 413)
        #expect(refused.body.contains(#""code":"body_too_large""#))
        #expect(refused.headers["content-type"] == "application/problem+json")
      }
      #expect(cell.requests.count == 2)
    }
  }

  @Test func `a webhook of 3 MiB is stored, a larger one is refused and not stored`()
    async throws
  {
    try await withRouter { ports, cell in
      let url = "http://127.0.0.1:\(ports.http)/webhooks/whatsapp/default"
      let head =
        #"{"entry":[{"id":"9","changes":[{"field":"messages","value":"#
        + #"{"metadata":{"phone_number_id":"106"},"pad":""#
      let end = #""}}]}]}"#
      for (count, status) in [(3 << 20, 200), ((3 << 20) + 1, 413)] {
        let pad = String(repeating: "x", count: count - head.utf8.count - end.utf8.count)
        let body = Array((head + pad + end).utf8)
        #expect(body.count == count)
        let answer = try await request(
          url, key: nil, signature: TestMap.signature("s3cret", body), body: .bytes(body))
        #expect(answer.status == status)
        #expect(status == 200 || answer.body.contains(#""code":"body_too_large""#))
        // With its owner, or in a spool where the owner took too long.
        #expect(cell.parts.count + cell.spooled.count == 1)
      }
    }
  }

  /// Answers that no socket takes whole: the client asks for some, and reads none, or all of them
  /// steadily: far from a slice's time, and not in the time of a whole one.
  @Test(.timeLimit(.minutes(10)), arguments: [false, true])
  func `who does not take an answer is hung up on, and what was kept for it is given back`(
    isSteady: Bool
  ) async throws {
    var limits = RouterLimits()
    if isSteady {
      limits.answerGrace = .milliseconds(200)
      limits.answerRate = 1 << 30
    } else {
      limits.answerTime = .milliseconds(200)
    }
    try await withRouter(limits: limits) { ports, cell in
      let text = String(repeating: "x", count: 3 << 20)
      cell.answers { _ throws(Failure) in FakeCell.text(200, text) }
      let socket = try DrippingClient(port: ports.http, receiving: 64 * 1024)
      defer { socket.end() }
      for _ in 0..<8 {
        socket.send(
          "GET /v1/x HTTP/1.1\r\nhost: api.localhost\r\n"
            + "authorization: Bearer \(TestMap.key("acme"))\r\n\r\n")
      }
      if isSteady { await socket.readUntilClosed(32 * 1024, every: 20) }
      let metrics = "http://127.0.0.1:\(ports.health)/metrics"
      func shows(_ metric: String, _ labels: String, _ value: Int) async throws -> Bool {
        try await request(metrics).body.contains(
          "\(metric){router=\"router\",version=\"1\"\(labels)} \(value)\n")
      }
      while !(try await shows(
        "aimstors_router_shed_total", ",reason=\"answer_not_taken\"", 1))
      {
        try await Task.sleep(for: .milliseconds(20))
      }
      while !(try await shows("aimstors_router_body_bytes", "", 0)) {
        try await Task.sleep(for: .milliseconds(20))
      }
      #expect(cell.requests.count < 8)
    }
  }

  @Test(.timeLimit(.minutes(10)))
  func `who takes a large answer has it whole, and what was kept for it is given back`()
    async throws
  {
    try await withRouter { ports, cell in
      let text = String(repeating: "x", count: 3 << 20)
      cell.answers { _ throws(Failure) in FakeCell.text(200, text) }
      for _ in 0..<3 {
        let answer = try await request("http://127.0.0.1:\(ports.http)/v1/x")
        #expect(answer.status == 200 && answer.body == text)
      }
      // Its client has the whole answer a moment before the router knows.
      let metrics = "http://127.0.0.1:\(ports.health)/metrics"
      let nothing = #"aimstors_router_body_bytes{router="router",version="1"} 0"# + "\n"
      while !(try await request(metrics).body.contains(nothing)) { await Task.yield() }
    }
  }

  /// A small one, a large one and one of unknown length: the end of the request's head, and what
  /// of its body comes at once.
  @Test(
    .timeLimit(.minutes(10)),
    arguments: [
      "content-length: 9000\r\n\r\n", "content-length: 1000000\r\n\r\n",
      "transfer-encoding: chunked\r\n\r\nf4240\r\n",
    ])
  func `a body that drips is cut by its time, and so is the connection`(
    rest: String
  ) async throws {
    var limits = RouterLimits()
    limits.bodyTime = .milliseconds(200)
    try await withRouter(limits: limits) { ports, cell in
      let socket = try DrippingClient(port: ports.http)
      defer { socket.end() }
      socket.send(
        "POST /v1/x HTTP/1.1\r\nhost: api.localhost\r\n"
          + "authorization: Bearer \(TestMap.key("acme"))\r\n" + rest)
      // Never silent long enough for the idle limit.
      let answer = await socket.dripUntilClosed(every: 20)
      #expect(answer.hasPrefix("HTTP/1.1 408"))
      #expect(answer.contains(#""code":"request_timeout""#))
      #expect(cell.requests.isEmpty)
    }
  }
}
