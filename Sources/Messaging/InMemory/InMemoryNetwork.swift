import Platform
import Synchronization

/// The network between the in-memory messengers of one test, with faults on demand.
///
/// Messengers are named by their identity's id. Sessions, deadlines, slots and saturation are the
/// same code as over NNG; only the carrying of frames differs.
public final class InMemoryNetwork: Sendable {
  struct Attached {
    let owner: String
    let address: Address
    let link: CallLink
  }

  struct Subscription {
    let owner: String
    let id: UInt64
    let topics: Set<String>
    let continuation: AsyncStream<Publication>.Continuation
  }

  struct State {
    var listeners: [Address: (owner: String, server: RequestServer)] = [:]
    var publishers: [Address: String] = [:]
    var subscriptions: [Address: [Subscription]] = [:]
    var links: [Attached] = []
    var cuts: Set<Cut> = []
    /// Between these nothing arrives, and nobody is told.
    var silences: Set<Cut> = []
    var faults = InMemoryFaults()
    var nextPort = 40_000
    var nextID: UInt64 = 0

    func isApart(_ one: String, _ other: String) -> Bool {
      cuts.contains(Cut(one, other)) || silences.contains(Cut(one, other))
    }
  }

  /// Two messengers that cannot reach each other.
  struct Cut: Hashable {
    let one: String
    let other: String
    init(_ a: String, _ b: String) { (one, other) = a < b ? (a, b) : (b, a) }
  }

  let key: DeploymentKey
  let random: any RandomSource
  let state = Mutex(State())

  /// `random` decides the faults and makes nonces; a seeded one makes a run repeatable.
  public init(random: any RandomSource) {
    self.random = random
    guard let key = DeploymentKey(random.bytes(DeploymentKey.byteCount)) else {
      preconditionFailure("a random source must give as many bytes as asked")
    }
    self.key = key
  }

  // MARK: Faults

  public func setFaults(_ faults: InMemoryFaults) { state.withLock { $0.faults = faults } }

  /// Cuts the connection between two messengers: calls under way fail as unreachable, `sent`.
  public func partition(_ one: String, _ other: String) {
    let cut = Cut(one, other)
    let lost = state.withLock { state in
      state.cuts.insert(cut)
      return state.links.filter { link in
        state.listeners[link.address].map { Cut(link.owner, $0.owner) == cut } ?? false
      }
    }
    for attached in lost { attached.link.disconnected() }
  }

  /// Lets everything between two messengers vanish without a trace, as when a cable is pulled: only
  /// the heartbeat finds out.
  public func silence(_ one: String, _ other: String) {
    state.withLock { _ = $0.silences.insert(Cut(one, other)) }
  }

  /// Undoes every partition and silence; who waited for a connection gets it.
  public func heal() {
    let found = state.withLock { state in
      state.cuts = []
      state.silences = []
      return state.links.filter { state.listeners[$0.address] != nil }
    }
    for attached in found where !attached.link.isConnected { attached.link.connected() }
  }

  // MARK: Listening and dialing

  func listen(at address: Address, owner: String, server: RequestServer) throws -> Address {
    let (bound, waiting) = try state.withLock { state in
      let bound = try Self.bind(address, operation: "listen", &state)
      state.listeners[bound] = (owner, server)
      let waiting = state.links.filter {
        $0.address == bound && !state.isApart($0.owner, owner)
      }
      return (bound, waiting)
    }
    for attached in waiting { attached.link.connected() }
    return bound
  }

  func attach(_ link: CallLink, owner: String) {
    state.withLock {
      $0.links.append(Attached(owner: owner, address: link.address, link: link))
    }
  }

  /// Whether `owner` can reach a listener at `address`.
  func reaches(_ address: Address, from owner: String) -> Bool {
    state.withLock { Self.listener(at: address, from: owner, $0) != nil }
  }

  /// Removes everything of `owner`; its peers see it die.
  func leave(_ owner: String) {
    let (lost, streams) = state.withLock { state in
      let gone = Set(state.listeners.filter { $0.value.owner == owner }.map(\.key))
      for address in gone { state.listeners[address] = nil }
      for (address, publisher) in state.publishers where publisher == owner {
        state.publishers[address] = nil
      }
      let lost = state.links.filter { gone.contains($0.address) }
      state.links.removeAll { $0.owner == owner }
      var streams: [AsyncStream<Publication>.Continuation] = []
      for (address, all) in state.subscriptions {
        streams += all.filter { $0.owner == owner }.map(\.continuation)
        state.subscriptions[address] = all.filter { $0.owner != owner }
      }
      return (lost, streams)
    }
    for attached in lost { attached.link.disconnected() }
    for stream in streams { stream.finish() }
  }

  // MARK: Carrying

  /// Carries one frame there and back; nil where the network lost it without a trace.
  func deliver(_ frame: Frame, to address: Address, from owner: String) async -> CallOutcome? {
    let (server, faults) = state.withLock { state in
      (Self.listener(at: address, from: owner, state), state.faults)
    }
    guard let server else { return isSilent(address, from: owner) ? nil : .lost(sent: false) }
    if faults.delay > .zero { try? await Task.sleep(for: faults.delay) }
    if frame.kind == .request {
      if happens(faults.dropRequests) { return nil }
      if happens(faults.duplicateRequests) { Task { _ = await server.answer(frame) } }
    }
    let reply = await server.answer(frame)
    guard reaches(address, from: owner) else {
      return isSilent(address, from: owner) ? nil : .lost(sent: true)
    }
    if frame.kind == .request, happens(faults.dropReplies) { return nil }
    return .reply(reply)
  }

  /// Whether a ping to `address` is answered.
  func pings(_ address: Address, from owner: String) -> Bool {
    guard let server = state.withLock({ Self.listener(at: address, from: owner, $0) }),
      case .answer(let answer) = server.receive(Frame(kind: .ping), payloadBytes: 0)
    else { return false }
    return answer.kind == .pong
  }

  private func isSilent(_ address: Address, from owner: String) -> Bool {
    state.withLock { state in
      state.listeners[address].map { state.silences.contains(Cut(owner, $0.owner)) } ?? false
    }
  }

  func happens(_ share: Double) -> Bool {
    guard share > 0 else { return false }
    return Double(random.uint64() >> 11) / Double(UInt64(1) << 53) < share
  }

  private static func listener(
    at address: Address, from owner: String, _ state: State
  ) -> RequestServer? {
    guard let listener = state.listeners[address],
      !state.isApart(owner, listener.owner)
    else { return nil }
    return listener.server
  }

  /// The address with a free port in place of port 0.
  static func bind(
    _ address: Address, operation: String, _ state: inout State
  ) throws -> Address {
    var bound = address
    if address.url.hasSuffix(":0") {
      state.nextPort += 1
      bound = Address("\(address.url.dropLast(2)):\(state.nextPort)")
    }
    guard state.listeners[bound] == nil, state.publishers[bound] == nil else {
      throw TransportError(operation: operation, address: bound, reason: "address in use")
    }
    return bound
  }
}
