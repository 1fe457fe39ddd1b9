import Testing

@testable import Messaging

/// One connection looked at every 125 ms of a clock that the test moves.
@Suite("Peer heartbeat") struct PeerHeartbeatTests {
  private struct Watch {
    let start = ContinuousClock.now
    var now: ContinuousClock.Instant
    var heartbeat: PeerHeartbeat
    var sends: UInt64 = 0

    init(answersPings: Bool = true) {
      now = start
      heartbeat = PeerHeartbeat(at: start)
      heartbeat.learned(answersPings: answersPings, at: start)
      heartbeat.connected(at: start)
    }

    var milliseconds: Int { Int((now - start) / .milliseconds(1)) }

    mutating func look(after wait: Duration = MessagingLimits.heartbeatInterval)
      -> PeerHeartbeat.OnLook
    {
      now += wait
      return heartbeat.look(at: now, sends: sends)
    }

    /// What the next looks answer, up to the first that is not nothing; at most `limit`.
    mutating func next(_ limit: Int = 100) -> PeerHeartbeat.OnLook {
      for _ in 0..<limit {
        let advice = look()
        if advice != .nothing { return advice }
      }
      return .nothing
    }

    /// The ping has left at once.
    mutating func sent() {
      sends += 1
      heartbeat.pingSent()
    }
  }

  @Test func `a quiet peer is asked four times a second and is fine while it answers`() {
    var watch = Watch()
    for turn in 1...20 {
      #expect(watch.next() == .ping)
      watch.sent()
      watch.heartbeat.pingEnded(isAnswered: true)
      // The answer is seen by the next look, and the count begins there.
      #expect(watch.milliseconds == turn * 375 - 125)
    }
  }

  @Test func `a peer that answers calls is not asked`() {
    var watch = Watch()
    for _ in 0..<200 {
      watch.heartbeat.received()
      #expect(watch.look() == .nothing)
    }
  }

  @Test func `a peer that vanishes after its last word is hung up within a second`() {
    var watch = Watch()
    // Heard just after a look: the whole interval is lost.
    #expect(watch.look() == .nothing)
    let vanished = watch.milliseconds
    watch.heartbeat.received()
    #expect(watch.next() == .ping)
    watch.sent()
    #expect(watch.next() == .hangUp)
    #expect(watch.milliseconds - vanished == 875)
  }

  @Test func `looks that come late say nothing about the peer`() {
    var watch = Watch()
    #expect(watch.next() == .ping)
    watch.sent()
    // Stopped for half a minute; the answer is unread for a little longer.
    #expect(watch.look(after: .seconds(30)) == .nothing)
    for _ in 1..<MessagingLimits.silentLooks { #expect(watch.look() == .nothing) }
    watch.heartbeat.pingEnded(isAnswered: true)
    #expect(watch.look() == .nothing)

    // A machine so busy that no look is in time never accuses anybody.
    #expect(watch.next() == .ping)
    watch.sent()
    for _ in 0..<100 { #expect(watch.look(after: .milliseconds(300)) == .nothing) }
    // In time again: the count begins there.
    #expect(watch.next() == .hangUp)
  }

  @Test func `a ping behind other messages counts only while none of them moves`() {
    var watch = Watch()
    #expect(watch.next() == .ping)
    for _ in 0..<100 {
      watch.sends += 1
      #expect(watch.look() == .nothing)
    }
    let stuck = watch.milliseconds
    #expect(watch.next() == .hangUp)
    #expect(watch.milliseconds - stuck == 500)
  }

  @Test func `a ping that leaves after a long body has its whole time`() {
    var watch = Watch()
    #expect(watch.next() == .ping)
    // One write that takes long: nothing is before the ping but this.
    for _ in 1..<MessagingLimits.silentLooks { #expect(watch.look() == .nothing) }
    watch.sent()
    for _ in 1..<MessagingLimits.silentLooks { #expect(watch.look() == .nothing) }
    #expect(watch.look() == .hangUp)
  }

  @Test func `a lost ping is repeated and the silence goes on`() {
    var watch = Watch()
    #expect(watch.next() == .ping)
    watch.sent()
    watch.heartbeat.pingEnded(isAnswered: false)
    #expect(watch.next() == .ping)
    watch.sent()
    // Not a new beginning: from the first ping on nothing was heard.
    #expect(watch.next() == .hangUp)
    #expect(watch.milliseconds == 750)
  }

  @Test func `any answer ends a silence, also one to a call`() {
    var watch = Watch()
    #expect(watch.next() == .ping)
    watch.sent()
    for _ in 1..<MessagingLimits.silentLooks { #expect(watch.look() == .nothing) }
    watch.heartbeat.received()
    for _ in 0..<MessagingLimits.silentLooks { #expect(watch.look() == .nothing) }
    // The ping is still without an answer: after a new silence it counts.
    #expect(watch.next() == .hangUp)
  }

  @Test func `an older peer is neither asked nor hung up`() {
    var watch = Watch(answersPings: false)
    #expect(watch.next() == .nothing)
    // It was upgraded, and back again.
    watch.heartbeat.learned(answersPings: true, at: watch.now)
    #expect(watch.next() == .ping)
    watch.sent()
    watch.heartbeat.learned(answersPings: false, at: watch.now)
    #expect(watch.next() == .nothing)
  }

  @Test func `a connection that ended is not looked at, the next one from its beginning`() {
    var watch = Watch()
    #expect(watch.next() == .ping)
    watch.sent()
    watch.heartbeat.disconnected()
    #expect(watch.next() == .nothing)
    watch.heartbeat.connected(at: watch.now)
    // The old ping has not ended: it is not asked twice, and has its time anew.
    for _ in 1..<MessagingLimits.silentLooks { #expect(watch.look() == .nothing) }
    watch.heartbeat.pingEnded(isAnswered: false)
    #expect(watch.look() == .ping)
    watch.sent()
    watch.heartbeat.pingEnded(isAnswered: true)
    #expect(watch.look() == .nothing)
  }
}
