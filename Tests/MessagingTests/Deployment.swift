import Messaging
import Simulation
import Synchronization
import Testing
import Wire

/// The two implementations that must behave alike.
enum Transport: String, CaseIterable, Sendable, CustomTestStringConvertible {
  case nng, inMemory
  var testDescription: String { rawValue }
}

/// The processes of one test: messengers over one transport, closed at the end.
final class Deployment: Sendable {
  let transport: Transport
  let network: InMemoryNetwork
  let key: DeploymentKey
  private let messengers = Mutex<[any Messenger]>([])

  static let anyAddress = Address("tcp://127.0.0.1:0")
  static let trace = "0123456789abcdef0123456789abcdef"

  init(_ transport: Transport, seed: UInt64 = 1) throws {
    self.transport = transport
    network = InMemoryNetwork(random: SeededRandomSource(seed: seed))
    key = try #require(DeploymentKey(SeededRandomSource(seed: seed &+ 1).bytes(32)))
  }

  func messenger(
    _ id: String, role: PeerIdentity.Role = .cell, key: DeploymentKey? = nil,
    versions: ClosedRange<UInt8> = ProtocolVersion.supported
  ) -> any Messenger {
    let identity = PeerIdentity(role: role, id: id, generation: Generation(7))
    let messenger: any Messenger
    switch transport {
    case .nng:
      // Nonces must differ between the messengers of a test.
      let seed = UInt64(truncatingIfNeeded: id.hashValue)
      messenger = NNGMessenger(
        identity: identity, key: key ?? self.key, random: SeededRandomSource(seed: seed),
        versions: versions)
    case .inMemory:
      messenger = InMemoryMessenger(
        identity: identity, network: network, key: key ?? self.key, versions: versions)
    }
    messengers.withLock { $0.append(messenger) }
    return messenger
  }

  func close() async {
    for messenger in messengers.withLock({ $0 }) { await messenger.close() }
  }
}

func withDeployment(
  _ transport: Transport, _ body: (Deployment) async throws -> Void
) async throws {
  let deployment = try Deployment(transport)
  do {
    try await body(deployment)
  } catch {
    await deployment.close()
    throw error
  }
  await deployment.close()
}

/// Lets handlers wait until the test says go, and the test wait until handlers have arrived.
final class Gate: Sendable {
  private struct State {
    var isOpen = false
    var arrived = 0
    var held: [CheckedContinuation<Void, Never>] = []
    var watchers: [(count: Int, continuation: CheckedContinuation<Void, Never>)] = []
  }

  private let state = Mutex(State())

  var arrived: Int { state.withLock { $0.arrived } }

  /// Waits here until ``open()``.
  func pass() async {
    await withCheckedContinuation { continuation in
      let (ready, isOpen) = state.withLock { state in
        state.arrived += 1
        if !state.isOpen { state.held.append(continuation) }
        let ready = state.watchers.filter { $0.count <= state.arrived }.map(\.continuation)
        state.watchers.removeAll { $0.count <= state.arrived }
        return (ready, state.isOpen)
      }
      for watcher in ready { watcher.resume() }
      if isOpen { continuation.resume() }
    }
  }

  /// Waits until `count` have come to the gate.
  func arrivals(_ count: Int) async {
    await withCheckedContinuation { continuation in
      let isReady = state.withLock { state in
        if state.arrived < count { state.watchers.append((count, continuation)) }
        return state.arrived >= count
      }
      if isReady { continuation.resume() }
    }
  }

  func open() {
    let held = state.withLock { state in
      state.isOpen = true
      defer { state.held = [] }
      return state.held
    }
    for continuation in held { continuation.resume() }
  }
}

extension Peer {
  func ask(
    _ payload: [UInt8] = [], method: WireMethod = .http, timeout: Duration = .seconds(20)
  ) async throws(MessagingError) -> [UInt8] {
    try await request(method, payload, timeout: timeout, traceID: Deployment.trace)
  }

  /// The error of a call that must fail.
  func failure(_ payload: [UInt8] = [], timeout: Duration = .seconds(20)) async -> MessagingError? {
    do throws(MessagingError) {
      _ = try await ask(payload, timeout: timeout)
      return nil
    } catch {
      return error
    }
  }
}

extension MessagingError {
  var name: String {
    switch self {
    case .refused(let failure): "refused \(failure.code.rawValue)"
    case .unreachable(_, let sent): "unreachable, sent \(sent)"
    case .deadlineExceeded: "deadline exceeded"
    case .tooLarge: "too large"
    case .saturated: "saturated"
    case .helloRefused(_, let reason): "hello refused: \(reason)"
    case .closed: "closed"
    }
  }
}
