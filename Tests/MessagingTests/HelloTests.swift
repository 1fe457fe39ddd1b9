import Simulation
import Testing
import Wire

@testable import Messaging

/// The hello over each transport, and its two pure sides against each other.
@Suite("Hello", .serialized) struct HelloTests {
  private static let random = SeededRandomSource(seed: 42)
  private static let client = PeerIdentity(
    role: .router, id: "router-1", generation: Generation(3))
  private static let server = PeerIdentity(role: .cell, id: "cell-1", generation: Generation(9))

  private func key(_ seed: UInt64) throws -> DeploymentKey {
    try #require(DeploymentKey(SeededRandomSource(seed: seed).bytes(32)))
  }

  private func hello(
    _ key: DeploymentKey, versions: ClosedRange<UInt8> = 1...1
  ) -> ClientHello {
    ClientHello(
      key: key, versions: versions, identity: Self.client, nonce: Self.random.bytes(32))
  }

  private func sessions(
    _ key: DeploymentKey, versions: ClosedRange<UInt8> = 1...1
  ) -> ServerSessions {
    ServerSessions(key: key, identity: Self.server, versions: versions)
  }

  @Test func `both sides learn who the other is and the highest common version`() throws {
    let key = try key(1)
    var client = hello(key, versions: 2...4)
    var server = sessions(key, versions: 1...3)
    let challenge = server.hello(client.hello, nonce: Self.random.bytes(32))
    let token = SessionToken(high: 1, low: 2)
    let proof = try client.prove(challenge)
    let session = try client.finish(server.prove(proof, token: token))
    #expect(session == Session(token: token, peer: Self.server, version: 3))
    #expect(
      server.session(token) == Session(token: token, peer: Self.client, version: 3))
    #expect(server.session(SessionToken(high: 1, low: 3)) == nil)
  }

  @Test func `versions without overlap are refused with both ranges`() throws {
    let key = try key(1)
    var client = hello(key, versions: 4...5)
    var server = sessions(key, versions: 1...3)
    let answer = server.hello(client.hello, nonce: Self.random.bytes(32))
    #expect(throws: ClientHello.Refusal.refused("no common version: here 1 to 3, there 4 to 5")) {
      try client.prove(answer)
    }
  }

  @Test func `a server without the key is not believed`() throws {
    var client = hello(try key(1))
    var server = sessions(try key(2))
    let answer = server.hello(client.hello, nonce: Self.random.bytes(32))
    #expect(
      throws: ClientHello.Refusal.refused("the peer does not hold this deployment's key")
    ) { try client.prove(answer) }
  }

  @Test func `a client's proof for another identity or twice is refused`() throws {
    let key = try key(1)
    var server = sessions(key)
    var honest = hello(key)
    let challenge = server.hello(honest.hello, nonce: Self.random.bytes(32))
    let proof = try honest.prove(challenge)
    #expect(server.prove(proof, token: SessionToken(high: 1, low: 1)).kind == .welcome)
    #expect(server.prove(proof, token: SessionToken(high: 2, low: 2)).kind == .helloRefused)

    var other = hello(key)
    let second = server.hello(other.hello, nonce: Self.random.bytes(32))
    var forged = try other.prove(second)
    forged.payload[forged.payload.count - 1] ^= 1
    #expect(server.prove(forged, token: SessionToken(high: 3, low: 3)).kind == .helloRefused)
    #expect(server.session(SessionToken(high: 3, low: 3)) == nil)
  }

  @Test func `hellos and sessions are bounded, the oldest gives way`() throws {
    let key = try key(1)
    var server = sessions(key)
    var first = hello(key)
    let challenge = server.hello(first.hello, nonce: Self.random.bytes(32))
    let proof = try first.prove(challenge)
    for _ in 0..<MessagingLimits.pendingHellos {
      _ = server.hello(hello(key).hello, nonce: Self.random.bytes(32))
    }
    #expect(server.prove(proof, token: SessionToken(high: 1, low: 1)).kind == .helloRefused)

    for index in 0...MessagingLimits.sessions {
      var client = hello(key)
      let challenge = server.hello(client.hello, nonce: Self.random.bytes(32))
      let token = SessionToken(high: 5, low: UInt64(index))
      #expect(server.prove(try client.prove(challenge), token: token).kind == .welcome)
    }
    #expect(server.count == MessagingLimits.sessions)
    #expect(server.session(SessionToken(high: 5, low: 0)) == nil)
    #expect(server.session(SessionToken(high: 5, low: 1)) != nil)
  }

  @Test func `hello, challenge and proof with any byte cut off or added never pass`() throws {
    let key = try key(1)
    var server = sessions(key)
    let frame = hello(key).hello
    for count in 0..<frame.payload.count {
      var cut = frame
      cut.payload = Array(frame.payload.prefix(count))
      #expect(server.hello(cut, nonce: Self.random.bytes(32)).kind == .helloRefused)
      #expect(HelloChallenge(cut.payload) == nil)
    }
  }

  @Test(arguments: Transport.allCases)
  func `versions without overlap are refused over the transport`(
    transport: Transport
  ) async throws {
    try await withDeployment(transport) { deployment in
      let cell = deployment.messenger("cell-1", versions: 1...1)
      let address = try await cell.listen(at: Deployment.anyAddress) { $0.payload }
      let newer = deployment.messenger("router-2", versions: 2...3).peer(at: address)
      let refusal = "hello refused: no common version: here 1 to 1, there 2 to 3"
      #expect(await newer.failure()?.name == refusal)
      let adjacent = deployment.messenger("router-1", versions: 1...2).peer(at: address)
      #expect(try await adjacent.ask([1]) == [1])
    }
  }

  @Test(arguments: Transport.allCases)
  func `a process with another key is refused and reaches no handler`(
    transport: Transport
  ) async throws {
    try await withDeployment(transport) { deployment in
      let gate = Gate()
      let address = try await deployment.messenger("cell-1").listen(at: Deployment.anyAddress) {
        _ in
        await gate.pass()
        return []
      }
      let stranger = deployment.messenger("router-1", key: try key(99)).peer(at: address)
      #expect(await stranger.failure()?.name.hasPrefix("hello refused") == true)
      #expect(gate.arrived == 0)
    }
  }
}
