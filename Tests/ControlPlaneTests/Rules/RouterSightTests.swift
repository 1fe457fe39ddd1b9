import Simulation
import Testing

@testable import ControlPlane

@Suite("Routers that are seen") struct RouterSightTests {
  @Test func `a router that was removed is forgotten a day later, and known again when it speaks`()
  {
    let clock = SimulatedWallClock()
    let roster = CellRoster(clock: clock, boot: SimulatedBootClock())
    roster.saw(router: "r-1", mapVersion: 7)
    clock.advance(milliseconds: ControlPlaneLimits.routerGoneMilliseconds)
    roster.saw(router: "r-2", mapVersion: 7)
    #expect(roster.routers().map(\.id) == ["r-1", "r-2"])
    clock.advance(milliseconds: 1)
    #expect(roster.routers().map(\.id) == ["r-2"])
    roster.saw(router: "r-1", mapVersion: 8)
    #expect(roster.routers().map(\.id) == ["r-1", "r-2"])
  }
}
