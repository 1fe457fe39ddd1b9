import Platform
import Synchronization
import Wire

/// Answers the frames that arrive at one listener: hellos, pings, and requests by the handler.
final class RequestServer: Sendable {
  private struct State {
    var sessions: ServerSessions
    var inFlight = 0
    /// Of the large requests in flight.
    var bytes = 0
    var answered: UInt64 = 0
    var shed: UInt64 = 0
  }

  /// What becomes of a frame that has arrived.
  enum Reception {
    case answer(Frame)
    /// A request that is to be served; it counts as in flight.
    case admitted(Session)
  }

  private let handler: RequestHandler
  private let random: any RandomSource
  private let limit: Int
  private let byteLimit: Int
  private let state: Mutex<State>

  init(
    identity: PeerIdentity, key: DeploymentKey, versions: ClosedRange<UInt8>,
    random: any RandomSource, limit: Int = MessagingLimits.handlersInFlight,
    byteLimit: Int = MessagingLimits.handlerBytes, handler: @escaping RequestHandler
  ) {
    self.handler = handler
    self.random = random
    self.limit = limit
    self.byteLimit = byteLimit
    state = Mutex(
      State(sessions: ServerSessions(key: key, identity: identity, versions: versions)))
  }

  func metrics(at address: Address) -> ListenerMetrics {
    state.withLock {
      ListenerMetrics(
        address: address, inFlight: $0.inFlight, sessions: $0.sessions.count,
        answered: $0.answered, shed: $0.shed)
    }
  }

  /// The answer to one frame; for a request, after its handler has run.
  func answer(_ frame: Frame) async -> Frame {
    switch receive(frame, payloadBytes: frame.payload.count) {
    case .answer(let answer): return answer
    case .admitted(let session): return await serve(frame, session)
    }
  }

  /// Answers a frame at once, without waiting for anything, unless it is a request that a handler
  /// is to run; of a request the header is enough, and how much there is behind it.
  func receive(_ frame: Frame, payloadBytes: Int) -> Reception {
    switch frame.kind {
    case .request: return admit(frame.session, Self.counted(payloadBytes))
    case .hello:
      let nonce = random.bytes(HelloParty.nonceBytes)
      return .answer(state.withLock { $0.sessions.hello(frame, nonce: nonce) })
    case .proof:
      let token = SessionToken(high: random.uint64(), low: random.uint64())
      return .answer(state.withLock { $0.sessions.prove(frame, token: token) })
    case .ping: return .answer(Frame(kind: .pong))
    default:
      return .answer(
        Self.refusal(Failure(.invalidRequest, "a listener takes no such frame")))
    }
  }

  /// Runs an admitted request.
  func serve(_ frame: Frame, _ session: Session) async -> Frame {
    let reply = await run(frame, session)
    state.withLock { state in
      state.inFlight -= 1
      state.bytes -= Self.counted(frame.payload.count)
      state.answered += 1
    }
    return reply
  }

  /// What a request takes of the room for large ones.
  private static func counted(_ bytes: Int) -> Int {
    bytes > MessagingLimits.smallRequestBytes ? bytes : 0
  }

  private func admit(_ token: SessionToken, _ bytes: Int) -> Reception {
    state.withLock { state in
      guard let session = state.sessions.session(token) else {
        return .answer(Frame(kind: .sessionUnknown))
      }
      guard state.inFlight < limit, bytes == 0 || state.bytes + bytes <= byteLimit else {
        state.shed += 1
        return .answer(Self.overloaded)
      }
      state.inFlight += 1
      state.bytes += bytes
      return .admitted(session)
    }
  }

  private func run(_ frame: Frame, _ session: Session) async -> Frame {
    guard let method = WireMethod(rawValue: frame.method) else {
      return Self.refusal(
        Failure(.versionMismatch, "method \(frame.method) is not known to this version"))
    }
    let request = IncomingRequest(
      method: method, peer: session.peer,
      deadline: .now + .milliseconds(Int64(frame.budgetMilliseconds)),
      traceID: frame.trace.text, payload: frame.payload)
    do throws(Failure) {
      let payload = try await handler(request)
      guard payload.count <= MessagingLimits.payloadBytes else {
        return Self.refusal(
          Failure(
            .internalError,
            "the answer of \(payload.count) bytes is over \(MessagingLimits.payloadBytes)"))
      }
      return Frame(kind: .reply, version: session.version, payload: payload)
    } catch {
      return Self.refusal(error)
    }
  }

  private static let overloaded = refusal(
    Failure(
      .overloaded, "too many requests are being served here",
      retryAfterMilliseconds: MessagingLimits.overloadedRetryMilliseconds))

  private static func refusal(_ failure: Failure) -> Frame {
    Frame(kind: .refusal, payload: failure.payload)
  }
}
