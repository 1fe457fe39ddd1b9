import Testing
import Wire

@testable import Storage

@Suite("Overview of the heads") struct HeadsOverviewTests {
  private let one = TenantID(trusted: "one")
  private let two = TenantID(trusted: "two")

  private func head(
    _ seq: UInt64, _ ownership: TenantHead.Ownership, due: Int64? = nil
  ) -> TenantHead {
    TenantHead(
      lineage: Lineage(7), tenantSeq: TenantSeq(seq), hash: .zero, epoch: .first,
      ownership: ownership, time: .zero, schemaVersion: 1,
      nextDue: due.map { Timestamp(milliseconds: $0) }, cellSeq: CellSeq(seq))
  }

  @Test func `it follows every change`() {
    let table = HeadsTable(heads: [:], through: CellSeq(0))
    #expect(table.overview.served.isEmpty && table.overview.firstDue == nil)
    table.durable(one, head(1, .owned, due: 9))
    table.durable(two, head(2, .owned, due: 5))
    #expect(Set(table.overview.served.keys) == [one, two])
    #expect(table.overview.firstDue == Timestamp(milliseconds: 5))
    table.durable(two, head(3, .released, due: 5))
    #expect(Set(table.overview.served.keys) == [one] && table.overview.arriving.isEmpty)
    #expect(table.overview.firstDue == Timestamp(milliseconds: 9))
    table.durable(two, head(4, .importing))
    #expect(table.overview.arriving.keys.map(\.rawValue) == ["two"])
    // Asked again without a change it is the same.
    #expect(table.overview.served == table.overview.served)
  }
}
