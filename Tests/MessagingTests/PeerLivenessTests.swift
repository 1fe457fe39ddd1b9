import Testing

@testable import Messaging

@Suite("Peer liveness") struct PeerLivenessTests {
  private let start = ContinuousClock.now

  @Test func `the first call dials and waits`() {
    var peer = PeerLiveness()
    let first = peer.call(at: start)
    #expect(first == (.proceed, true))
    #expect(peer.call(at: start + .milliseconds(1)) == (.proceed, false))
    #expect(!peer.isConnected)
  }

  @Test func `a peer that stays away fails calls at once but is dialed now and then`() {
    var peer = PeerLiveness()
    _ = peer.call(at: start)
    let late = start + MessagingLimits.failFastAfter + .milliseconds(1)
    #expect(peer.call(at: late) == (.fail, false))
    let later = start + MessagingLimits.dialInterval
    #expect(peer.call(at: later) == (.fail, true))
    #expect(peer.call(at: later + .milliseconds(1)) == (.fail, false))
  }

  @Test func `after a lost connection calls wait again for a moment`() {
    var peer = PeerLiveness()
    _ = peer.call(at: start)
    peer.connected()
    #expect(peer.isConnected)
    peer.disconnected(at: start + .seconds(60))
    #expect(!peer.isConnected)
    #expect(peer.call(at: start + .seconds(60) + .milliseconds(10)).verdict == .proceed)
    peer.connected()
    #expect(peer.connections == 2)
  }

  @Test func `a peer that stays away is dialed anew although nobody calls, ever less often`() {
    var peer = PeerLiveness()
    #expect(peer.redial(at: start) == false)
    _ = peer.call(at: start)
    peer.connected()
    #expect(peer.redial(at: start + .seconds(60)) == false)
    let lost = start + .seconds(60)
    peer.disconnected(at: lost)
    let dials = (0..<200).filter { peer.redial(at: lost + .milliseconds(100 * $0)) }
    #expect(dials == [20, 60, 110, 160])
    peer.connected()
    peer.disconnected(at: lost + .seconds(60))
    #expect(peer.redial(at: lost + .seconds(61)) == false)
    #expect(peer.redial(at: lost + .seconds(62)) == true)
  }

  @Test func `a dial that a call prompted puts the next one off`() {
    var peer = PeerLiveness()
    _ = peer.call(at: start)
    let later = start + MessagingLimits.dialInterval
    #expect(peer.call(at: later) == (.fail, true))
    #expect(peer.redial(at: later) == false)
    #expect(peer.redial(at: later + MessagingLimits.dialInterval) == true)
  }
}
