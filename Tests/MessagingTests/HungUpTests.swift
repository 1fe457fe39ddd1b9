import Logging
import Platform
import Simulation
import Testing
import Wire

@testable import Messaging

/// Connections that are closed while messages arrive on them.
///
/// NNG 1.5.2 as it is locks up within a few of these; see `CNNG/StoppedAIO.c`.
@Suite("Connections hung up", .serialized) struct HungUpTests {
  private static let links = 8
  private static let callersPerLink = 4
  private static let rounds = 10
  /// A lock lasts for ever; a busy machine only long.
  private static let patienceSeconds = 120

  @Test func `closed while answers arrive, TCP connections are given back`() async throws {
    let key = try #require(DeploymentKey(SeededRandomSource(seed: 5).bytes(32)))
    try await hangUp(at: Deployment.anyAddress, tls: nil, key)
  }

  @Test func `closed while answers arrive, TLS connections are given back`() async throws {
    try await withDeploymentFiles { files in
      let tls = NNGTLS(
        TLSFiles(
          authority: files.directory.authorityFile, certificateAndKey: try files.issue("cell-1")))
      try await hangUp(at: Address("tls+tcp://127.0.0.1:0"), tls: tls, files.key)
    }
  }

  /// One end: who calls over a wire of its own, and hangs it up.
  private struct Caller: Sendable {
    let wire: NNGWire
    let link: CallLink
    let peer: SessionPeer

    init(_ number: Int, to address: Address, tls: NNGTLS?, _ key: DeploymentKey) throws {
      wire = try NNGWire(address: address, tls: tls, log: Logger(label: "test"))
      link = CallLink(address: address, wire: wire, sweeper: DeadlineSweeper())
      peer = SessionPeer(
        link: link, identity: PeerIdentity(role: .router, id: "r-\(number)", generation: .first),
        key: key, versions: ProtocolVersion.supported,
        random: SeededRandomSource(seed: UInt64(number)))
    }

    /// Calls until told to end; whether the calls succeed is not the question here.
    func call(_ payload: [UInt8]) async {
      while !Task.isCancelled {
        guard await peer.failure(payload, timeout: .milliseconds(500)) != nil else { continue }
        try? await Task.sleep(for: .milliseconds(1))
      }
    }

    func hangUp(_ rounds: Int) async throws {
      for _ in 0..<rounds {
        try await peer.askUntilConnected([1], within: .seconds(HungUpTests.patienceSeconds))
        try await Task.sleep(for: .microseconds(Int.random(in: 0..<3_000)))
        wire.hangUp()
      }
    }
  }

  private func hangUp(at any: Address, tls: NNGTLS?, _ key: DeploymentKey) async throws {
    let server = RequestServer(
      identity: PeerIdentity(role: .cell, id: "cell-1", generation: .first), key: key,
      versions: ProtocolVersion.supported, random: SeededRandomSource(seed: 1)
    ) { $0.payload }
    let listener = try NNGListener(at: any, tls: tls, server: server)
    listener.start()
    let callers = try (0..<Self.links).map {
      try Caller($0, to: listener.address, tls: tls, key)
    }
    try await withThrowingTaskGroup(of: Void.self) { rounds in
      for caller in callers {
        rounds.addTask {
          try await withThrowingTaskGroup(of: Void.self) { calls in
            for _ in 0..<Self.callersPerLink {
              calls.addTask { await caller.call([UInt8](repeating: 3, count: 4_000)) }
            }
            try await caller.hangUp(Self.rounds)
            calls.cancelAll()
          }
        }
      }
      try await rounds.waitForAll()
    }
    let end: Void? = await BoundedAnswer.within(seconds: Self.patienceSeconds) {
      listener.stop()
      for caller in callers { caller.link.stop() }
      listener.release()
      for caller in callers { caller.link.release() }
    }
    #expect(end != nil, "NNG does not give connections back")
  }
}
