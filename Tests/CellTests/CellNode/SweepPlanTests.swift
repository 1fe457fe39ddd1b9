import Testing
import Wire

@testable import Cell

@Suite("Sweep plan") struct SweepPlanTests {
  private let second: UInt64 = 1_000_000_000

  private func heads(_ count: Int, seq: UInt64 = 2) -> [TenantID: TenantSeq] {
    Dictionary(
      uniqueKeysWithValues: (0..<count).map { (TenantID(trusted: "t\($0)"), TenantSeq(seq)) })
  }

  @Test func `everybody is seen once, a few per step, and again after a day`() {
    var plan = SweepPlan()
    let heads = heads(12)
    var seen: [TenantID] = []
    for step in 0..<3 {
      let chosen = plan.step(heads, now: UInt64(step) * 10 * second)
      #expect(chosen.count == [5, 5, 2][step])
      seen += chosen
    }
    #expect(Set(seen) == Set(heads.keys) && seen.count == 12)
    #expect(plan.unseen(of: 12) == 0)
    let quiet = plan.step(heads, now: 3_600 * second)
    #expect(quiet.isEmpty)
    let nextDay = plan.step(heads, now: 86_400 * second)
    #expect(Set(nextDay) == Set(seen.prefix(5)))
  }

  @Test func `who has written is seen again after a minute, not before`() {
    var plan = SweepPlan()
    _ = plan.step(heads(1), now: 0)
    let early = plan.step(heads(1, seq: 3), now: 30 * second)
    let later = plan.step(heads(1, seq: 4), now: 60 * second)
    let unchanged = plan.step(heads(1, seq: 4), now: 600 * second)
    #expect(early.isEmpty && later == [TenantID(trusted: "t0")] && unchanged.isEmpty)
  }

  @Test func `a step is bounded, however many have written`() {
    var plan = SweepPlan()
    for step in 0..<100 { _ = plan.step(heads(500), now: UInt64(step) * second) }
    let chosen = plan.step(heads(500, seq: 3), now: 1_000 * second)
    #expect(chosen.count == SweepPlan.changedPerStep)
  }

  @Test func `with more tenants than five per step can see in a day, more are seen`() {
    var plan = SweepPlan()
    let chosen = plan.step(heads(100_000), now: 0)
    #expect(chosen.count == 12)
  }
}
