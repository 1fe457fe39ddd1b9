import Simulation
import Storage
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
        lifted: lifted), at: Timestamp(seconds: 8))
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

  @Test func `a fork and a tenant about to move write to nobody, a suspended one to its people`() {
    var fork = table(.cell, "c1")
    fork.mark(tenant, .fork(since: .zero))
    #expect(fork.notices(of: tenant) == .nothing)
    var moving = StopTable(cell: "c1", region: "eu")
    moving.quiesce(tenant, since: .zero)
    #expect(moving.notices(of: tenant) == .nothing)
    moving.quiesce(tenant, since: nil)
    #expect(moving.notices(of: tenant) == .all)
    var unpaid = StopTable(cell: "c1", region: "eu")
    for state in [TenantState.suspended, .readOnly] {
      unpaid.set(DirectoryEntry(tenant: tenant, state: state, reason: "", changedAt: .zero))
      #expect(unpaid.notices(of: tenant) == .all)
      #expect(unpaid.reason(tenant: tenant, phoneNumberID: "106")?.scope == .tenantState)
    }
  }

  /// By its own time every letter of the next hour would be an earlier owner's.
  @Test func `a stop of a control plane whose clock is ahead counts from when it is here`()
    async throws
  {
    let clock = SimulatedWallClock()
    let store = DirectTenants(
      schema: CellStoreSchema.schema, clock: clock, random: SeededRandomSource(seed: 1))
    try store.create(.cellStore)
    func directives() -> Directives {
      Directives(store: store, cell: CellID(trusted: "c1"), region: RegionID(trusted: "eu"))
    }
    func end(_ milliseconds: Int64) -> NoticeRule {
      .after(Timestamp(milliseconds: milliseconds).adding(seconds: NoticeRule.settleSeconds))
    }
    let applied = clock.milliseconds()
    let ahead = SendStop(
      scope: .cell, id: "c1", reason: "promoted",
      since: Timestamp(milliseconds: applied + 3_600_000), version: 1, lifted: false)
    let first = directives()
    try await first.apply(ahead, trace: "")
    #expect(first.notices(of: tenant) == end(applied))
    // Told again, it is the same stop.
    clock.advance(milliseconds: 60_000)
    try await first.apply(ahead, trace: "")
    #expect(first.notices(of: tenant) == end(applied))
    // When it came, a start does not know any more: not later than this.
    let second = directives()
    try await second.load()
    #expect(second.notices(of: tenant) == end(applied + 60_000))
  }
}
