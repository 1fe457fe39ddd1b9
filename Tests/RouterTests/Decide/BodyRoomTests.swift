import Edge
import Messaging
import Testing
import Wire

@testable import Router

@Suite("Room for large bodies") struct BodyRoomTests {
  private static let tenant = BodyRoom.Party.tenant(TenantID(trusted: "acme"))
  private let acme = BodyRoom.Holder.request(Self.tenant)
  private let zoe = BodyRoom.Holder.request(.tenant(TenantID(trusted: "zoe")))

  private var limits: RouterLimits {
    var limits = RouterLimits()
    limits.bodyBytes = 100
    limits.bodyBytesPerTenant = 60
    limits.webhookBytes = 30
    limits.answerBytes = 50
    limits.answerBytesPerTenant = 40
    limits.bodyBytesPerAddress = 70
    return limits
  }

  @Test func `room is bounded in all, per tenant, and for webhooks apart`() {
    var room = BodyRoom(limits: limits)
    let entries = [
      room.enter(acme, from: nil, bytes: 60), room.enter(acme, from: nil, bytes: 1),
      room.enter(zoe, from: nil, bytes: 41),
      room.enter(.request(.controlPlane), from: nil, bytes: 40),
      room.enter(zoe, from: nil, bytes: 1), room.enter(.webhooks, from: nil, bytes: 30),
      room.enter(.webhooks, from: nil, bytes: 1),
    ]
    #expect(entries == [.entered, .holderFull, .full, .entered, .full, .entered, .full])
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
    limits.webhookBytes = 100
    var room = BodyRoom(limits: limits)
    let entries = [
      room.enter(acme, from: one, bytes: 50), room.enter(zoe, from: same, bytes: 21),
      // What it asks takes nothing from what it sends as Meta: both may come through one proxy.
      room.enter(.webhooks, from: same, bytes: 60), room.enter(.webhooks, from: one, bytes: 11),
      room.enter(zoe, from: other, bytes: 40), room.enter(.webhooks, from: nil, bytes: 40),
    ]
    #expect(
      entries == [.entered, .addressFull, .entered, .addressFull, .entered, .entered])
    // What finds no room counts for nobody.
    #expect(room.enter(zoe, from: other, bytes: 20) == .full)
    room.leave(zoe, from: other, bytes: 40)
    room.leave(acme, from: same, bytes: 50)
    #expect(room.enter(zoe, from: one, bytes: 50) == .entered)
    room.leave(.webhooks, from: one, bytes: 60)
    #expect(room.enter(.webhooks, from: same, bytes: 11) == .entered)
    #expect(room.bytes == 101)
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
    #expect(limits.bodyBytesPerAddress < limits.webhookBytes)
    #expect(limits.bodyBytes + limits.answerBytes + limits.webhookBytes == 256 << 20)
  }
}
