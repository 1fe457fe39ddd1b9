import CNNG
import Synchronization

/// Answers requests at one address over one REP socket: one context and one task per request
/// under way.
///
/// Pings, hellos and refusals are answered where they arrive, on NNG's thread: no task is between,
/// and no handler holds their context.
final class NNGListener: Sendable {
  private struct Admitted {
    let message: NNGMessage
    let session: Session
  }

  /// One receive context and the task that waits for its next request.
  private final class Slot: Sendable {
    private struct State {
      var waiting: UnsafeContinuation<Admitted?, Never>?
      var isClosed = false
    }

    private let state = Mutex(State())

    /// The next request after `begin` has told NNG to fetch it; nil once closed.
    func next(_ begin: () -> Void) async -> Admitted? {
      await withUnsafeContinuation { continuation in
        let isClosed = state.withLock { state in
          if !state.isClosed { state.waiting = continuation }
          return state.isClosed
        }
        if isClosed { continuation.resume(returning: nil) } else { begin() }
      }
    }

    func deliver(_ request: Admitted) {
      let waiting = state.withLock { $0.waiting.take() }
      if let waiting { waiting.resume(returning: request) } else { request.message.free() }
    }

    func close() {
      let waiting = state.withLock { state in
        state.isClosed = true
        return state.waiting.take()
      }
      waiting?.resume(returning: nil)
    }
  }

  let address: Address
  let server: RequestServer
  private let socket: NNGSocket
  private let tls: NNGTLS?
  /// By what the socket listens; nil where that could not be had again.
  private let ear: Mutex<nng_listener?>
  private let slots: [Slot]
  private let serving = Mutex<Task<Void, Never>?>(nil)
  // Filled by `init` only.
  private nonisolated(unsafe) var contexts: [NNGHandle] = []

  init(at address: Address, tls: NNGTLS?, server: RequestServer) throws {
    self.server = server
    slots = (0..<MessagingLimits.receiveContexts).map { _ in Slot() }
    self.tls = tls
    socket = try NNGSocket(.reply)
    let bound = try Self.bind(socket, address, tls)
    self.address = bound.address
    ear = Mutex(bound.listener)
    let owner = Unmanaged.passUnretained(self).toOpaque()
    for slot in slots.indices {
      contexts.append(
        try NNGHandle.open {
          cnng_serve_open($0, socket.socket, UInt32(slot), owner, Self.received)
        })
    }
  }

  deinit {
    for context in contexts { cnng_serve_free(context.pointer) }
  }

  /// Begins to take requests.
  ///
  /// The tasks keep the listener until ``stop()``.
  func start() {
    let task = Task {
      await withDiscardingTaskGroup { group in
        for slot in slots.indices { group.addTask { await self.serve(slot) } }
      }
    }
    serving.withLock { $0 = task }
  }

  /// Takes no more requests.
  ///
  /// Handlers under way are cancelled, not awaited; what they answer is dropped. May block its
  /// thread for a moment.
  func stop() {
    for slot in slots { slot.close() }
    for context in contexts { cnng_serve_stop(context.pointer) }
    serving.withLock { $0 }?.cancel()
  }

  func release() { socket.close() }

  /// Whether somebody who connects now is answered; see ``NNGSelfCall``.
  ///
  /// Blocks its thread.
  func hearsItself() -> NNGSelfCall.Outcome {
    guard let tls else { return .unknown }
    guard ear.withLock({ $0 != nil }) else { return .deaf }
    return NNGSelfCall.run(address, tls: tls)
  }

  /// Listens anew at the same port; who is connected connects again.
  ///
  /// Blocks its thread. Throws where the port is not to be had; then it may be tried again.
  func listenAnew() throws {
    if let old = ear.withLock({ $0.take() }) {
      tls?.forget(old)
      nng_listener_close(old)
    }
    let bound = try socket.listen(at: address, tls: tls)
    ear.withLock { $0 = bound.listener }
  }

  private func serve(_ slot: Int) async {
    let context = contexts[slot]
    var next = await slots[slot].next { cnng_serve_start(context.pointer) }
    while let request = next {
      guard let frame = request.message.takeFrame() else {
        preconditionFailure("a message whose header was read has become unreadable")
      }
      let reply = Self.message(await server.serve(frame, request.session))
      next = await slots[slot].next { cnng_serve_reply(context.pointer, reply.pointer) }
    }
  }

  /// On NNG's thread: answers from here what needs no handler.
  private func received(_ message: NNGMessage, in slot: Int) {
    let reply: Frame
    if let frame = message.frameToReceive() {
      switch server.receive(frame, payloadBytes: message.payloadBytes) {
      case .admitted(let session):
        slots[slot].deliver(Admitted(message: message, session: session))
        return
      case .answer(let answer): reply = answer
      }
    } else {
      reply = Frame(kind: .helloRefused, payload: Array("not a frame of this protocol".utf8))
    }
    message.free()
    cnng_serve_reply(contexts[slot].pointer, Self.message(reply).pointer)
  }

  private static func message(_ frame: Frame) -> NNGMessage {
    guard let message = NNGMessage(frame) else { preconditionFailure("no memory for a reply") }
    return message
  }

  private static func bind(
    _ socket: NNGSocket, _ address: Address, _ tls: NNGTLS?
  ) throws -> NNGSocket.Bound {
    do {
      return try socket.listen(at: address, tls: tls)
    } catch {
      socket.close()
      throw error
    }
  }

  private static let received: cnng_serve_received = { owner, slot, request in
    guard let owner, let request else { return }
    let listener = Unmanaged<NNGListener>.fromOpaque(owner).takeUnretainedValue()
    listener.received(NNGMessage(request), in: Int(slot))
  }
}
