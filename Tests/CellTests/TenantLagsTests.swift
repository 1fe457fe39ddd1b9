import Platform
import Testing
import Wire

@testable import Cell

@Suite("How far tenants are behind at followers") struct TenantLagsTests {
  private func tenant(_ number: Int) -> TenantID { TenantID(trusted: "t\(number)") }

  @Test func `records, bytes and age are counted per tenant`() {
    var lags = TenantLags()
    for (number, size, time) in [(1, 100, 5_000), (2, 40, 6_000), (1, 60, 7_000)] {
      let taken = lags.add(
        tenant(number), bytes: size, at: Timestamp(milliseconds: Int64(time)))
      #expect(taken)
    }
    #expect(lags.furthest.map(\.tenant) == [tenant(1), tenant(2)])
    #expect(
      lags.byTenant[tenant(1)]
        == TenantLags.Lag(records: 2, bytes: 160, since: Timestamp(milliseconds: 5_000)))
    let families = lags.families(at: Timestamp(milliseconds: 8_000))
    #expect(families.map(\.samples.count) == [2, 2, 2, 1])
    let text = PrometheusText(labels: []).render(families)
    #expect(text.contains("aimstors_replication_tenant_lag_bytes{tenant=\"t1\"} 160"))
    #expect(text.contains("aimstors_replication_tenant_lag_seconds{tenant=\"t1\"} 3"))
  }

  @Test func `many tenants give a bounded number of series, and many records are not all read`() {
    var lags = TenantLags()
    var taken = 0
    while lags.add(
      tenant(taken % 1_000), bytes: 10, at: Timestamp(milliseconds: 1))
    { taken += 1 }
    #expect(taken == ReplicationLimits.lagRecords)
    #expect(lags.isPartial)
    #expect(lags.furthest.count == ReplicationLimits.lagTenants)
  }
}
