import Messaging
import Testing
import Wire

@testable import Router

@Suite("Room for large bodies") struct BodyRoomTests {
  private let acme = BodyRoom.Holder.tenant(TenantID(trusted: "acme"))
  private let zoe = BodyRoom.Holder.tenant(TenantID(trusted: "zoe"))

  private var limits: RouterLimits {
    var limits = RouterLimits()
    limits.bodyBytes = 100
    limits.bodyBytesPerTenant = 60
    limits.webhookBytes = 30
    return limits
  }

  @Test func `room is bounded in all, per tenant, and for webhooks apart`() {
    var room = BodyRoom(limits: limits)
    let entries = [
      room.enter(acme, bytes: 60), room.enter(acme, bytes: 1), room.enter(zoe, bytes: 41),
      room.enter(.controlPlane, bytes: 40), room.enter(zoe, bytes: 1),
      room.enter(.webhooks, bytes: 30), room.enter(.webhooks, bytes: 1),
    ]
    #expect(entries == [.entered, .holderFull, .full, .entered, .full, .entered, .full])
    #expect(room.bytes == 130)
    room.leave(acme, bytes: 20)
    let again = [room.enter(zoe, bytes: 20), room.enter(acme, bytes: 1)]
    #expect(again == [.entered, .full])
  }

  @Test func `what was held is given back once, also where nobody says so`() throws {
    let traffic = Traffic(limits: limits)
    let body = HeldBody(acme, traffic, RouterMetrics())
    try body.take(20)
    try body.take(30)
    #expect(traffic.bodyBytes == 50)
    #expect(throws: Failure.self) { try body.take(11) }
    #expect(traffic.bodyBytes == 50)
    body.leave()
    body.leave()
    #expect(traffic.bodyBytes == 0)
    var forgotten: HeldBody? = HeldBody(acme, traffic, RouterMetrics())
    try forgotten?.take(40)
    forgotten = nil
    #expect(traffic.bodyBytes == 0)
  }

  @Test func `one tenant has no room of all, and a cell's part of the room fits its listener`() {
    let limits = RouterLimits()
    #expect(limits.bodyBytesPerTenant * 2 < limits.bodyBytes)
    #expect(limits.bodyBytesPerTenant <= MessagingLimits.handlerBytes)
  }
}
