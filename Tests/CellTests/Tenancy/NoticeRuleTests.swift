import Testing
import Wire

@testable import Cell

@Suite("Which letters and alerts may leave") struct NoticeRuleTests {
  private let tenant = TenantID(trusted: "t1")
  private let end = NoticeRule.after(Timestamp(seconds: 7 + NoticeRule.settleSeconds))

  private func table(_ scope: StopReason.Scope, _ id: String, lifted: Bool = false) -> StopTable {
    var table = StopTable(cell: "c1", region: "eu")
    table.apply(
      SendStop(
        scope: scope, id: id, reason: "why", since: Timestamp(seconds: 7), version: 1,
        lifted: lifted))
    return table
  }

  @Test func `what was due by a promotion or restore, and some seconds, is an earlier owner's`() {
    var table = table(.cell, "c1")
    #expect(table.notices(of: tenant) == end)
    #expect(self.table(.cell, "c1", lifted: true).notices(of: tenant) == .all)
    #expect(self.table(.cell, "c2").notices(of: tenant) == .all)
    // The later of both.
    table.mark(tenant, .suspended(restore: "r", since: Timestamp(seconds: 9)))
    let later = NoticeRule.after(Timestamp(seconds: 9 + NoticeRule.settleSeconds))
    #expect(table.notices(of: tenant) == later)
    #expect(table.notices(of: TenantID(trusted: "t2")) == end)
  }

  @Test(arguments: [
    (StopReason.Scope.platform, "all"), (.region, "eu"), (.tenant, "t1"), (.number, "106"),
  ])
  func `a stop of sends keeps no letter back`(scope: StopReason.Scope, id: String) {
    #expect(table(scope, id).notices(of: tenant) == .all)
  }

  @Test func `a fork, a suspended tenant and one about to move write to nobody`() {
    var fork = table(.cell, "c1")
    fork.mark(tenant, .fork(since: .zero))
    #expect(fork.notices(of: tenant) == .nothing)
    var moving = StopTable(cell: "c1", region: "eu")
    moving.quiesce(tenant, since: .zero)
    #expect(moving.notices(of: tenant) == .nothing)
    moving.quiesce(tenant, since: nil)
    #expect(moving.notices(of: tenant) == .all)
    var unpaid = StopTable(cell: "c1", region: "eu")
    for (state, rule) in [(TenantState.suspended, NoticeRule.nothing), (.readOnly, .all)] {
      unpaid.set(DirectoryEntry(tenant: tenant, state: state, reason: "", changedAt: .zero))
      #expect(unpaid.notices(of: tenant) == rule)
    }
  }
}
