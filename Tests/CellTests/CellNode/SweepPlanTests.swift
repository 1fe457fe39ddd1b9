import Testing
import Wire

@testable import Cell

@Suite("Sweep plan") struct SweepPlanTests {
  private let second: UInt64 = 1_000_000_000

  private func heads(_ count: Int, seq: UInt64 = 2) -> [TenantID: TenantSeq] {
    Dictionary(
      uniqueKeysWithValues: (0..<count).map { (TenantID(trusted: "t\($0)"), TenantSeq(seq)) })
  }

  private func all(_ count: Int) -> Set<TenantID> { Set(heads(count).keys) }

  @Test func `everybody is seen once, then again after a day: many at the start, then a few`() {
    var plan = SweepPlan()
    let heads = heads(69)
    var seen: [TenantID] = []
    for step in 0..<5 {
      let chosen = plan.step(heads, open: [], now: UInt64(step) * 10 * second)
      #expect(chosen.count == [64, 2, 2, 1, 0][step])
      seen += chosen
      #expect(plan.unseen(of: 69) == 69 - seen.count)
    }
    #expect(Set(seen) == Set(heads.keys) && seen.count == 69)
    let quiet = plan.step(heads, open: [], now: 3_600 * second)
    #expect(quiet.isEmpty)
    let nextDay = plan.step(heads, open: [], now: 86_400 * second)
    #expect(nextDay.count == 2 && Set(nextDay).isSubset(of: seen.prefix(64)))
  }

  @Test func `who has written is seen again after ten seconds, not before`() {
    var plan = SweepPlan()
    _ = plan.step(heads(1), open: [], now: 0)
    let early = plan.step(heads(1, seq: 3), open: all(1), now: 5 * second)
    let later = plan.step(heads(1, seq: 4), open: all(1), now: 10 * second)
    let unchanged = plan.step(heads(1, seq: 4), open: all(1), now: 600 * second)
    #expect(early.isEmpty && later == [TenantID(trusted: "t0")] && unchanged.isEmpty)
  }

  @Test func `who comes later, or writes, does not wait for the idle ones`() throws {
    var plan = SweepPlan()
    var heads = heads(1_000)
    let first = Set(plan.step(heads, open: [], now: 0))
    let writer = try #require(heads.keys.first { !first.contains($0) })
    let new = TenantID(trusted: "new")
    heads[new] = TenantSeq(2)
    heads[writer] = TenantSeq(3)
    let soon = plan.step(heads, open: [], now: 5 * second)
    #expect(soon.isEmpty, "nobody is opened so soon after others")
    let next = plan.step(heads, open: [new, writer], now: 10 * second)
    #expect(Set(next.prefix(2)) == [new, writer])
    #expect(next.count == 4)
  }

  @Test func `a step is bounded, however many have written`() {
    var plan = SweepPlan()
    for step in 0..<300 { _ = plan.step(heads(500), open: [], now: UInt64(step) * 10 * second) }
    #expect(plan.unseen(of: 500) == 0)
    let chosen = plan.step(heads(500, seq: 3), open: all(500), now: 4_000 * second)
    #expect(chosen.count == SweepPlan.changedPerStep)
  }

  @Test func `who was closed before it was seen is opened slowly, and takes nobody's turn`() {
    var plan = SweepPlan()
    _ = plan.step(heads(500), open: [], now: 0)
    let chosen = plan.step(heads(500, seq: 3), open: [], now: 10 * second)
    #expect(chosen.count == SweepPlan.openedAtOnce)
    var seen: [TenantID] = []
    var step: UInt64 = 1
    while seen.count < 499, step < 1_000 {
      step += 1
      seen += plan.step(heads(500, seq: 3), open: [], now: step * 10 * second)
    }
    #expect(Set(seen + chosen).count == 500)
  }

  @Test func `with more tenants than two at a time can see in a day, more are seen`() {
    var plan = SweepPlan()
    _ = plan.step(heads(100_000), open: [], now: 0)
    let chosen = plan.step(heads(100_000), open: [], now: 10 * second)
    #expect(chosen.count == 12)
  }
}
