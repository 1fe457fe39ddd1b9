import Dispatch
import Logging
import Platform
import Synchronization
import Wire

/// A process's end of messaging over NNG: TCP on loopback, TLS with mutual authentication between
/// hosts.
///
/// Threads: NNG starts its own, about a dozen, once per process whatever the number of peers;
/// handlers run on Swift's pool. `nng_fini` is never called.
public final class NNGMessenger: Messenger {
  private struct State {
    var peers: [Address: SessionPeer] = [:]
    var listeners: [NNGListener] = []
    /// Who looks whether these still accept anybody.
    var attendants: [Task<Void, Never>] = []
    var publishers: [NNGPublisher] = []
    var subscriptions: [ObjectIdentifier: NNGSubscription] = [:]
    var renewal: Task<Void, Never>?
    var isClosed = false
  }

  public let identity: PeerIdentity
  private let key: DeploymentKey
  private let versions: ClosedRange<UInt8>
  private let random: any RandomSource
  private let tls: NNGTLS?
  private let log: Logger
  private let onStuckClose: @Sendable () -> Void
  private let sweeper = DeadlineSweeper()
  private let heartbeats = HeartbeatSweeper()
  private let state = Mutex(State())

  /// A messenger that has done nothing yet.
  ///
  /// `tls` is needed for `tls+tcp` addresses. `onStuckClose` is called where NNG does not end a
  /// close (``MessagingLimits/closeSeconds``): it never will, and every later close in this process
  /// waits behind it.
  public init(
    identity: PeerIdentity, key: DeploymentKey, tls: TLSFiles? = nil, random: any RandomSource,
    versions: ClosedRange<UInt8> = ProtocolVersion.supported,
    log: Logger = Logger(label: "messaging"), onStuckClose: @escaping @Sendable () -> Void = {}
  ) {
    self.onStuckClose = onStuckClose
    self.identity = identity
    self.key = key
    self.tls = tls.map(NNGTLS.init)
    self.random = random
    self.versions = versions
    self.log = log
    if let tls = self.tls {
      let task = Task { await Self.watch(tls, log) }
      state.withLock { $0.renewal = task }
    }
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
      identity: identity, key: key, versions: versions, random: random, handler: handler)
    let listener = try NNGListener(at: address, tls: tls, server: server)
    let isClosed = state.withLock { state in
      if !state.isClosed { state.listeners.append(listener) }
      return state.isClosed
    }
    guard !isClosed else {
      listener.stop()
      listener.release()
      throw MessagingError.closed
    }
    listener.start()
    if try NNGAddress.scheme(of: address, operation: "listen") == .tls {
      let log = log
      let attendant = Task { await Self.attend(listener, log) }
      state.withLock { $0.attendants.append(attendant) }
    }
    return listener.address
  }

  public func peer(at address: Address) -> any Peer { sessionPeer(at: address) }

  public func publisher(at address: Address) async throws -> any Publisher {
    let publisher = try NNGPublisher(
      at: address, tls: tls, deployment: key, salt: random.bytes(PublicationSeal.saltBytes),
      log: log)
    let isClosed = state.withLock { state in
      if !state.isClosed { state.publishers.append(publisher) }
      return state.isClosed
    }
    guard !isClosed else {
      publisher.release()
      throw MessagingError.closed
    }
    return publisher
  }

  public func subscribe(
    to address: Address, topics: Set<WireTopic>
  ) async throws -> AsyncStream<Publication> {
    let subscription = try NNGSubscription(to: address, topics: topics, tls: tls, key: key)
    let id = ObjectIdentifier(subscription)
    let isClosed = state.withLock { state in
      if !state.isClosed { state.subscriptions[id] = subscription }
      return state.isClosed
    }
    guard !isClosed else {
      subscription.stop()
      subscription.release()
      throw MessagingError.closed
    }
    subscription.onTermination { [weak self] in self?.end(id) }
    await subscription.start(waiting: MessagingLimits.connectWait)
    return subscription.stream
  }

  public func survey(
    _ method: WireMethod, _ payload: [UInt8], at addresses: [Address], timeout: Duration
  ) async -> [Address: [UInt8]] {
    await Survey.run(method, payload, of: addresses.map(sessionPeer), timeout: timeout)
  }

  /// Reads the certificate files again: connections made from now on use them, those that stand
  /// stay.
  ///
  /// Throws where the files cannot be used; then the old ones go on.
  public func reloadCertificates() throws { try tls?.reload() }

  public func close() async {
    let closing = state.withLock { state -> State in
      let closing = state
      state.isClosed = true
      state.listeners = []
      state.publishers = []
      state.subscriptions = [:]
      return closing
    }
    guard !closing.isClosed else { return }
    sweeper.close()
    heartbeats.close()
    closing.renewal?.cancel()
    for attendant in closing.attendants { attendant.cancel() }
    let seconds = MessagingLimits.closeSeconds
    let end: Void? = await BoundedAnswer.within(seconds: seconds) { await Self.end(closing) }
    guard end == nil else { return }
    log.critical("NNG does not end a close", metadata: ["seconds": "\(seconds)"])
    onStuckClose()
  }

  private static func end(_ closing: State) async {
    for attendant in closing.attendants { await attendant.value }
    await offThePool {
      // First every aio is stopped, then anything is given back: in this NNG, freeing one while
      // others run can lock up the closing of sockets.
      for listener in closing.listeners { listener.stop() }
      for peer in closing.peers.values { peer.link.stop() }
      for subscription in closing.subscriptions.values { subscription.stop() }
      for listener in closing.listeners { listener.release() }
      for peer in closing.peers.values { peer.link.release() }
      for subscription in closing.subscriptions.values { subscription.release() }
      for publisher in closing.publishers { publisher.release() }
    }
  }

  /// Has a listener that accepts nobody any more listen anew, until cancelled.
  private static func attend(_ listener: NNGListener, _ log: Logger) async {
    var deaf = 0
    while (try? await Task.sleep(for: MessagingLimits.selfCallInterval)) != nil {
      let outcome = await offThePool { listener.hearsItself() }
      deaf = outcome == .deaf ? deaf + 1 : 0
      guard deaf >= MessagingLimits.deafCalls, !Task.isCancelled else { continue }
      log.error(
        "a listener accepts nobody any more; it listens anew",
        metadata: ["address": "\(listener.address)"])
      let failure = await offThePool { () -> (any Error)? in
        do { try listener.listenAnew() } catch { return error }
        return nil
      }
      if let failure {
        log.error(
          "it does not listen", metadata: ["address": "\(listener.address)", "error": "\(failure)"])
      } else {
        deaf = 0
      }
    }
  }

  /// Looks for renewed certificates until cancelled.
  private static func watch(_ tls: NNGTLS, _ log: Logger) async {
    while true {
      do {
        try await Task.sleep(for: MessagingLimits.certificateCheck)
      } catch {
        return
      }
      do {
        if try tls.reloadIfChanged() { log.info("certificate files read again") }
      } catch {
        log.error("renewed certificate files not usable", metadata: ["error": "\(error)"])
      }
    }
  }

  private func sessionPeer(at address: Address) -> SessionPeer {
    state.withLock { state in
      if let known = state.peers[address] { return known }
      let link = CallLink(address: address, wire: wire(to: address), sweeper: sweeper)
      if state.isClosed { link.refuseCalls() }
      let peer = SessionPeer(
        link: link, identity: identity, key: key, versions: versions, random: random)
      state.peers[address] = peer
      heartbeats.watch(link)
      return peer
    }
  }

  private func wire(to address: Address) -> any CallWire {
    do {
      return try NNGWire(address: address, tls: tls, log: log)
    } catch {
      log.error("no socket", metadata: ["address": "\(address)", "error": "\(error)"])
      return DeadWire()
    }
  }

  /// Nobody reads a subscription any more.
  private func end(_ id: ObjectIdentifier) {
    guard let subscription = state.withLock({ $0.subscriptions.removeValue(forKey: id) }) else {
      return
    }
    Task {
      await Self.offThePool {
        subscription.stop()
        subscription.release()
      }
    }
  }

  /// Runs what may block on a thread that is not Swift's.
  private static func offThePool<T: Sendable>(_ body: @escaping @Sendable () -> T) async -> T {
    await withCheckedContinuation { continuation in
      DispatchQueue.global().async { continuation.resume(returning: body()) }
    }
  }
}

/// Stands for a socket that could not be opened: its calls fail as unreachable.
private final class DeadWire: CallWire {
  func attach(_ link: CallLink) {}
  func dial() {}
  func start(_ frame: Frame, in slot: Int) {}
  func abort(_ slot: Int) {}
  func ping() {}
  func abortPing() {}
  var sends: UInt64 { 0 }
  func hangUp() {}
  func stop() {}
  func release() {}
}
