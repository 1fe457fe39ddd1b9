import Synchronization

/// The calls to one address over one wire: slots, waiting, deadlines, liveness.
final class CallLink: Sendable {
  typealias Answer = Result<Frame, MessagingError>
  private typealias Table = CallTable<Pending>

  private struct Pending: Sendable {
    let frame: Frame
    let continuation: UnsafeContinuation<Answer, Never>
  }

  private struct State {
    var table = Table(
      slots: MessagingLimits.callsInFlight, waiting: MessagingLimits.callsWaiting)
    var liveness = PeerLiveness()
    var heartbeat = PeerHeartbeat(at: .now)
    var isClosed = false
    var saturated: UInt64 = 0
    var late: UInt64 = 0
    var lost: UInt64 = 0
    var silences: UInt64 = 0
  }

  let address: Address
  private let wire: any CallWire
  private let sweeper: DeadlineSweeper
  private let state = Mutex(State())

  init(address: Address, wire: any CallWire, sweeper: DeadlineSweeper) {
    self.address = address
    self.wire = wire
    self.sweeper = sweeper
    wire.attach(self)
    sweeper.watch(self)
  }

  var isConnected: Bool { state.withLock { $0.liveness.isConnected } }
  var hasCalls: Bool { state.withLock { $0.table.hasCalls } }

  var metrics: PeerMetrics {
    state.withLock {
      PeerMetrics(
        address: address, isConnected: $0.liveness.isConnected, inFlight: $0.table.inFlight,
        waiting: $0.table.waiting, connections: $0.liveness.connections,
        saturated: $0.saturated, deadlinesExceeded: $0.late, lost: $0.lost,
        silences: $0.silences)
    }
  }

  /// Sends `frame` and waits for what comes back, at most until `deadline`.
  func exchange(_ frame: Frame, deadline: ContinuousClock.Instant) async -> Answer {
    await withUnsafeContinuation { continuation in
      submit(Pending(frame: frame, continuation: continuation), deadline: deadline)
    }
  }

  // MARK: Reports of the wire

  func connected() {
    let starts = state.withLock { state in
      guard !state.isClosed else { return [Table.Start]() }
      state.liveness.connected()
      state.heartbeat.connected(at: .now)
      return state.table.connected()
    }
    for start in starts { begin(start) }
  }

  func disconnected() {
    let aborts = state.withLock { state in
      guard !state.isClosed else { return [Int]() }
      state.liveness.disconnected(at: .now)
      state.heartbeat.disconnected()
      return state.table.disconnected()
    }
    wire.abortPing()
    abort(aborts)
  }

  func finished(_ slot: Int, _ outcome: CallOutcome) {
    let (call, next) = state.withLock { state in
      let result = state.table.finished(slot)
      if case .lost = outcome {
        if result.call != nil { state.lost += 1 }
      } else {
        state.heartbeat.received()
      }
      return result
    }
    if let call {
      switch outcome {
      case .reply(let frame): call.continuation.resume(returning: .success(frame))
      case .unreadable: fail(call, .unreachable(address, sent: true))
      case .lost(let sent): fail(call, .unreachable(address, sent: sent))
      }
    }
    if let next { begin(next) }
  }

  func pingSent() { state.withLock { $0.heartbeat.pingSent() } }

  func pingEnded(isAnswered: Bool) {
    state.withLock { $0.heartbeat.pingEnded(isAnswered: isAnswered) }
  }

  // MARK: Heartbeat

  /// The peer's hello has proved that it speaks `version`.
  func learned(_ version: UInt8) {
    state.withLock {
      $0.heartbeat.learned(answersPings: version >= ProtocolVersion.pings, at: .now)
    }
  }

  /// Asks a quiet peer, hangs up a silent one, dials one that stays away.
  func look(at now: ContinuousClock.Instant) {
    let sends = wire.sends
    let (advice, dial) = state.withLock { state -> (PeerHeartbeat.OnLook, Bool) in
      guard !state.isClosed else { return (.nothing, false) }
      let advice = state.heartbeat.look(at: now, sends: sends)
      if advice == .hangUp { state.silences += 1 }
      return (advice, state.liveness.redial(at: now))
    }
    switch advice {
    case .nothing: break
    case .ping: wire.ping()
    case .hangUp: wire.hangUp()
    }
    if dial { wire.dial() }
  }

  // MARK: Deadlines and closing

  /// Fails what is late at `now`.
  func sweep(at now: ContinuousClock.Instant) {
    let expired = state.withLock { state in
      let expired = state.table.expire(at: now)
      state.late += UInt64(expired.late.count)
      return expired
    }
    for call in expired.late { fail(call, .deadlineExceeded(address)) }
    for call in expired.unconnected { fail(call, .unreachable(address, sent: false)) }
    abort(expired.aborts)
  }

  /// Makes every later call fail as closed.
  func refuseCalls() { state.withLock { $0.isClosed = true } }

  /// Fails every call and stops the wire.
  ///
  /// May block its thread.
  func stop() {
    let calls = state.withLock { state in
      state.isClosed = true
      return state.table.close()
    }
    for call in calls { fail(call, .closed) }
    wire.stop()
  }

  /// See ``CallWire/release()``.
  func release() { wire.release() }

  private enum Submitted { case start(Table.Start), waiting, refused(MessagingError) }

  private func submit(_ call: Pending, deadline: ContinuousClock.Instant) {
    let now = ContinuousClock.now
    var dial = false
    let submitted: Submitted = state.withLock { state in
      guard !state.isClosed else { return .refused(.closed) }
      guard deadline > now else { return .refused(.deadlineExceeded(address)) }
      let advice = state.liveness.call(at: now)
      dial = advice.dial
      guard advice.verdict == .proceed else {
        return .refused(.unreachable(address, sent: false))
      }
      let timed = Table.Timed(
        call: call, deadline: deadline, connectBy: now + MessagingLimits.connectWait)
      switch state.table.submit(timed) {
      case .start(let slot): return .start(Table.Start(slot: slot, timed: timed))
      case .waiting: return .waiting
      case .saturated:
        state.saturated += 1
        return .refused(.saturated(address))
      }
    }
    switch submitted {
    case .start(let start): begin(start, now: now)
    case .waiting: break
    case .refused(let error): fail(call, error)
    }
    if dial { wire.dial() }
    sweeper.callsUnderWay()
  }

  private func begin(_ start: Table.Start, now: ContinuousClock.Instant = .now) {
    var frame = start.timed.call.frame
    frame.budgetMilliseconds = (start.timed.deadline - now).budgetMilliseconds
    wire.start(frame, in: start.slot)
  }

  private func abort(_ slots: [Int]) {
    for slot in slots {
      wire.abort(slot)
      if let next = state.withLock({ $0.table.aborted(slot) }) { begin(next) }
    }
  }

  private func fail(_ call: Pending, _ error: MessagingError) {
    call.continuation.resume(returning: .failure(error))
  }
}

extension Duration {
  /// This time in whole milliseconds as a frame carries it: at least 1, at most an hour.
  var budgetMilliseconds: UInt32 {
    guard self < MessagingLimits.longestTimeout else { return 3_600_000 }
    let (seconds, attoseconds) = components
    return UInt32(max(1, seconds * 1_000 + attoseconds / 1_000_000_000_000_000))
  }
}
