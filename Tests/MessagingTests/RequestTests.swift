import Messaging
import Synchronization
import Testing
import Wire

/// The behaviour that every transport shares.
@Suite("Requests", .serialized) struct RequestTests {
  @Test(arguments: Transport.allCases)
  func `a request arrives as it was sent and its answer comes back`(
    transport: Transport
  ) async throws {
    try await withDeployment(transport) { deployment in
      let received = Mutex<IncomingRequest?>(nil)
      let address = try await deployment.messenger("cell-1").listen(at: Deployment.anyAddress) {
        request in
        received.withLock { $0 = request }
        return request.payload.reversed()
      }
      #expect(!address.url.hasSuffix(":0"))
      let router = deployment.messenger("router-1", role: .router)
      let answer = try await router.peer(at: address).ask([1, 2, 3], method: .webhookPart)
      #expect(answer == [3, 2, 1])
      let request = try #require(received.withLock { $0 })
      #expect(request.method == .webhookPart)
      #expect(request.payload == [1, 2, 3])
      #expect(request.traceID == Deployment.trace)
      #expect(
        request.peer == PeerIdentity(role: .router, id: "router-1", generation: Generation(7)))
      #expect(request.deadline > .now + .seconds(10))
      #expect(request.deadline < .now + .seconds(21))
      #expect(router.peer(at: address).isConnected)
    }
  }

  @Test(arguments: Transport.allCases)
  func `a refusal keeps its code, detail and time to wait`(transport: Transport) async throws {
    try await withDeployment(transport) { deployment in
      let refusal = Failure(.unrecognized("from_the_future"), "why", retryAfterMilliseconds: 250)
      let address = try await deployment.messenger("cell-1").listen(at: Deployment.anyAddress) {
        _ throws(Failure) in throw refusal
      }
      let peer = deployment.messenger("router-1").peer(at: address)
      guard case .refused(let failure) = await peer.failure() else {
        Issue.record("the call was not refused")
        return
      }
      #expect(failure == refusal)
    }
  }

  @Test(arguments: Transport.allCases)
  func `calls beyond the contexts wait and each gets its own answer`(
    transport: Transport
  ) async throws {
    try await withDeployment(transport) { deployment in
      let address = try await deployment.messenger("cell-1").listen(at: Deployment.anyAddress) {
        $0.payload + [0xFF]
      }
      let peer = deployment.messenger("router-1").peer(at: address)
      let wrong = await withTaskGroup(of: Bool.self) { group in
        for index in 0..<1_000 {
          group.addTask {
            let payload = [UInt8(index & 0xFF), UInt8(index >> 8)]
            return (try? await peer.ask(payload)) != payload + [0xFF]
          }
        }
        return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
      }
      #expect(wrong == 0)
    }
  }

  @Test(arguments: Transport.allCases)
  func `a call without an answer ends at its deadline`(transport: Transport) async throws {
    try await withDeployment(transport) { deployment in
      let gate = Gate()
      let address = try await deployment.messenger("cell-1").listen(at: Deployment.anyAddress) {
        if $0.payload == [1] { return [] }
        await gate.pass()
        return [9]
      }
      let peer = deployment.messenger("router-1").peer(at: address)
      // The call's time is not that of a connection, too: without one it would not be sent.
      _ = try await peer.ask([1])
      async let first = peer.failure(timeout: .milliseconds(300))
      #expect(await first?.name == "deadline exceeded")
      gate.open()
      // The late answer belongs to nobody: the next call gets its own.
      #expect(try await peer.ask() == [9])
    }
  }

  @Test(arguments: Transport.allCases)
  func `an oversize request is a clear error and the connection stays`(
    transport: Transport
  ) async throws {
    try await withDeployment(transport) { deployment in
      let address = try await deployment.messenger("cell-1").listen(at: Deployment.anyAddress) {
        $0.payload
      }
      let peer = deployment.messenger("router-1").peer(at: address)
      let large = [UInt8](repeating: 1, count: MessagingLimits.payloadBytes)
      #expect(try await peer.ask(large) == large)
      guard case .tooLarge(let bytes, let limit) = await peer.failure(large + [1]) else {
        Issue.record("an oversize request was taken")
        return
      }
      #expect(bytes == limit + 1)
      #expect(try await peer.ask([1]) == [1])
    }
  }

  @Test(arguments: Transport.allCases)
  func `an oversize answer is refused by its sender`(transport: Transport) async throws {
    try await withDeployment(transport) { deployment in
      let address = try await deployment.messenger("cell-1").listen(at: Deployment.anyAddress) {
        _ in [UInt8](repeating: 1, count: MessagingLimits.payloadBytes + 1)
      }
      let peer = deployment.messenger("router-1").peer(at: address)
      #expect(await peer.failure()?.name == "refused internal_error")
    }
  }

  @Test(arguments: Transport.allCases)
  func `slots and queue are bounded, one more call is saturated`(
    transport: Transport
  ) async throws {
    try await withDeployment(transport) { deployment in
      let gate = Gate()
      let address = try await deployment.messenger("cell-1").listen(at: Deployment.anyAddress) {
        if $0.payload == [1] { return [] }
        await gate.pass()
        return []
      }
      let router = deployment.messenger("router-1")
      let peer = router.peer(at: address)
      _ = try await peer.ask([1])
      let bound = MessagingLimits.callsInFlight + MessagingLimits.callsWaiting
      let outcomes = await withTaskGroup(of: String.self) { group in
        for _ in 0..<bound + 10 {
          group.addTask { await peer.failure()?.name ?? "answered" }
        }
        // The ten that found everything taken come back first; only then the gate opens.
        var outcomes: [String] = []
        for _ in 0..<10 {
          if let outcome = await group.next() { outcomes.append(outcome) }
        }
        gate.open()
        for await outcome in group { outcomes.append(outcome) }
        return outcomes
      }
      #expect(outcomes.prefix(10).allSatisfy { $0 == "saturated" })
      #expect(outcomes.dropFirst(10).allSatisfy { $0 == "answered" })
      #expect(outcomes.count == bound + 10)
    }
  }

  @Test(arguments: Transport.allCases)
  func `a listener with too many requests says so at once`(transport: Transport) async throws {
    try await withDeployment(transport) { deployment in
      let gate = Gate()
      let address = try await deployment.messenger("cell-1").listen(at: Deployment.anyAddress) {
        _ in
        await gate.pass()
        return []
      }
      let shed = MessagingLimits.receiveContexts - MessagingLimits.handlersInFlight
      let peers = ["router-1", "router-2"].map { deployment.messenger($0).peer(at: address) }
      let outcomes = await withTaskGroup(of: String.self) { group in
        for peer in peers {
          for _ in 0..<MessagingLimits.callsInFlight {
            group.addTask { await peer.failure()?.name ?? "answered" }
          }
        }
        var outcomes: [String] = []
        for _ in 0..<shed {
          if let outcome = await group.next() { outcomes.append(outcome) }
        }
        gate.open()
        for await outcome in group { outcomes.append(outcome) }
        return outcomes
      }
      #expect(outcomes.filter { $0 == "refused overloaded" }.count == shed)
      #expect(
        outcomes.filter { $0 == "answered" }.count == MessagingLimits.handlersInFlight)
    }
  }

  @Test(arguments: Transport.allCases)
  func `large requests are bounded in bytes, and keep no small one out`(
    transport: Transport
  ) async throws {
    try await withDeployment(transport) { deployment in
      let gate = Gate()
      let address = try await deployment.messenger("cell-1").listen(at: Deployment.anyAddress) {
        if $0.payload.count > MessagingLimits.smallRequestBytes { await gate.pass() }
        return []
      }
      let peer = deployment.messenger("router-1").peer(at: address)
      let small = [UInt8](repeating: 1, count: MessagingLimits.smallRequestBytes)
      let large = [UInt8](repeating: 2, count: MessagingLimits.payloadBytes)
      _ = try await peer.ask(small)
      let room = MessagingLimits.handlerBytes / large.count
      let outcomes = await withTaskGroup(of: String.self) { group in
        for _ in 0..<room + 2 {
          group.addTask {
            await peer.failure(large, timeout: .seconds(60))?.name ?? "answered"
          }
        }
        // Those for whom there is no room come back first; the others are held.
        var outcomes: [String] = []
        for _ in 0..<2 {
          if let outcome = await group.next() { outcomes.append(outcome) }
        }
        await gate.arrivals(room)
        #expect(await peer.failure(small)?.name == nil)
        gate.open()
        for await outcome in group { outcomes.append(outcome) }
        return outcomes
      }
      #expect(outcomes.prefix(2).allSatisfy { $0 == "refused overloaded" })
      #expect(outcomes.dropFirst(2).allSatisfy { $0 == "answered" })
      #expect(outcomes.count == room + 2)
      // What was held has been given back.
      #expect(await peer.failure(large, timeout: .seconds(60))?.name == nil)
    }
  }

  @Test(arguments: Transport.allCases)
  func `closing fails what is in flight and what comes later`(
    transport: Transport
  ) async throws {
    try await withDeployment(transport) { deployment in
      let gate = Gate()
      let address = try await deployment.messenger("cell-1").listen(at: Deployment.anyAddress) {
        _ in
        await gate.pass()
        return []
      }
      let router = deployment.messenger("router-1")
      let peer = router.peer(at: address)
      let names = await withTaskGroup(of: String?.self) { group in
        for _ in 0..<20 { group.addTask { await peer.failure()?.name } }
        await gate.arrivals(20)
        await router.close()
        return await group.reduce(into: [String?]()) { $0.append($1) }
      }
      #expect(names == Array(repeating: "closed", count: 20))
      #expect(await peer.failure()?.name == "closed")
      #expect(await router.peer(at: address).failure()?.name == "closed")
      gate.open()
    }
  }
}
