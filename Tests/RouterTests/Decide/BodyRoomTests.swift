import Edge
import Messaging
import Testing
import Wire

@testable import Router

@Suite("Room for large bodies") struct BodyRoomTests {
  private static let tenant = BodyRoom.Party.tenant(TenantID(trusted: "acme"))
  private let acme = BodyRoom.Holder.request(Self.tenant)
  private let zoe = BodyRoom.Holder.request(.tenant(TenantID(trusted: "zoe")))
  private static let shared = MetaAppID(trusted: "default")
  private static let own = MetaAppID(trusted: "own")
  private let webhooks = BodyRoom.Holder.webhooks(Self.shared)
  private let ownWebhooks = BodyRoom.Holder.webhooks(Self.own)

  private var limits: RouterLimits {
    var limits = RouterLimits()
    limits.bodyBytes = 100
    limits.bodyBytesPerTenant = 60
    limits.webhookBytes = 45
    limits.webhookBytesPerApp = 20
    limits.strangerBytes = 15
    limits.strangerBytesPerAddress = 10
    limits.answerBytes = 50
    limits.answerBytesPerTenant = 40
    limits.bodyBytesPerAddress = 70
    return limits
  }

  @Test func `room is bounded in all, per tenant, and for webhooks apart and per app`() {
    var room = BodyRoom(limits: limits)
    let entries = [
      room.enter(acme, from: nil, bytes: 60), room.enter(acme, from: nil, bytes: 1),
      room.enter(zoe, from: nil, bytes: 41),
      room.enter(.request(.controlPlane), from: nil, bytes: 40),
      room.enter(zoe, from: nil, bytes: 1), room.enter(webhooks, from: nil, bytes: 20),
      room.enter(webhooks, from: nil, bytes: 1), room.enter(ownWebhooks, from: nil, bytes: 11),
      room.enter(ownWebhooks, from: nil, bytes: 10),
    ]
    #expect(
      entries == [
        .entered, .holderFull, .full, .entered, .full, .entered, .holderFull, .full, .entered,
      ])
    #expect(room.bytes == 130)
    room.leave(acme, from: nil, bytes: 20)
    let again = [room.enter(zoe, from: nil, bytes: 20), room.enter(acme, from: nil, bytes: 1)]
    #expect(again == [.entered, .full])
  }

  @Test func `answers have room of their own, whoever has taken that of requests`() {
    var room = BodyRoom(limits: limits)
    let entries = [
      room.enter(acme, from: nil, bytes: 60), room.enter(zoe, from: nil, bytes: 40),
      room.enter(.answer(Self.tenant), from: nil, bytes: 40),
      room.enter(.answer(Self.tenant), from: nil, bytes: 1),
      room.enter(.answer(.controlPlane), from: nil, bytes: 11),
      room.enter(.answer(.controlPlane), from: nil, bytes: 10),
    ]
    #expect(entries == [.entered, .entered, .entered, .holderFull, .full, .entered])
    #expect(room.bytes == 150)
  }

  @Test func `an address has a part of the rooms, whosever its bodies claim to be`() throws {
    let one = try #require(NetworkAddress("2001:db8::1"))
    let same = try #require(NetworkAddress("2001:db8::2"))
    let other = try #require(NetworkAddress("192.0.2.7"))
    var limits = limits
    limits.webhookBytes = 115
    limits.webhookBytesPerApp = 100
    var room = BodyRoom(limits: limits)
    let entries = [
      room.enter(acme, from: one, bytes: 50), room.enter(zoe, from: same, bytes: 21),
      // What it asks takes nothing from what it sends as Meta: both may come through one proxy.
      room.enter(webhooks, from: same, bytes: 60), room.enter(ownWebhooks, from: one, bytes: 11),
      room.enter(zoe, from: other, bytes: 40), room.enter(webhooks, from: nil, bytes: 40),
    ]
    #expect(
      entries == [.entered, .addressFull, .entered, .addressFull, .entered, .entered])
    // What finds no room counts for nobody.
    #expect(room.enter(zoe, from: other, bytes: 20) == .full)
    room.leave(zoe, from: other, bytes: 40)
    room.leave(acme, from: same, bytes: 50)
    #expect(room.enter(zoe, from: one, bytes: 50) == .entered)
    room.leave(webhooks, from: one, bytes: 60)
    #expect(room.enter(ownWebhooks, from: same, bytes: 11) == .entered)
    #expect(room.bytes == 101)
  }

  @Test func `strangers take little of the webhooks' room, and nothing of who has signed`() throws {
    let one = try #require(NetworkAddress("2001:db8::1"))
    let same = try #require(NetworkAddress("2001:db8::2"))
    let other = try #require(NetworkAddress("192.0.2.7"))
    var room = BodyRoom(limits: limits)
    let entries = [
      room.enter(.strangers, from: one, bytes: 10), room.enter(.strangers, from: same, bytes: 1),
      room.enter(.strangers, from: other, bytes: 6), room.enter(.strangers, from: other, bytes: 5),
      // All of the rest, also from an address whose first body is not judged yet.
      room.enter(webhooks, from: one, bytes: 20), room.enter(webhooks, from: other, bytes: 1),
      room.enter(ownWebhooks, from: other, bytes: 10), room.enter(ownWebhooks, from: one, bytes: 1),
    ]
    #expect(
      entries == [
        .entered, .addressFull, .full, .entered, .entered, .holderFull, .entered, .full,
      ])
    #expect(room.bytes == 45)
    room.leave(.strangers, from: same, bytes: 10)
    #expect(room.enter(.strangers, from: other, bytes: 5) == .entered)
    #expect(room.bytes == 40)
  }

  @Test func `who signed is known for its time, and so many are`() throws {
    let meta = try #require(NetworkAddress("2001:db8::1"))
    let same = try #require(NetworkAddress("2001:db8::2"))
    let other = try #require(NetworkAddress("192.0.2.7"))
    var limits = limits
    limits.senderTime = .seconds(10)
    limits.sendersPerApp = 1
    var senders = SignedSenders(limits: limits)
    func second(_ number: Int64) -> Int64 { 1_000_000_000_000 + number * 1_000_000_000 }
    func isKnown(_ address: NetworkAddress, _ number: Int64) -> Bool {
      senders.contains(address, of: Self.shared, now: second(number))
    }
    senders.note(meta, of: Self.shared, now: second(0))
    senders.note(other, of: Self.shared, now: second(1))
    let first = [isKnown(same, 1), isKnown(other, 1)]
    #expect(first == [true, false])
    // Its table is an old one now, and there is room in the young one.
    senders.note(other, of: Self.shared, now: second(10))
    let known = [
      isKnown(meta, 10), isKnown(meta, 19), isKnown(meta, 20), isKnown(other, 20),
      isKnown(other, 40),
    ]
    #expect(known == [true, true, false, true, false])
  }

  @Test func `a sender of one app is a stranger to another, and takes no place there`() throws {
    let meta = try #require(NetworkAddress("192.0.2.7"))
    let late = try #require(NetworkAddress("192.0.2.8"))
    let crowd = (1...100).map { NetworkAddress(high: UInt64($0) << 16, low: 1) }
    var limits = limits
    limits.sendersPerApp = 2
    var senders = SignedSenders(limits: limits)
    senders.note(meta, of: Self.shared, now: 1)
    for address in crowd { senders.note(address, of: Self.own, now: 1) }
    senders.note(late, of: Self.shared, now: 1)
    func known(to app: MetaAppID) -> [NetworkAddress] {
      (crowd + [meta, late]).filter { senders.contains($0, of: app, now: 1) }
    }
    let (shared, own) = (known(to: Self.shared), known(to: Self.own))
    #expect(shared == [meta, late])
    #expect(own == Array(crowd.prefix(2)))
  }

  @Test func `what was held is given back once, also where nobody says so`() throws {
    let traffic = Traffic(limits: limits)
    let body = HeldBody(acme, from: nil, traffic, RouterMetrics())
    try body.take(20)
    try body.take(30)
    #expect(traffic.bodyBytes == 50)
    #expect(throws: Failure.self) { try body.take(11) }
    #expect(traffic.bodyBytes == 50)
    body.leave()
    body.leave()
    #expect(traffic.bodyBytes == 0)
    var forgotten: HeldBody? = HeldBody(acme, from: nil, traffic, RouterMetrics())
    try forgotten?.take(40)
    forgotten = nil
    #expect(traffic.bodyBytes == 0)
  }

  @Test func `one tenant has no room of all, and a cell's part of the room fits its listener`() {
    let limits = RouterLimits()
    #expect(limits.bodyBytesPerTenant * 2 <= limits.bodyBytes)
    #expect(limits.answerBytesPerTenant * 2 <= limits.answerBytes)
    #expect(limits.bodyBytesPerTenant <= MessagingLimits.handlerBytes)
    // Nor has an address all that one tenant may have, or webhooks.
    #expect(limits.bodyBytesPerAddress < limits.bodyBytesPerTenant)
    #expect(limits.bodyBytesPerAddress < limits.webhookBytes - limits.strangerBytes)
    // A stranger may begin with the largest webhook, and several are needed to fill their room.
    #expect(limits.strangerBytesPerAddress >= EdgeLimits.requestBytes)
    #expect(limits.strangerBytesPerAddress * 4 <= limits.strangerBytes)
    #expect(limits.strangerBytes * 4 <= limits.webhookBytes)
    // An app's known senders leave as much to the others', and may send several of the largest.
    #expect(limits.webhookBytesPerApp * 2 <= limits.webhookBytes - limits.strangerBytes)
    #expect(limits.webhookBytesPerApp >= 4 * EdgeLimits.requestBytes)
    #expect(limits.bodyBytes + limits.answerBytes + limits.webhookBytes == 256 << 20)
  }
}
