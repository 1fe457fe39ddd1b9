import Platform
import Synchronization
import Wire

/// A peer over a link: says hello once for all callers, again once when the peer has forgotten it.
final class SessionPeer: Peer {
  private enum State {
    /// → saying
    case none
    /// One hello is under way and these calls wait for it. → open, none
    case saying([OneShot<Result<Session, MessagingError>>])
    /// → none, when the peer has forgotten it
    case open(Session)
  }

  private enum Entry {
    case have(Session)
    case wait(OneShot<Result<Session, MessagingError>>, leads: Bool)
    case saturated
  }

  let link: CallLink
  private let key: DeploymentKey
  private let identity: PeerIdentity
  private let versions: ClosedRange<UInt8>
  private let random: any RandomSource
  private let state = Mutex(State.none)

  init(
    link: CallLink, identity: PeerIdentity, key: DeploymentKey, versions: ClosedRange<UInt8>,
    random: any RandomSource
  ) {
    self.link = link
    self.identity = identity
    self.key = key
    self.versions = versions
    self.random = random
  }

  var address: Address { link.address }
  var isConnected: Bool { link.isConnected }

  func request(
    _ method: WireMethod, _ payload: [UInt8], timeout: Duration, traceID: String
  ) async throws(MessagingError) -> [UInt8] {
    guard payload.count <= MessagingLimits.payloadBytes else {
      throw .tooLarge(bytes: payload.count, limit: MessagingLimits.payloadBytes)
    }
    let deadline = ContinuousClock.now + min(timeout, MessagingLimits.longestTimeout)
    var frame = Frame(
      kind: .request, method: method.rawValue, trace: TraceID(traceID), payload: payload)
    for _ in 0..<2 {
      let session = try await session(by: deadline)
      frame.session = session.token
      frame.version = session.version
      let reply = try await link.exchange(frame, deadline: deadline).get()
      switch reply.kind {
      case .reply: return reply.payload
      case .refusal: throw .refused(Failure(payload: reply.payload))
      case .sessionUnknown: forget(session)
      default: throw .unreachable(address, sent: true)
      }
    }
    throw .helloRefused(address, reason: "the peer forgot the session at once")
  }

  private func session(by deadline: ContinuousClock.Instant) async throws(MessagingError)
    -> Session
  {
    let entry: Entry = state.withLock { state in
      switch state {
      case .open(let session): return .have(session)
      case .none:
        let waiter = OneShot<Result<Session, MessagingError>>()
        state = .saying([waiter])
        return .wait(waiter, leads: true)
      case .saying(let waiters):
        guard waiters.count < MessagingLimits.callsWaiting else { return .saturated }
        let waiter = OneShot<Result<Session, MessagingError>>()
        state = .saying(waiters + [waiter])
        return .wait(waiter, leads: false)
      }
    }
    switch entry {
    case .have(let session): return session
    case .saturated: throw .saturated(address)
    case .wait(let waiter, let leads):
      // The hello is everybody's: it outlives the call that began it.
      if leads { Task { await open() } }
      let late = Result<Session, MessagingError>.failure(.deadlineExceeded(address))
      return try await waiter.value(by: deadline, else: late).get()
    }
  }

  private func open() async {
    let result: Result<Session, MessagingError>
    do throws(MessagingError) {
      result = .success(try await sayHello())
    } catch {
      result = .failure(error)
    }
    let waiters = state.withLock { state -> [OneShot<Result<Session, MessagingError>>] in
      guard case .saying(let waiters) = state else { return [] }
      if case .success(let session) = result { state = .open(session) } else { state = .none }
      return waiters
    }
    if case .success(let session) = result { link.learned(session.version) }
    for waiter in waiters { waiter.resolve(result) }
  }

  private func sayHello() async throws(MessagingError) -> Session {
    let deadline = ContinuousClock.now + MessagingLimits.helloWait
    var hello = ClientHello(
      key: key, versions: versions, identity: identity,
      nonce: random.bytes(HelloParty.nonceBytes))
    do {
      let proof = try hello.prove(try await ask(hello.hello, by: deadline))
      return try hello.finish(try await ask(proof, by: deadline))
    } catch let refusal as ClientHello.Refusal {
      guard case .refused(let reason) = refusal else { throw .closed }
      throw .helloRefused(address, reason: reason)
    } catch let error as MessagingError {
      throw error
    } catch {
      throw .closed
    }
  }

  /// One round trip of the hello.
  ///
  /// Its loss never means that a request was executed.
  private func ask(_ frame: Frame, by deadline: ContinuousClock.Instant)
    async throws(MessagingError)
    -> Frame
  {
    switch await link.exchange(frame, deadline: deadline) {
    case .success(let reply): return reply
    case .failure(.unreachable), .failure(.deadlineExceeded):
      throw .unreachable(address, sent: false)
    case .failure(let error): throw error
    }
  }

  private func forget(_ session: Session) {
    state.withLock { state in
      if case .open(session) = state { state = .none }
    }
  }
}
