import Testing
import Wire

@testable import Router

@Suite("Parking and in-flight limits") struct ParkingTests {
  private let acme = TenantID(trusted: "acme")
  private let zoe = TenantID(trusted: "zoe")

  @Test func `places are bounded in number, in bytes and per tenant`() {
    var limits = RouterLimits()
    limits.parkedRequests = 3
    limits.parkedPerTenant = 2
    limits.parkedBytes = 100
    var parking = Parking(limits: limits)
    let first = parking.enter(acme, bytes: 50)
    let tooLarge = parking.enter(zoe, bytes: 51)
    let second = parking.enter(acme, bytes: 10)
    let third = parking.enter(acme, bytes: 1)
    let other = parking.enter(zoe, bytes: 1)
    let full = parking.enter(zoe, bytes: 1)
    #expect(
      [first, tooLarge, second, third, other, full] == [true, false, true, false, true, false])
    #expect(parking.count == 3)
    #expect(parking.bytes == 61)
    parking.leave(acme, bytes: 50)
    let again = parking.enter(acme, bytes: 89)
    #expect(again)
  }

  @Test func `a key has a bounded number in flight, and leaves no trace when it has none`() {
    var flights = InFlight<TenantID>(limit: 2)
    let entered = (0..<3).map { _ in flights.enter(acme) }
    #expect(entered == [true, true, false])
    flights.leave(acme)
    flights.leave(acme)
    #expect(flights == InFlight(limit: 2))
  }
}
