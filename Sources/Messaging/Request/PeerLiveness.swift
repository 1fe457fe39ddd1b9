/// Whether a peer is there, and what a call does while it is not; pure.
struct PeerLiveness {
  typealias Instant = ContinuousClock.Instant

  enum State: Equatable {
    /// Nobody has asked for it. → away
    case idle
    /// Not connected since then. → connected
    case away(since: Instant)
    /// → away
    case connected
  }

  enum Verdict: Equatable {
    /// Go ahead, or wait for the connection.
    case proceed
    /// It has been away too long to wait.
    case fail
  }

  private(set) var state = State.idle
  private(set) var connections = 0
  private var lastDial: Instant?

  var isConnected: Bool { state == .connected }

  /// A call arrives: says whether it may wait, and whether the peer should be dialed again.
  mutating func call(at now: Instant) -> (verdict: Verdict, dial: Bool) {
    switch state {
    case .connected: return (.proceed, false)
    case .idle:
      state = .away(since: now)
      lastDial = now
      return (.proceed, true)
    case .away(let since):
      var dial = false
      if let last = lastDial, now - last >= MessagingLimits.dialInterval {
        lastDial = now
        dial = true
      }
      return (now - since > MessagingLimits.failFastAfter ? .fail : .proceed, dial)
    }
  }

  mutating func connected() {
    state = .connected
    connections += 1
  }

  mutating func disconnected(at now: Instant) {
    guard state == .connected else { return }
    state = .away(since: now)
  }
}
