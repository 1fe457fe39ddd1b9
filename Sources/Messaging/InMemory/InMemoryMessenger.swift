import Platform
import Synchronization
import Wire

/// A process's end of messaging inside one test: the twin of the NNG messenger.
public final class InMemoryMessenger: Messenger {
  private struct State {
    var peers: [Address: SessionPeer] = [:]
    var listeners: [(address: Address, server: RequestServer)] = []
    var isClosed = false
  }

  public let identity: PeerIdentity
  private let network: InMemoryNetwork
  private let key: DeploymentKey
  private let versions: ClosedRange<UInt8>
  private let sweeper = DeadlineSweeper()
  private let heartbeats = HeartbeatSweeper()
  private let state = Mutex(State())

  /// A messenger on `network`; `key` and `versions` differ from the others' only in tests of the
  /// hello.
  public init(
    identity: PeerIdentity, network: InMemoryNetwork, key: DeploymentKey? = nil,
    versions: ClosedRange<UInt8> = ProtocolVersion.supported
  ) {
    self.identity = identity
    self.network = network
    self.key = key ?? network.key
    self.versions = versions
  }

  public var metrics: MessagingMetrics {
    let (peers, listeners) = state.withLock { (Array($0.peers.values), $0.listeners) }
    return MessagingMetrics(
      peers: peers.map(\.link.metrics),
      listeners: listeners.map { $0.server.metrics(at: $0.address) })
  }

  public func listen(
    at address: Address, handler: @escaping RequestHandler
  ) async throws -> Address {
    let server = RequestServer(
      identity: identity, key: key, versions: versions, random: network.random, handler: handler)
    return try state.withLock { state in
      guard !state.isClosed else { throw MessagingError.closed }
      let bound = try network.listen(at: address, owner: identity.id, server: server)
      state.listeners.append((bound, server))
      return bound
    }
  }

  public func peer(at address: Address) -> any Peer { sessionPeer(at: address) }

  public func publisher(at address: Address) async throws -> any Publisher {
    InMemoryPublisher(
      address: try network.publish(at: address, owner: identity.id), owner: identity.id,
      network: network)
  }

  public func subscribe(
    to address: Address, topics: Set<WireTopic>
  ) async throws -> AsyncStream<Publication> {
    guard !state.withLock({ $0.isClosed }) else { throw MessagingError.closed }
    return network.subscribe(to: address, topics: topics, owner: identity.id)
  }

  public func survey(
    _ method: WireMethod, _ payload: [UInt8], at addresses: [Address], timeout: Duration
  ) async -> [Address: [UInt8]] {
    await Survey.run(method, payload, of: addresses.map(sessionPeer), timeout: timeout)
  }

  public func close() async {
    let peers = state.withLock { state in
      state.isClosed = true
      return Array(state.peers.values)
    }
    network.leave(identity.id)
    for peer in peers { peer.link.stop() }
    sweeper.close()
    heartbeats.close()
  }

  private func sessionPeer(at address: Address) -> SessionPeer {
    state.withLock { state in
      if let known = state.peers[address] { return known }
      let link = CallLink(
        address: address,
        wire: InMemoryWire(network: network, owner: identity.id, address: address),
        sweeper: sweeper)
      let peer = SessionPeer(
        link: link, identity: identity, key: key, versions: versions, random: network.random)
      state.peers[address] = peer
      heartbeats.watch(link)
      if state.isClosed { link.refuseCalls() } else { network.attach(link, owner: identity.id) }
      return peer
    }
  }
}

/// Publishes to the subscribers on one in-memory network.
struct InMemoryPublisher: Publisher {
  let address: Address
  let owner: String
  let network: InMemoryNetwork

  func publish(_ topic: WireTopic, _ payload: [UInt8]) async {
    network.distribute(
      Publication(topic: topic, payload: payload), from: address, owner: owner)
  }
}
