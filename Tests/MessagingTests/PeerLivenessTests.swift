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
}
