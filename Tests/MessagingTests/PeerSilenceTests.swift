import Glibc
import Simulation
import Synchronization
import Testing
import Wire

@testable import Messaging

/// Peers that vanish without closing anything: only the heartbeat can tell.
@Suite("Silence of a peer", .serialized) struct PeerSilenceTests {
  /// A way from `router-1` to a listener of `cell-1` that can fall silent.
  private struct Road {
    let address: Address
    let setSilent: @Sendable (Bool) -> Void
    let close: @Sendable () -> Void
  }

  private func road(to address: Address, in deployment: Deployment) throws -> Road {
    switch deployment.transport {
    case .nng:
      let proxy = try SilentProxy(to: address)
      return Road(
        address: proxy.address, setSilent: { proxy.isSilent = $0 }, close: { proxy.close() })
    case .inMemory:
      let network = deployment.network
      return Road(
        address: address,
        setSilent: { isSilent in
          if isSilent { network.silence("router-1", "cell-1") } else { network.heal() }
        }, close: {})
    }
  }

  private static let patience: Duration = .seconds(60)

  /// Waits until the peer is reported as gone and tells how long that took.
  private func reported(_ peer: any Peer, since: ContinuousClock.Instant) async throws -> Bool {
    while peer.isConnected {
      guard ContinuousClock.now - since < Self.patience else { return false }
      try await Task.sleep(for: .milliseconds(5))
    }
    print("the silence was reported after \(ContinuousClock.now - since)")
    return true
  }

  @Test(arguments: Transport.allCases)
  func `calls to a peer that fell silent fail as sent, and it comes back`(
    transport: Transport
  ) async throws {
    try await withDeployment(transport) { deployment in
      let gate = Gate()
      let cell = deployment.messenger("cell-1")
      let road = try road(
        to: try await cell.listen(at: Deployment.anyAddress) { request in
          if request.payload == [1] { await gate.pass() }
          return request.payload
        }, in: deployment)
      let router = deployment.messenger("router-1")
      let peer = router.peer(at: road.address)
      #expect(try await peer.ask([0]) == [0])
      let names = try await withThrowingTaskGroup(of: String?.self) { group in
        for _ in 0..<20 {
          group.addTask { await peer.failure([1], timeout: .seconds(600))?.name }
        }
        await gate.arrivals(20)
        let began = ContinuousClock.now
        road.setSilent(true)
        #expect(try await reported(peer, since: began))
        return try await group.reduce(into: [String?]()) { $0.append($1) }
      }
      #expect(names == Array(repeating: "unreachable, sent true", count: 20))
      gate.open()
      road.setSilent(false)
      try await peer.askUntilConnected([2], within: Self.patience)
      #expect(peer.isConnected)
      let metrics = try #require(deployment.metrics(of: router).peers.first)
      #expect(metrics.silences == 1)
      #expect(metrics.connections >= 2)
      road.close()
    }
  }

  @Test(arguments: Transport.allCases)
  func `a peer that nobody asks is reported too, and comes back by itself`(
    transport: Transport
  ) async throws {
    try await withDeployment(transport) { deployment in
      let road = try road(
        to: try await deployment.messenger("cell-1").listen(at: Deployment.anyAddress) {
          $0.payload
        }, in: deployment)
      let peer = deployment.messenger("router-1").peer(at: road.address)
      #expect(try await peer.ask([0]) == [0])
      let began = ContinuousClock.now
      road.setSilent(true)
      #expect(try await reported(peer, since: began))
      road.setSilent(false)
      let limit = ContinuousClock.now + Self.patience
      while !peer.isConnected, ContinuousClock.now < limit {
        try await Task.sleep(for: .milliseconds(5))
      }
      #expect(peer.isConnected)
      road.close()
    }
  }

  @Test(arguments: Transport.allCases)
  func `an older peer that says nothing is not given up`(transport: Transport) async throws {
    try await withDeployment(transport) { deployment in
      let road = try road(
        to: try await deployment.messenger("cell-1", versions: 1...1).listen(
          at: Deployment.anyAddress
        ) { $0.payload }, in: deployment)
      let router = deployment.messenger("router-1")
      let peer = router.peer(at: road.address)
      #expect(try await peer.ask([0]) == [0])
      road.setSilent(true)
      // Longer than any newer peer would be given.
      #expect(await peer.failure([1], timeout: .seconds(2))?.name == "deadline exceeded")
      #expect(peer.isConnected)
      #expect(deployment.metrics(of: router).peers.first?.silences == 0)
      road.setSilent(false)
      #expect(try await peer.ask([2]) == [2])
      road.close()
    }
  }

  @Test(arguments: Transport.allCases)
  func `a listener whose handlers are all busy answers pings`(transport: Transport) async throws {
    try await withDeployment(transport) { deployment in
      let gate = Gate()
      let address = try await deployment.messenger("cell-1").listen(at: Deployment.anyAddress) {
        if $0.payload == [1] { await gate.pass() }
        return []
      }
      let routers = ["router-1", "router-2"].map { deployment.messenger($0) }
      await withTaskGroup(of: Void.self) { group in
        for router in routers {
          for _ in 0..<MessagingLimits.callsInFlight {
            group.addTask { _ = await router.peer(at: address).failure([1]) }
          }
        }
        await gate.arrivals(MessagingLimits.handlersInFlight)
        try? await Task.sleep(for: .seconds(2))
        #expect(
          routers.map { deployment.metrics(of: $0).peers[0].silences } == [0, 0])
        #expect(routers.allSatisfy { $0.peer(at: address).isConnected })
        gate.open()
      }
    }
  }

  // MARK: Processes that are stopped

  private func childsMessenger() throws -> NNGMessenger {
    NNGMessenger(
      identity: PeerIdentity(role: .cell, id: "parent", generation: .first),
      key: try #require(DeploymentKey([UInt8](repeating: 7, count: 32))),
      random: SeededRandomSource(seed: 3))
  }

  @Test func `a process that was stopped is reported, and is there again when it goes on`()
    async throws
  {
    let messenger = try childsMessenger()
    let child = try PeerChild("serve")
    let peer = messenger.peer(at: Address(await child.line()))
    #expect(try await peer.ask([0]) == [0])
    async let lost = peer.failure([1], timeout: .seconds(600))
    while messenger.metrics.peers[0].inFlight == 0 { await Task.yield() }
    #expect(try await peer.ask([2]) == [2])
    let began = ContinuousClock.now
    child.signal(SIGSTOP)
    #expect(try await reported(peer, since: began))
    #expect(await lost?.name == "unreachable, sent true")
    child.signal(SIGCONT)
    try await peer.askUntilConnected([3], within: Self.patience)
    child.end()
    await messenger.close()
  }

  @Test func `a process that stood still itself accuses nobody`() async throws {
    let messenger = try childsMessenger()
    let address = try await messenger.listen(at: Deployment.anyAddress) { $0.payload }
    let child = try PeerChild("ask", address.url)
    #expect(await child.line() == "ready")
    for _ in 0..<3 {
      child.signal(SIGSTOP)
      try await Task.sleep(for: .milliseconds(1_700))
      child.signal(SIGCONT)
      // Long enough that a false report would have been made.
      try await Task.sleep(for: .milliseconds(1_200))
      child.nudge()
      #expect(await child.line() == "connections 1 silences 0")
    }
    child.end()
    await messenger.close()
  }
}

extension Deployment {
  func metrics(of messenger: any Messenger) -> MessagingMetrics {
    (messenger as? NNGMessenger)?.metrics ?? (messenger as? InMemoryMessenger)?.metrics
      ?? MessagingMetrics(peers: [], listeners: [])
  }
}
