import Storage
import Testing
import Wire

@testable import Archive

@Suite("Who is drilled next") struct DrillPlanTests {
  private let day: Int64 = 20 * 3_600_000
  private let a = TenantID(trusted: "a")
  private let b = TenantID(trusted: "b")

  private func at(_ milliseconds: Int64) -> Timestamp { Timestamp(milliseconds: milliseconds) }

  private func heads(_ positions: [TenantID: UInt64]) -> [TenantID: TenantHead] {
    positions.mapValues {
      TenantHead(
        lineage: Lineage(1), tenantSeq: TenantSeq(2), hash: SHA256Hash.of([]), epoch: .first,
        ownership: .owned, time: .zero, schemaVersion: 1, nextDue: nil, cellSeq: CellSeq($0))
    }
  }

  @Test func `a new tenant waits a minute, and until the archive has it`() {
    var plan = DrillPlan()
    plan.see(heads([a: 10]), at: at(0))
    #expect(plan.next(at: at(59_999), archived: CellSeq(10), period: day).isEmpty)
    #expect(plan.next(at: at(60_000), archived: CellSeq(10), period: day) == [a])
    // An archive that is behind, or was not looked at yet, cannot bring it back.
    #expect(plan.next(at: at(600_000), archived: CellSeq(9), period: day).isEmpty)
    #expect(plan.next(at: at(600_000), archived: nil, period: day).isEmpty)
    // What it wrote since does not keep it waiting.
    plan.see(heads([a: 5_000]), at: at(600_000))
    #expect(plan.next(at: at(600_000), archived: CellSeq(10), period: day) == [a])
    #expect(plan.oldest == at(0))
  }

  @Test func `one that fails does not keep the others from their turn`() {
    var plan = DrillPlan()
    plan.see(heads([a: 1]), at: at(0))
    plan.see(heads([a: 1, b: 2]), at: at(1_000))
    #expect(plan.next(at: at(60_999), archived: CellSeq(2), period: day) == [a])
    #expect(plan.next(at: at(61_000), archived: CellSeq(2), period: day) == [a, b])
    plan.note(a, "damaged", at: at(61_000))
    #expect(plan.next(at: at(61_000), archived: CellSeq(2), period: day) == [b])
    plan.note(b, nil, at: at(62_000))
    #expect(plan.next(at: at(62_000), archived: CellSeq(2), period: day).isEmpty)
    #expect(plan.next(at: at(661_000), archived: CellSeq(2), period: day) == [a])
    #expect(plan.failure?.tenant == a)
    plan.note(a, nil, at: at(661_000))
    #expect(plan.failure == nil)
    #expect(plan.drilled == 2)
  }

  @Test func `who was verified comes again after the period, also after a restart`() {
    var plan = DrillPlan()
    plan.load(a, verified: at(1_000))
    plan.see(heads([a: 7]), at: at(5_000))
    #expect(plan.oldest == at(1_000))
    #expect(plan.next(at: at(day + 999), archived: nil, period: day).isEmpty)
    #expect(plan.next(at: at(day + 1_000), archived: nil, period: day) == [a])
  }

  @Test func `who is due soon goes with who is due, but no one that failed or is new`() {
    var plan = DrillPlan()
    let (c, d) = (TenantID(trusted: "c"), TenantID(trusted: "d"))
    plan.load(a, verified: at(1_000))
    plan.load(b, verified: at(day / DrillPlan.gatheredPart + 1_000))
    plan.load(c, verified: at(day / DrillPlan.gatheredPart + 1_001))
    plan.see(heads([a: 7, b: 8, c: 9]), at: at(5_000))
    #expect(plan.next(at: at(day + 999), archived: nil, period: day).isEmpty)
    #expect(plan.next(at: at(day + 1_000), archived: nil, period: day) == [a, b])
    plan.note(b, "damaged", at: at(day + 900))
    plan.see(heads([a: 7, b: 8, c: 9, d: 10]), at: at(day + 990))
    #expect(plan.next(at: at(day + 1_000), archived: CellSeq(10), period: day) == [a])
  }

  @Test func `a pass takes a bounded number`() {
    var plan = DrillPlan()
    let all = (0..<(DrillPlan.atOnce + 9)).map { TenantID(trusted: "t\($0)") }
    plan.see(heads(Dictionary(uniqueKeysWithValues: all.map { ($0, 1) })), at: at(0))
    let next = plan.next(at: at(60_000), archived: CellSeq(1), period: day)
    #expect(next.count == DrillPlan.atOnce)
  }

  @Test func `who has gone is forgotten with its failure`() {
    var plan = DrillPlan()
    plan.see(heads([a: 1]), at: at(0))
    plan.note(a, "damaged", at: at(100_000))
    plan.see(heads([b: 2]), at: at(200_000))
    #expect(plan.failure == nil)
    #expect(plan.oldest == at(200_000))
    #expect(plan.next(at: at(10_000_000), archived: CellSeq(2), period: day) == [b])
  }
}
