import Edge
import Hummingbird
import Logging
import Messaging
import Platform
import Simulation
import SwiftProtobuf
import Synchronization
import Testing
import Wire

@testable import Router

/// A router over the in-memory network, with cells and a control plane that answer as told.
final class RouterHarness: Sendable {
  let network: InMemoryNetwork
  let disk: SimulatedDisk
  let node: RouterNode
  let messenger: InMemoryMessenger

  static let controlPlane = Address("tcp://control:7000")
  static let publisher = Address("tcp://control:7001")
  static let peer = "192.0.2.7"

  /// `onPause` runs instead of each wait of a parked request.
  init(
    network: InMemoryNetwork = InMemoryNetwork(random: SeededRandomSource(seed: 1)),
    disk: SimulatedDisk = SimulatedDisk(), limits: RouterLimits = .init(),
    trustedProxies: [NetworkRange] = [], mapKey: [UInt8]? = nil,
    onPause: @escaping @Sendable () async -> Void = {}
  ) throws {
    self.network = network
    self.disk = disk
    messenger = InMemoryMessenger(
      identity: PeerIdentity(role: .router, id: "router", generation: .first), network: network)
    var logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
    logger.logLevel = .critical
    let files = disk.fileSystem()
    try files.createDirectory("/router")
    var configuration = RouterConfiguration(
      id: "router", version: "0", port: 0, controlPlane: Self.controlPlane,
      mapPublisher: Self.publisher, mapFile: "/router/map", trustedProxies: trustedProxies,
      limits: limits)
    configuration.mapKey = mapKey
    node = RouterNode(
      configuration: configuration,
      environment: .init(
        messenger: messenger, fileSystem: files, wallClock: SimulatedWallClock(),
        bootClock: StandingBootClock(), random: SeededRandomSource(seed: 2), logger: logger),
      pause: { _ in await onPause() }, onListening: { _ in })
  }

  /// A router, and a cell of its own with the tenant `acme`.
  static func withCell(
    _ limits: RouterLimits
  ) async throws -> (cell: FakeCell, control: FakeControlPlane, router: RouterHarness) {
    let network = InMemoryNetwork(random: SeededRandomSource(seed: 9))
    let cell = try await FakeCell("a", network)
    let control = try await FakeControlPlane(network, TestMap.acme)
    let router = try RouterHarness(network: network, limits: limits)
    try await router.connect([cell])
    return (cell, control, router)
  }

  /// Gives the router its map, and its connections to `cells`.
  ///
  /// On a machine that is busy with other tests a hello may run into its limit: it is said again.
  func connect(_ cells: [FakeCell] = []) async throws {
    for _ in 0..<60 where !node.keeper.isReady { _ = await node.keeper.refresh() }
    #expect(node.keeper.isReady)
    for cell in cells {
      for _ in 0..<60 {
        do {
          _ = try await messenger.peer(at: cell.address).request(
            .digest, [], timeout: .seconds(30), traceID: "")
        } catch .refused {
          break
        } catch { continue }
      }
    }
  }

  struct Answer: Sendable {
    let status: Int
    let headers: HTTPFields
    let body: String
  }

  /// One request as if it came through the router's socket.
  func send(
    _ method: HTTPRequest.Method = .get, _ path: String, host: String = "api.localhost",
    headers: [String: String] = [:], body: [UInt8] = [], peer: String = RouterHarness.peer
  ) async throws -> Answer {
    var headers = headers
    if !body.isEmpty { headers["content-length"] = "\(body.count)" }
    return try await send(
      method, path, host: host, headers: headers,
      stream: RequestBody(buffer: ByteBuffer(bytes: body)), peer: peer)
  }

  /// One whose body comes as it comes, and whose length only its headers say.
  func send(
    _ method: HTTPRequest.Method = .get, _ path: String, host: String = "api.localhost",
    headers: [String: String] = [:], stream: RequestBody, peer: String = RouterHarness.peer
  ) async throws -> Answer {
    var head = HTTPRequest(method: method, scheme: "http", authority: host, path: path)
    for (name, value) in headers {
      if let name = HTTPFields.Element.Name(name) { head.headerFields[name] = value }
    }
    let request = Request(head: head, body: stream)
    let context = RouterContext(
      peer: NetworkAddress(peer), logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    let response = await node.edge.respond(to: request, context: context)
    let collected = CollectedBody()
    try await response.body.write(BodyCollector(collected: collected))
    return Answer(
      status: response.status.code, headers: response.headers,
      body: String(buffer: collected.buffer))
  }

  /// A request with `tenant`'s key.
  func call(
    _ method: HTTPRequest.Method = .get, _ path: String = "/v1/wallet", tenant: String = "acme",
    headers: [String: String] = [:], body: [UInt8] = [], peer: String = RouterHarness.peer
  ) async throws -> Answer {
    var headers = headers
    headers["authorization"] = "Bearer \(TestMap.key(tenant))"
    return try await send(method, path, headers: headers, body: body, peer: peer)
  }

  /// A write of `acme` whose body comes in `parts`, without a length.
  func call(parts: [[UInt8]]) async throws -> Answer {
    let stream = AsyncStream<ByteBuffer> { continuation in
      for part in parts { continuation.yield(ByteBuffer(bytes: part)) }
      continuation.finish()
    }
    return try await send(
      .post, "/v1/wallet",
      headers: [
        "authorization": "Bearer \(TestMap.key("acme"))", "transfer-encoding": "chunked",
      ], stream: RequestBody(asyncSequence: stream))
  }

  /// An unsigned webhook of which nothing comes before `end` is over; `reading` hears when the
  /// router waits for it.
  func silentWebhook(
    _ reading: AsyncStream<Void>.Continuation, until end: Task<Void, Never>
  ) async throws -> Answer {
    let stream = AsyncStream<ByteBuffer>(unfolding: {
      reading.yield()
      await end.value
      return nil
    })
    return try await send(
      .post, "/webhooks/whatsapp/default", headers: ["content-length": "9000"],
      stream: RequestBody(asyncSequence: stream))
  }

  /// A signed webhook body.
  func webhook(_ body: String, app: String = "default", secret: String = "s3cret") async throws
    -> Answer
  {
    let bytes = Array(body.utf8)
    return try await send(
      .post, "/webhooks/whatsapp/\(app)",
      headers: ["x-hub-signature-256": TestMap.signature(secret, bytes)], body: bytes)
  }
}

final class StandingBootClock: BootClock {
  func nanoseconds() -> UInt64 { 1_000_000_000_000 }
}

final class CollectedBody: Sendable {
  private let bytes = Mutex(ByteBuffer())
  var buffer: ByteBuffer { bytes.withLock { $0 } }
  func append(_ part: ByteBuffer) { bytes.withLock { _ = $0.writeImmutableBuffer(part) } }
}

struct BodyCollector: ResponseBodyWriter {
  let collected: CollectedBody
  mutating func write(_ buffer: ByteBuffer) async throws { collected.append(buffer) }
  consuming func finish(_ trailingHeaders: HTTPFields?) async throws {}
}
