import CNNG
import Synchronization

/// Answers requests at one address over one REP socket: one context and one task per request
/// under way.
final class NNGListener: Sendable {
  /// One receive context and the task that waits for its next request.
  private final class Slot: Sendable {
    private struct State {
      var waiting: UnsafeContinuation<NNGMessage?, Never>?
      var isClosed = false
    }

    private let state = Mutex(State())

    /// The next request after `begin` has told NNG to fetch it; nil once closed.
    func next(_ begin: () -> Void) async -> NNGMessage? {
      await withUnsafeContinuation { continuation in
        let isClosed = state.withLock { state in
          if !state.isClosed { state.waiting = continuation }
          return state.isClosed
        }
        if isClosed { continuation.resume(returning: nil) } else { begin() }
      }
    }

    func deliver(_ message: NNGMessage) {
      let waiting = state.withLock { $0.waiting.take() }
      if let waiting { waiting.resume(returning: message) } else { message.free() }
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
  private let slots: [Slot]
  private let serving = Mutex<Task<Void, Never>?>(nil)
  // Filled by `init` only.
  private nonisolated(unsafe) var contexts: [NNGHandle] = []

  init(at address: Address, tls: NNGTLS?, server: RequestServer) throws {
    self.server = server
    slots = (0..<MessagingLimits.receiveContexts).map { _ in Slot() }
    socket = try NNGSocket(.reply)
    self.address = try Self.bind(socket, address, tls)
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

  private func serve(_ slot: Int) async {
    let context = contexts[slot]
    var message = await slots[slot].next { cnng_serve_start(context.pointer) }
    while let request = message {
      let reply = await answer(request)
      message = await slots[slot].next { cnng_serve_reply(context.pointer, reply.pointer) }
    }
  }

  private func answer(_ request: NNGMessage) async -> NNGMessage {
    let frame: Frame
    if let request = request.takeFrame() {
      frame = await server.answer(request)
    } else {
      frame = Frame(kind: .helloRefused, payload: Array("not a frame of this protocol".utf8))
    }
    guard let message = NNGMessage(frame) else {
      preconditionFailure("no memory for a reply")
    }
    return message
  }

  private static func bind(
    _ socket: NNGSocket, _ address: Address, _ tls: NNGTLS?
  ) throws -> Address {
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
    listener.slots[Int(slot)].deliver(NNGMessage(request))
  }
}
