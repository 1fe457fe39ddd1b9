/// Whether the other end of a connection still answers; pure.
///
/// A connection whose host has vanished looks like a quiet one: TCP says nothing for minutes. So
/// what is quiet is asked by a ping, and hung up where the ping stays without an answer.
///
/// Invariants:
/// - silence counts from a ping that is on its way. While other messages are before it, only as
///   long as none of them moves: then the connection takes nothing more;
/// - a look that comes late begins the count anew: it was this process that stood still, and what
///   the peer has said meanwhile may be unread;
/// - whatever is received ends a silence;
/// - a peer of a version that does not answer pings is neither asked nor hung up.
struct PeerHeartbeat {
  typealias Instant = ContinuousClock.Instant

  enum OnLook: Equatable { case nothing, ping, hangUp }

  private enum Ping: Equatable {
    /// → waiting
    case none
    /// Given to the transport, which has begun so many sends; `wasSeen` by a look. → sent, none
    case waiting(sends: UInt64, wasSeen: Bool)
    /// → none
    case sent
  }

  private var isConnected = false
  private var answersPings = false
  /// Outlives a connection: the next ping waits until the transport has ended this one.
  private var ping = Ping.none
  /// Something came since the last look.
  private var heard = false
  /// Looks since something came.
  private var quiet = 0
  /// Since then, or still, a ping is without an answer on this connection.
  private var isAsked = false
  /// Looks that count against the peer.
  private var missed = 0
  private var lastLook: Instant

  /// Of a peer that was never connected.
  init(at now: Instant) { lastLook = now }

  // MARK: What happened

  mutating func connected(at now: Instant) {
    isConnected = true
    beginAnew(at: now)
  }

  mutating func disconnected() { isConnected = false }

  /// What the hello has proved of the peer; it holds for later connections until another hello.
  mutating func learned(answersPings: Bool, at now: Instant) {
    guard self.answersPings != answersPings else { return }
    self.answersPings = answersPings
    beginAnew(at: now)
  }

  mutating func received() { heard = true }

  /// The ping is being written to the connection.
  mutating func pingSent() {
    // What was before it has moved.
    if case .waiting(_, wasSeen: true) = ping { missed = 0 }
    if ping != .none { ping = .sent }
  }

  /// The transport has ended the ping.
  mutating func pingEnded(isAnswered: Bool) {
    ping = .none
    if isAnswered { heard = true }
  }

  // MARK: What to do

  /// One look, every ``MessagingLimits/heartbeatInterval``; `sends` is how many messages the
  /// transport has begun to write.
  mutating func look(at now: Instant, sends: UInt64) -> OnLook {
    guard isConnected, answersPings else { return .nothing }
    let isLate = now - lastLook > MessagingLimits.heartbeatPause
    lastLook = now
    var isExcused = isLate
    if case .waiting(let before, _) = ping {
      isExcused = isExcused || before != sends
      ping = .waiting(sends: sends, wasSeen: true)
    }
    if heard {
      (heard, quiet, missed) = (false, 0, 0)
      isAsked = isAsked && ping != .none
    } else {
      quiet += 1
      // A ping that was lost does not excuse the silence that it was to end.
      missed = isExcused || !isAsked ? 0 : missed + 1
    }
    if missed >= MessagingLimits.silentLooks { return .hangUp }
    guard ping == .none, quiet >= MessagingLimits.quietLooks else { return .nothing }
    ping = .waiting(sends: sends, wasSeen: false)
    isAsked = true
    return .ping
  }

  private mutating func beginAnew(at now: Instant) {
    (heard, quiet, missed, isAsked) = (false, 0, 0, false)
    lastLook = now
  }
}
