import Testing
import Wire

@testable import Storage

@Suite("Unseen tenants") struct UnseenTenantsTests {
  private let a = TenantID(trusted: "a")
  private let b = TenantID(trusted: "b")

  private func range(_ tenants: DamagedRange.Tenants, last: UInt64? = 20) -> DamagedRange {
    DamagedRange(
      segment: "s", startOffset: 0, endOffset: 1, firstSeq: CellSeq(10),
      lastSeq: last.map { CellSeq($0) }, tenants: tenants, reason: "flipped")
  }

  private func unseen(
    _ damage: [DamagedRange], problem: String? = nil, through: UInt64 = 0,
    directories: Set<TenantID> = []
  ) -> UnseenTenants {
    UnseenTenants(
      damage: damage, headsProblem: problem, checkpointThrough: CellSeq(through), heads: [a],
      directories: directories)
  }

  @Test func `where nothing is damaged a tenant without a head does not exist`() {
    let nothing = unseen([], directories: [a, b])
    #expect(nothing.refusal(of: b) == nil)
    #expect(nothing.named.isEmpty)
  }

  @Test func `a range names those that it holds, and nobody else`() {
    let found = unseen([range(.known([a: TenantSeq(3), b: TenantSeq(1)]))], directories: [])
    #expect(found.named.keys.sorted() == [b])
    #expect(found.refusal(of: b)?.code == .tenantStopped)
    #expect(found.refusal(of: TenantID(trusted: "c")) == nil)
  }

  @Test func `anybody may have been created in a range of unknown tenants`() {
    let found = unseen([range(.unknown(intact: [a]), last: nil)], directories: [a, b])
    #expect(found.named.keys.sorted() == [b])
    #expect(found.refusal(of: TenantID(trusted: "c"))?.code == .tenantStopped)
  }

  @Test func `a checkpoint of heads past the range knows all that were created in it`() {
    #expect(unseen([range(.unknown(intact: []))], through: 20).refusal(of: b) == nil)
    #expect(unseen([range(.unknown(intact: []))], through: 19).refusal(of: b) != nil)
    #expect(unseen([range(.unknown(intact: []), last: nil)], through: 20).refusal(of: b) != nil)
  }

  @Test func `an unreadable table of heads hides anybody`() {
    let found = unseen([], problem: "its CRC is wrong", directories: [b])
    #expect(found.named.keys.sorted() == [b])
    #expect(found.refusal(of: TenantID(trusted: "c")) != nil)
  }
}
