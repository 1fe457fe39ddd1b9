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
    #expect(plan.next(at: at(59_999), archived: CellSeq(10), period: day) == nil)
    #expect(plan.next(at: at(60_000), archived: CellSeq(10), period: day) == a)
    // An archive that is behind, or was not looked at yet, cannot bring it back.
    #expect(plan.next(at: at(600_000), archived: CellSeq(9), period: day) == nil)
    #expect(plan.next(at: at(600_000), archived: nil, period: day) == nil)
    // What it wrote since does not keep it waiting.
    plan.see(heads([a: 5_000]), at: at(600_000))
    #expect(plan.next(at: at(600_000), archived: CellSeq(10), period: day) == a)
    #expect(plan.oldest == at(0))
  }

  @Test func `one that fails does not keep the others from their turn`() {
    var plan = DrillPlan()
    plan.see(heads([a: 1]), at: at(0))
    plan.see(heads([a: 1, b: 2]), at: at(1_000))
    #expect(plan.next(at: at(61_000), archived: CellSeq(2), period: day) == a)
    plan.note(a, "damaged", at: at(61_000))
    #expect(plan.next(at: at(61_000), archived: CellSeq(2), period: day) == b)
    plan.note(b, nil, at: at(62_000))
    #expect(plan.next(at: at(62_000), archived: CellSeq(2), period: day) == nil)
    #expect(plan.next(at: at(661_000), archived: CellSeq(2), period: day) == a)
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
    #expect(plan.next(at: at(day + 999), archived: nil, period: day) == nil)
    #expect(plan.next(at: at(day + 1_000), archived: nil, period: day) == a)
  }

  @Test func `who has gone is forgotten with its failure`() {
    var plan = DrillPlan()
    plan.see(heads([a: 1]), at: at(0))
    plan.note(a, "damaged", at: at(100_000))
    plan.see(heads([b: 2]), at: at(200_000))
    #expect(plan.failure == nil)
    #expect(plan.oldest == at(200_000))
    #expect(plan.next(at: at(10_000_000), archived: CellSeq(2), period: day) == b)
  }
}
