import CNNG
import Synchronization
import Wire

/// Receives the publications of one publisher over one SUB socket, until its stream ends.
final class NNGSubscription: Sendable {
  private struct State {
    var reader: PublicationReader
    var isStopped = false
  }

  let stream: AsyncStream<Publication>
  private let continuation: AsyncStream<Publication>.Continuation
  private let socket: NNGSocket
  private let state: Mutex<State>
  private let connected = OneShot<Void>()
  // Set by `init` only.
  private nonisolated(unsafe) var receiver: NNGHandle?

  init(to address: Address, topics: Set<WireTopic>, tls: NNGTLS?, key: DeploymentKey) throws {
    (stream, continuation) = AsyncStream.makeStream(
      of: Publication.self, bufferingPolicy: .bufferingNewest(MessagingLimits.subscriptionQueue))
    state = Mutex(State(reader: PublicationReader(key: key)))
    socket = try NNGSocket(.subscribe)
    do {
      try open(to: address, topics: topics, tls: tls)
    } catch {
      socket.close()
      throw error
    }
  }

  deinit {
    if let receiver { cnng_subscription_free(receiver.pointer) }
  }

  /// Waits until the publisher is connected, or `wait` has passed: it is dialed again and again.
  func start(waiting wait: Duration) async {
    if let receiver { cnng_subscription_start(receiver.pointer) }
    await connected.value(by: .now + wait, else: ())
  }

  /// Calls `body` when nobody reads the stream any more.
  func onTermination(_ body: @escaping @Sendable () -> Void) {
    continuation.onTermination = { _ in body() }
  }

  /// Ends receiving and the stream.
  ///
  /// May block its thread for a moment.
  func stop() {
    let first = state.withLock { state in
      defer { state.isStopped = true }
      return !state.isStopped
    }
    guard first else { return }
    if let receiver { cnng_subscription_stop(receiver.pointer) }
    nng_pipe_notify(socket.socket, NNG_PIPE_EV_ADD_POST, nil, nil)
    continuation.finish()
  }

  func release() { socket.close() }

  private func open(to address: Address, topics: Set<WireTopic>, tls: NNGTLS?) throws {
    let owner = Unmanaged.passUnretained(self).toOpaque()
    for topic in topics {
      let prefix = PublicationSeal.subscription(topic.rawValue)
      try NNGError.check(
        nng_socket_set(socket.socket, NNG_OPT_SUB_SUBSCRIBE, prefix, prefix.count))
    }
    try NNGError.check(
      nng_socket_set_int(socket.socket, NNG_OPT_RECVBUF, Int32(MessagingLimits.subscriptionQueue)))
    receiver = try NNGHandle.open {
      cnng_subscription_open($0, socket.socket, owner, Self.published)
    }
    nng_pipe_notify(socket.socket, NNG_PIPE_EV_ADD_POST, Self.added, owner)
    let dialer = try socket.dialer(to: address, tls: tls)
    try NNGError.check(nng_dialer_start(dialer, Int32(NNG_FLAG_NONBLOCK)))
  }

  private static let published: cnng_published = { owner, message in
    guard let owner, let message else { return }
    let subscription = Unmanaged<NNGSubscription>.fromOpaque(owner).takeUnretainedValue()
    let publication = NNGMessage(message)
    let bytes = publication.withBytes { [UInt8]($0) }
    publication.free()
    if let read = subscription.state.withLock({ $0.reader.read(bytes) }) {
      subscription.continuation.yield(read)
    }
  }

  private static let added: nng_pipe_cb = { _, _, owner in
    guard let owner else { return }
    Unmanaged<NNGSubscription>.fromOpaque(owner).takeUnretainedValue().connected.resolve(())
  }
}
