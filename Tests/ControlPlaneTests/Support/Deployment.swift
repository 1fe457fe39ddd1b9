import DocumentCheck
import Logging
import Messaging
import Simulation
import Storage
import Testing
import Wire

@testable import ControlPlane

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// A control plane over the in-memory network, with its store, clocks and an operator.
struct Deployment {
  /// No test asserts a time: on a machine that is busy with other tests a call may wait for a
  /// thread longer than any deadline of a running system.
  static let patience = Duration.seconds(300)

  /// Rounds that a directive may take: an attempt ends where a machine is busy, the next comes.
  static let rounds = 50

  let network: InMemoryNetwork
  let store: DirectTenants
  let clock: SimulatedWallClock
  let boot: SimulatedBootClock
  let random: SeededRandomSource
  let key: [UInt8]
  let configuration: ControlPlaneConfiguration
  private(set) var messenger: InMemoryMessenger
  private(set) var node: ControlPlaneNode
  private(set) var control: Address
  private(set) var publications: Address
  let router: InMemoryMessenger
  private(set) var token = ""

  /// - Parameter idempotencyKeys: How many answers the store keeps.
  init(
    idempotencyKeys: Int = .max,
    configure: (inout ControlPlaneConfiguration) -> Void = { _ in }
  ) async throws {
    random = SeededRandomSource(seed: 1)
    clock = SimulatedWallClock()
    boot = SimulatedBootClock()
    network = InMemoryNetwork(random: random)
    key = random.bytes(32)
    store = DirectTenants(
      schema: PlatformSchema.schema, clock: clock, random: random,
      idempotencyKeys: idempotencyKeys)
    try store.create(.platformStore)
    var configuration = ControlPlaneConfiguration(
      id: "control-1", version: "test", listen: Address("tcp://control-1:7000"),
      publish: Address("tcp://control-1:7001"), deploymentKey: key,
      apiURL: "http://api.localhost:8080")
    configure(&configuration)
    self.configuration = configuration
    router = InMemoryMessenger(
      identity: PeerIdentity(role: .router, id: "router-1", generation: .first), network: network)
    (messenger, node) = try Self.make(configuration, network, store, clock, boot, random)
    let addresses = try await node.start()
    control = addresses.requests
    publications = addresses.publications
    token = try await node.createFirstOperator().token
  }

  private static func make(
    _ configuration: ControlPlaneConfiguration, _ network: InMemoryNetwork,
    _ store: DirectTenants, _ clock: SimulatedWallClock, _ boot: SimulatedBootClock,
    _ random: SeededRandomSource
  ) throws -> (InMemoryMessenger, ControlPlaneNode) {
    var logger = Logger(label: "test")
    logger.logLevel = .critical
    let messenger = InMemoryMessenger(
      identity: PeerIdentity(role: .controlPlane, id: "control-1", generation: .first),
      network: network)
    let node = try ControlPlaneNode(
      configuration: configuration, store: store, messenger: messenger, clock: clock, boot: boot,
      random: random, logger: logger)
    return (messenger, node)
  }

  /// The process dies; another starts on the same store.
  mutating func restart() async throws {
    await messenger.close()
    (messenger, node) = try Self.make(configuration, network, store, clock, boot, random)
    _ = try await node.start()
  }

  /// A cell that has joined and sent a heartbeat.
  func cell(_ id: String, region: String = "eu") async throws -> FakeCell {
    let cell = try await FakeCell.start(id, region: region, on: network)
    _ = try await cell.join(control, token: try await joinToken())
    try await cell.heartbeat(control)
    return cell
  }

  func joinToken() async throws -> String {
    try await admin("POST", "/v1/cells/join-tokens", key: random.bytes(8).hex).text("token")
  }

  func tenant(_ slug: String, region: String = "eu", cell: String? = nil) async throws -> String {
    let answer = try await admin(
      "POST", "/v1/tenants", Self.tenantBody(slug, region: region, cell: cell),
      key: "tenant-\(slug)")
    try #require(answer.status == 201, "\(answer.raw)")
    return try answer.text("id")
  }

  static func tenantBody(
    _ slug: String, region: String = "eu", cell: String? = nil, extra: String = ""
  ) -> String {
    let pinned = cell.map { ",\"cell\":\"\($0)\"" } ?? ""
    return """
      {"name":"Tenant \(slug)","slug":"\(slug)","region":"\(region)","currency":"EUR",\
      "time_zone":"Europe/Berlin"\(pinned)\(extra)}
      """
  }

  /// Sends what waits, round after round as the process does, until `holds` says so.
  func sweep(until holds: () async throws -> Bool) async throws {
    for _ in 0..<Self.rounds {
      await node.sweep(grace: 0)
      if try await holds() { return }
    }
    Issue.record("it does not hold after \(Self.rounds) rounds")
  }

  /// One request as the router would pass it on.
  func admin(
    _ method: String, _ target: String, _ body: String = "", key: String = "",
    host: String = "admin", bearer: String? = nil, headers: [String: String] = [:]
  ) async throws -> Answer {
    var envelope = Aimstors_ProtoRequest()
    envelope.method = method
    envelope.target = target
    envelope.hostKind = host
    envelope.body = .init(Array(body.utf8))
    envelope.idempotencyKey = key
    var all = headers
    let bearer = bearer ?? token
    if !bearer.isEmpty { all["authorization"] = "Bearer \(bearer)" }
    if !body.isEmpty { all["content-type"] = "application/json" }
    envelope.headers = all.map { name, value in
      var header = Aimstors_ProtoHeader()
      header.name = name
      header.value = value
      return header
    }
    let bytes = try await router.peer(at: control).request(
      .http, try envelope.serializedBytes(), timeout: Deployment.patience,
      traceID: "0123456789abcdef0123456789abcdef")
    let answer = Answer(try Aimstors_ProtoResponse(serializedBytes: bytes))
    // What a cell answers is compared in its own tests; here it is a stand-in's.
    if !target.contains("/wallet") || answer.status >= 400 {
      let faults = (host == "admin" ? Self.adminDocument : Self.apiDocument)?.faults(
        of: DocumentedAnswer(
          method: method, target: target, status: answer.status, body: answer.bytes))
      #expect(faults == [], "\(faults ?? [])")
    }
    return answer
  }

  private static let adminDocument = try? DocumentCheck(
    document: OpenAPIDocument(host: .admin).json)
  private static let apiDocument = try? DocumentCheck(document: OpenAPIDocument(host: .api).json)

  func manifest() async throws -> Aimstors_ProtoMapManifest {
    let bytes = try await router.peer(at: control).request(
      .mapManifest, [], timeout: Deployment.patience, traceID: "")
    return try Aimstors_ProtoMapManifest(serializedBytes: bytes)
  }

  /// The whole map, as a router that joins pulls it.
  func map() async throws -> Aimstors_ProtoMapPage {
    var pull = Aimstors_ProtoMapPull()
    pull.chunks = Array(0..<(try await manifest().chunkCount))
    let bytes = try await router.peer(at: control).request(
      .mapPull, try pull.serializedBytes(), timeout: Deployment.patience, traceID: "")
    return try Aimstors_ProtoMapPage(serializedBytes: bytes)
  }
}

/// An HTTP answer of the control plane.
struct Answer {
  let status: Int
  let raw: String
  let bytes: [UInt8]
  let headers: [String: String]

  init(_ proto: Aimstors_ProtoResponse) {
    status = Int(proto.status)
    bytes = Array(proto.body)
    raw = String(decoding: proto.body, as: UTF8.self)
    headers = Dictionary(
      proto.headers.map { ($0.name.lowercased(), $0.value) }, uniquingKeysWith: { $1 })
  }

  func root() throws -> JSONNode { try JSONTape(bytes).root }
  func text(_ key: String) throws -> String { try #require(try root()[key]?.string, "\(raw)") }
  func code() throws -> String { try text("code") }
  /// The `data` of a list.
  func data() throws -> [JSONNode] { Array(try #require(try root()["data"]).elements) }
}
