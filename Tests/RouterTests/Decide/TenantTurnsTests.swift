import Testing
import Wire

@testable import Router

@Suite("Turns of tenants", .timeLimit(.minutes(1))) struct TenantTurnsTests {
  private let acme = TenantID(trusted: "acme")
  private let zoe = TenantID(trusted: "zoe")
  private var late: ContinuousClock.Instant { .now + .seconds(50) }

  @Test func `who gets no turn before its deadline goes without, and the line goes on`() async {
    let turns = TenantTurns(limit: 2)
    #expect(await turns.enter(acme, by: late))
    #expect(await turns.enter(acme, by: late))
    #expect(await !turns.enter(acme, by: .now + .milliseconds(20)))
    #expect(await !turns.enter(acme, by: .now - .seconds(1)))
    // Nobody else waits for them.
    #expect(await turns.enter(zoe, by: late))
    turns.leave(acme)
    #expect(await turns.enter(acme, by: late))
    #expect(await !turns.enter(acme, by: .now))
    for _ in 0..<2 { turns.leave(acme) }
    turns.leave(zoe)
    #expect(await turns.enter(acme, by: .now - .seconds(1)), "a free turn needs no time")
  }

  @Test func `all who wait get a turn, never more at a time than there are`() async {
    let turns = TenantTurns(limit: 3)
    let most = await withTaskGroup(of: Void.self, returning: Int.self) { group in
      let counter = Counter()
      for _ in 0..<200 {
        group.addTask {
          #expect(await turns.enter(acme, by: late))
          await counter.enter()
          await Task.yield()
          await counter.leave()
          turns.leave(acme)
        }
      }
      await group.waitForAll()
      return await counter.most
    }
    #expect((1...3).contains(most))
    #expect(await turns.enter(acme, by: .now - .seconds(1)), "all turns were given back")
  }

  private actor Counter {
    private var inside = 0
    private(set) var most = 0
    func enter() {
      inside += 1
      most = max(most, inside)
    }
    func leave() { inside -= 1 }
  }
}
