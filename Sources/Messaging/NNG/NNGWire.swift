import CNNG
import Logging
import Synchronization

/// Carries the calls of one peer over one REQ socket: one context per slot, one for pings, one
/// dialer.
///
/// Invariants:
/// - C callbacks come only between ``attach(_:)`` and the end of ``stop()``;
/// - the C objects are freed in `deinit`: a caller that was on its way into ``start(_:in:)`` while
///   the messenger closed still finds them, stopped.
final class NNGWire: CallWire {
  private struct Pipes {
    /// Between "about to be added" and "removed".
    var known: Set<UInt32> = []
    /// Of these, the ones that can be used.
    var usable: Set<UInt32> = []
    var dialer: nng_dialer?
    var isStopped = false
  }

  private let address: Address
  private let tls: NNGTLS?
  private let log: Logger
  private let socket: NNGSocket
  private let pipes = Mutex(Pipes())
  private let begunSends = Atomic<UInt64>(0)

  // Set once by `attach`, before the first callback; cleared by `release`, after the last one.
  private nonisolated(unsafe) var link: CallLink?
  // Filled by `init` only: the calls' contexts, and at ``pingSlot`` the pings'.
  private nonisolated(unsafe) var slots: [NNGHandle] = []
  private static let pingSlot = MessagingLimits.callsInFlight

  init(address: Address, tls: NNGTLS?, log: Logger) throws {
    self.address = address
    self.tls = tls
    self.log = log
    socket = try NNGSocket(.request)
    let owner = Unmanaged.passUnretained(self).toOpaque()
    for slot in 0...Self.pingSlot {
      slots.append(
        try NNGHandle.open {
          cnng_call_open($0, socket.socket, UInt32(slot), owner, Self.sent, Self.done)
        })
    }
    nng_pipe_notify(socket.socket, NNG_PIPE_EV_ADD_PRE, Self.pipeChanged, owner)
    nng_pipe_notify(socket.socket, NNG_PIPE_EV_ADD_POST, Self.pipeChanged, owner)
    nng_pipe_notify(socket.socket, NNG_PIPE_EV_REM_POST, Self.pipeChanged, owner)
  }

  deinit {
    for slot in slots { cnng_call_free(slot.pointer) }
  }

  func attach(_ link: CallLink) { self.link = link }

  func dial() {
    do {
      let dialer = try socket.dialer(to: address, tls: tls)
      let (old, isStopped) = pipes.withLock { pipes in
        let old = pipes.dialer
        if !pipes.isStopped { pipes.dialer = dialer }
        return (old, pipes.isStopped)
      }
      guard !isStopped else {
        nng_dialer_close(dialer)
        return
      }
      if let old {
        // It waits between tries, up to 5 s; the new one tries at once.
        tls?.forget(old)
        nng_dialer_close(old)
      }
      try NNGError.check(nng_dialer_start(dialer, Int32(NNG_FLAG_NONBLOCK)))
    } catch {
      log.error("cannot dial", metadata: ["address": "\(address)", "error": "\(error)"])
    }
  }

  func start(_ frame: Frame, in slot: Int) {
    guard let message = NNGMessage(frame) else {
      link?.finished(slot, .lost(sent: false))
      return
    }
    // The link's deadlines come first; this one only keeps a slot from being lost.
    let backstop = Int32(frame.budgetMilliseconds) + 1_000
    cnng_call_start(slots[slot].pointer, message.pointer, backstop)
  }

  func abort(_ slot: Int) { cnng_call_abort(slots[slot].pointer) }

  var sends: UInt64 { begunSends.load(ordering: .relaxed) }

  func ping() {
    guard let message = NNGMessage(Frame(kind: .ping)) else {
      link?.pingEnded(isAnswered: false)
      return
    }
    cnng_call_start(
      slots[Self.pingSlot].pointer, message.pointer, MessagingLimits.pingBackstopMilliseconds)
  }

  func abortPing() { abort(Self.pingSlot) }

  func hangUp() {
    // First the calls are told, then the pipes closed: whatever connects next comes later.
    let ended = pipes.withLock { pipes -> Set<UInt32> in
      let usable = pipes.usable
      pipes.known.subtract(usable)
      pipes.usable = []
      return usable
    }
    guard !ended.isEmpty else { return }
    log.warning("the peer has fallen silent; hanging up", metadata: ["address": "\(address)"])
    link?.disconnected()
    for id in ended { nng_pipe_close(nng_pipe(id: id)) }
  }

  func stop() {
    pipes.withLock { $0.isStopped = true }
    for slot in slots { cnng_call_stop(slot.pointer) }
  }

  func release() {
    for event in [NNG_PIPE_EV_ADD_PRE, NNG_PIPE_EV_ADD_POST, NNG_PIPE_EV_REM_POST] {
      nng_pipe_notify(socket.socket, event, nil, nil)
    }
    socket.close()
    if let dialer = pipes.withLock({ $0.dialer }) { tls?.forget(dialer) }
    link = nil
  }

  // MARK: Callbacks, on NNG's threads

  private static let sent: cnng_call_sent = { owner, slot in
    guard let owner else { return }
    let wire = Unmanaged<NNGWire>.fromOpaque(owner).takeUnretainedValue()
    wire.begunSends.add(1, ordering: .relaxed)
    if slot == pingSlot { wire.link?.pingSent() }
  }

  private static let done: cnng_call_done = { owner, slot, result, sent, reply in
    guard let owner else { return }
    let wire = Unmanaged<NNGWire>.fromOpaque(owner).takeUnretainedValue()
    guard let link = wire.link else { return }
    guard slot < pingSlot else {
      if let reply { NNGMessage(reply).free() }
      link.pingEnded(isAnswered: result == 0)
      return
    }
    guard result == 0, let reply else {
      link.finished(Int(slot), .lost(sent: sent))
      return
    }
    if let frame = NNGMessage(reply).takeFrame() {
      link.finished(Int(slot), .reply(frame))
    } else {
      link.finished(Int(slot), .unreadable)
    }
  }

  private static let pipeChanged: nng_pipe_cb = { pipe, event, owner in
    guard let owner else { return }
    Unmanaged<NNGWire>.fromOpaque(owner).takeUnretainedValue().pipe(pipe.id, event)
  }

  /// The end of a pipe may be told before its beginning: only what is still known becomes usable.
  private func pipe(_ id: UInt32, _ event: nng_pipe_ev) {
    enum Change { case none, connected, disconnected }
    let change: Change = pipes.withLock { pipes in
      switch event {
      case NNG_PIPE_EV_ADD_PRE:
        pipes.known.insert(id)
        return .none
      case NNG_PIPE_EV_ADD_POST:
        guard pipes.known.contains(id) else { return .none }
        pipes.usable.insert(id)
        return pipes.usable.count == 1 ? .connected : .none
      default:
        pipes.known.remove(id)
        guard pipes.usable.remove(id) != nil, pipes.usable.isEmpty else { return .none }
        return .disconnected
      }
    }
    switch change {
    case .none: break
    case .connected: link?.connected()
    case .disconnected: link?.disconnected()
    }
  }
}
