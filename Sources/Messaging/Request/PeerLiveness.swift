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
  /// When the peer is dialed anew although nobody calls, and how long after that again.
  private var redialAt: Instant?
  private var redialInterval = MessagingLimits.dialInterval

  var isConnected: Bool { state == .connected }

  /// A call arrives: says whether it may wait, and whether the peer should be dialed again.
  mutating func call(at now: Instant) -> (verdict: Verdict, dial: Bool) {
    switch state {
    case .connected: return (.proceed, false)
    case .idle:
      state = .away(since: now)
      lastDial = now
      redialAt = now + redialInterval
      return (.proceed, true)
    case .away(let since):
      var dial = false
      if let last = lastDial, now - last >= MessagingLimits.dialInterval {
        lastDial = now
        redialAt = now + redialInterval
        dial = true
      }
      return (now - since > MessagingLimits.failFastAfter ? .fail : .proceed, dial)
    }
  }

  /// Whether a peer that is away should be dialed anew now: a try under way may be to a host that
  /// has gone since, and nobody would tell.
  mutating func redial(at now: Instant) -> Bool {
    guard case .away = state, let at = redialAt, at <= now else { return false }
    redialInterval = min(redialInterval * 2, MessagingLimits.longestDialInterval)
    redialAt = now + redialInterval
    lastDial = now
    return true
  }

  mutating func connected() {
    state = .connected
    connections += 1
    redialInterval = MessagingLimits.dialInterval
  }

  mutating func disconnected(at now: Instant) {
    guard state == .connected else { return }
    state = .away(since: now)
    redialAt = now + redialInterval
  }
}
