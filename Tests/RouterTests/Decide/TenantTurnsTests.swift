import Testing
import Wire

@testable import Router

@Suite("Turns of tenants", .timeLimit(.minutes(10))) struct TenantTurnsTests {
  private let acme = TenantID(trusted: "acme")
  private let zoe = TenantID(trusted: "zoe")
  private let cell = CellID(trusted: "cell-1")
  private var late: ContinuousClock.Instant { .now + .seconds(50) }

  @Test func `who gets no turn before its deadline goes without, and the line goes on`()
    async throws
  {
    let turns = TenantTurns(limit: 2)
    let first = try #require(await turns.enter(acme, at: cell, by: late))
    let second = try #require(await turns.enter(acme, at: cell, by: late))
    #expect(await turns.enter(acme, at: cell, by: .now + .milliseconds(20)) == nil)
    #expect(await turns.enter(acme, at: cell, by: .now - .seconds(1)) == nil)
    // Nobody else waits for them.
    #expect(await turns.enter(zoe, at: cell, by: late) != nil)
    turns.leave(first)
    let third = try #require(await turns.enter(acme, at: cell, by: late))
    #expect(await turns.enter(acme, at: cell, by: .now) == nil)
    for turn in [second, third] { turns.leave(turn) }
    #expect(
      await turns.enter(acme, at: cell, by: .now - .seconds(1)) != nil, "a free turn needs no time")
  }

  @Test func `all who wait get a turn, never more at a time than there are`() async {
    let turns = TenantTurns(limit: 3)
    let most = await withTaskGroup(of: Void.self, returning: Int.self) { group in
      let counter = Counter()
      for _ in 0..<200 {
        group.addTask {
          guard let turn = await turns.enter(acme, at: cell, by: late) else {
            Issue.record("no turn")
            return
          }
          await counter.enter()
          await Task.yield()
          await counter.leave()
          turns.leave(turn)
        }
      }
      await group.waitForAll()
      return await counter.most
    }
    #expect((1...3).contains(most))
    #expect(
      await turns.enter(acme, at: cell, by: .now - .seconds(1)) != nil, "all were given back")
  }

  @Test func `who waits is called when a slow request has stopped counting, though nobody left`()
    async throws
  {
    let turns = TenantTurns(TurnLines(window: 2, turns: 1...4, brief: .milliseconds(10)))
    #expect(await turns.enter(zoe, at: cell, by: late) != nil)
    #expect(await turns.enter(acme, at: cell, by: late) != nil)
    // Two are active, each has one turn: acme's is slow and never given back.
    #expect(await turns.enter(acme, at: cell, by: late) != nil)
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
