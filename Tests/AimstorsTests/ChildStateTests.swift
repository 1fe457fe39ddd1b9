import Testing

@testable import aimstors

@Suite struct ChildStateTests {
  @Test func `a child that keeps dying waits longer each time, up to a bound`() {
    var child = ChildState()
    var now: Int64 = 0
    var waits: [Int64] = []
    for _ in 0..<10 {
      child.started(at: now)
      waits.append(child.died(at: now + 5))
      now += waits.last ?? 0
    }
    #expect(waits.prefix(4) == [100, 200, 400, 800])
    #expect(waits.last == ChildState.mostWait && child.restarts == 10)
  }

  @Test func `a child that ran for long starts again at once`() {
    var child = ChildState()
    child.started(at: 0)
    _ = child.died(at: 1)
    child.started(at: 200)
    #expect(child.died(at: 200 + ChildState.steadyAfter) == ChildState.leastWait)
  }

  @Test func `a child is due when its wait is over, and never after the stop`() {
    var child = ChildState()
    #expect(child.isDue(at: 0))
    child.started(at: 0)
    #expect(!child.isDue(at: 1_000_000))
    _ = child.died(at: 10)
    #expect(!child.isDue(at: 109) && child.isDue(at: 110))
    child.stop()
    #expect(!child.isDue(at: 1_000_000))
  }
}
