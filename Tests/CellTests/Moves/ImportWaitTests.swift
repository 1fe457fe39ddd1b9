import Messaging
import Simulation
import Synchronization
import Testing
import Wire

@testable import Cell

/// How a move's source waits for its target's check of the copied files.
@Suite("Waiting for an import", .timeLimit(.minutes(10))) struct ImportWaitTests {
  /// A target that answers as `body` says, told how often it was asked; answers what became of it.
  private func ask(
    wait: Duration = .milliseconds(50), isCancelled: @escaping @Sendable () -> Bool = { false },
    _ body: @escaping @Sendable (Int) async throws(Failure) -> Void
  ) async throws -> (asked: Int, failure: FailureCode?) {
    let network = InMemoryNetwork(random: SeededRandomSource(seed: 1))
    func messenger(_ name: String) -> InMemoryMessenger {
      InMemoryMessenger(
        identity: PeerIdentity(role: .cell, id: name, generation: .first), network: network)
    }
    let (source, target) = (messenger("a"), messenger("b"))
    let asked = Atomic(0)
    let address = try await target.listen(at: Address("tcp://b:1")) {
      (request) async throws(Failure) in
      guard request.method == .moveImport else { return [] }
      try await body(asked.wrappingAdd(1, ordering: .relaxed).newValue)
      return []
    }
    let connection = source.peer(at: address)
    // The waits are not those of a connection, too: without one nobody would be asked.
    while (try? await connection.request(.inventory, [], timeout: .seconds(60), traceID: "")) == nil
    {
      try await Task.sleep(for: .milliseconds(10))
    }
    let peer = MovePeer(peer: connection)
    var failure: FailureCode?
    do throws(Failure) {
      try await peer.askImport(
        Aimstors_ProtoMoveImport(), of: 0, wait: wait, isCancelled: isCancelled)
    } catch { failure = error.code }
    await source.close()
    await target.close()
    return (asked.load(ordering: .relaxed), failure)
  }

  @Test func `a target that takes longer than one wait is asked again`() async throws {
    let (gate, open) = AsyncStream.makeStream(of: Void.self)
    let (asked, failure) = try await ask { (count) async throws(Failure) in
      // Nobody waits for the first answer any more when it comes.
      if count > 1 { return open.finish() }
      for await _ in gate {}
    }
    #expect(failure == nil)
    #expect(asked >= 2)
  }

  @Test func `a refusal ends it, and so does whoever wants the move given up`() async throws {
    let refused = try await ask(wait: MoveLimits.importTimeout) { (_) async throws(Failure) in
      throw Failure(.verificationFailed, "the files are not whole")
    }
    #expect(refused.failure == .verificationFailed)
    #expect(refused.asked == 1)
    let (gate, open) = AsyncStream.makeStream(of: Void.self)
    let cancelled = try await ask(isCancelled: { true }) { (_) async throws(Failure) in
      for await _ in gate {}
    }
    open.finish()
    #expect(cancelled.failure == .conflict)
    #expect(cancelled.asked <= 1)
  }

  @Test func `a large tenant has the time that it takes`() {
    #expect(MoveLimits.importTime(of: 0) == MoveLimits.importTimeout)
    #expect(MoveLimits.importTime(of: 100_000_000_000) > .seconds(3 * 3_600))
  }
}
