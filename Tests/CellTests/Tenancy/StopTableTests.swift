import Testing
import Wire

@testable import Cell

@Suite("Stop table") struct StopTableTests {
  private let tenant = TenantID(trusted: "t1")

  private func stop(
    _ scope: StopReason.Scope, _ id: String, version: UInt64 = 1, lifted: Bool = false
  ) -> SendStop {
    SendStop(
      scope: scope, id: id, reason: "why", since: Timestamp(seconds: 7), version: version,
      lifted: lifted)
  }

  @Test(arguments: [
    (StopReason.Scope.platform, "all"), (.region, "eu"), (.cell, "c1"), (.tenant, "t1"),
    (.number, "106"),
  ])
  func `a stop of every scope reaches the tenant's number`(scope: StopReason.Scope, id: String) {
    var table = StopTable(cell: "c1", region: "eu")
    table.apply(stop(scope, id), at: Timestamp(seconds: 8))
    let reason = table.reason(tenant: tenant, phoneNumberID: "106")
    #expect(reason == StopReason(scope: scope, reason: "why", since: Timestamp(seconds: 7)))
    table.apply(stop(scope, id, version: 2, lifted: true), at: Timestamp(seconds: 8))
    #expect(table.reason(tenant: tenant, phoneNumberID: "106") == nil)
  }

  @Test(arguments: [
    (StopReason.Scope.region, "us"), (.cell, "c2"), (.tenant, "t2"), (.number, "107"),
  ])
  func `another's stop does not`(scope: StopReason.Scope, id: String) {
    var table = StopTable(cell: "c1", region: "eu")
    table.apply(stop(scope, id), at: Timestamp(seconds: 8))
    #expect(table.reason(tenant: tenant, phoneNumberID: "106") == nil)
  }

  @Test func `a number can be stopped under its own identifier too`() {
    var table = StopTable(cell: "c1", region: "eu")
    table.apply(stop(.number, "num_1"), at: Timestamp(seconds: 8))
    #expect(table.reason(tenant: tenant, phoneNumberID: "106") == nil)
    table.note(numberID: "num_1", phoneNumberID: "106")
    #expect(table.reason(tenant: tenant, phoneNumberID: "106")?.scope == .number)
  }

  @Test func `an older directive that arrives late changes nothing`() {
    var table = StopTable(cell: "c1", region: "eu")
    table.apply(stop(.tenant, "t1", version: 5), at: Timestamp(seconds: 8))
    table.apply(stop(.tenant, "t1", version: 4, lifted: true), at: Timestamp(seconds: 8))
    #expect(table.reason(tenant: tenant, phoneNumberID: "106") != nil)
  }

  @Test func `a suspended tenant sends nothing`() {
    var table = StopTable(cell: "c1", region: "eu")
    table.set(
      DirectoryEntry(
        tenant: tenant, state: .suspended, reason: "unpaid", changedAt: Timestamp(seconds: 9)))
    #expect(table.reason(tenant: tenant, phoneNumberID: "106")?.scope == .tenantState)
    #expect(table.state(of: tenant) == .suspended)
    #expect(table.state(of: TenantID(trusted: "t2")) == .active)
  }
}
