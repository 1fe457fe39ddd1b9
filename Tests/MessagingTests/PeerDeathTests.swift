import Messaging
import Synchronization
import Testing
import Wire

/// What callers see when the process they call is not there, dies, or comes back.
@Suite("Death of a peer", .serialized) struct PeerDeathTests {
  /// A call that nobody reports on ends only then, as late.
  private static let deadline: Duration = .seconds(600)

  @Test(arguments: Transport.allCases)
  func `nobody listening is reported as not sent, long before the deadline`(
    transport: Transport
  ) async throws {
    try await withDeployment(transport) { deployment in
      let address = try await deployment.freeAddress()
      let peer = deployment.messenger("router-1").peer(at: address)
      let began = ContinuousClock.now
      #expect(await peer.failure(timeout: Self.deadline)?.name == "unreachable, sent false")
      print("it was reported after \(ContinuousClock.now - began)")
      #expect(!peer.isConnected)
    }
  }

  @Test(arguments: Transport.allCases)
  func `a death in the middle of calls is reported as sent, long before the deadline`(
    transport: Transport
  ) async throws {
    try await withDeployment(transport) { deployment in
      let gate = Gate()
      let cell = deployment.messenger("cell-1")
      let address = try await cell.listen(at: Deployment.anyAddress) { _ in
        await gate.pass()
        return []
      }
      let peer = deployment.messenger("router-1").peer(at: address)
      let names = await withTaskGroup(of: String?.self) { group in
        for _ in 0..<50 { group.addTask { await peer.failure(timeout: Self.deadline)?.name } }
        await gate.arrivals(50)
        let began = ContinuousClock.now
        await cell.close()
        let names = await group.reduce(into: [String?]()) { $0.append($1) }
        print("it was reported after \(ContinuousClock.now - began)")
        return names
      }
      #expect(names == Array(repeating: "unreachable, sent true", count: 50))
      // The dialer may catch the listener once more while it closes; that too is seen.
      for _ in 0..<12_000 where peer.isConnected { try await Task.sleep(for: .milliseconds(5)) }
      #expect(!peer.isConnected)
      gate.open()
    }
  }

  @Test(arguments: Transport.allCases)
  func `a request is never sent again to the process that came back`(
    transport: Transport
  ) async throws {
    try await withDeployment(transport) { deployment in
      let gate = Gate()
      let first = deployment.messenger("cell-1")
      let address = try await first.listen(at: Deployment.anyAddress) { _ in
        await gate.pass()
        return []
      }
      let peer = deployment.messenger("router-1").peer(at: address)
      async let lost = peer.failure([1])
      await gate.arrivals(1)
      await first.close()
      #expect(await lost?.name == "unreachable, sent true")

      let seen = Mutex<[[UInt8]]>([])
      _ = try await deployment.messenger("cell-1").listen(at: address) { request in
        seen.withLock { $0.append(request.payload) }
        return []
      }
      // The session is not known to the new process: hello is said again, within this call.
      try await peer.askUntilConnected([2])
      #expect(seen.withLock { $0 } == [[2]])
      gate.open()
    }
  }

  @Test(arguments: Transport.allCases)
  func `a call waits for a process that is just starting`(transport: Transport) async throws {
    try await withDeployment(transport) { deployment in
      let address = try await deployment.freeAddress()
      let peer = deployment.messenger("router-1").peer(at: address)
      async let answer = peer.ask([5])
      _ = try await deployment.messenger("cell-1").listen(at: address) { $0.payload }
      #expect(try await answer == [5])
    }
  }
}

extension Deployment {
  /// An address at which somebody has listened, and nobody does now.
  func freeAddress() async throws -> Address {
    let other = messenger("gone")
    let address = try await other.listen(at: Self.anyAddress) { _ in [] }
    await other.close()
    return address
  }
}

extension Peer {
  /// Asks until a call is no longer refused for want of a connection; such calls were not sent.
  func askUntilConnected(
    _ payload: [UInt8], within patience: Duration = .seconds(60)
  ) async throws {
    let limit = ContinuousClock.now + patience
    while true {
      do throws(MessagingError) {
        _ = try await ask(payload)
        return
      } catch {
        guard case .unreachable(_, sent: false) = error, ContinuousClock.now < limit else {
          throw error
        }
        await Task.yield()
      }
    }
  }
}
