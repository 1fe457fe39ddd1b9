import Storage
import Testing
import Wire

@testable import Archive
@testable import Cell

/// Whom a lost cell's archive has, and the control plane has not placed there.
@Suite("Tenants that nobody placed") struct UnplacedTests {
  private func tenant(_ id: String, hasLeft: Bool = false) -> CellRestorePlan.Tenant {
    CellRestorePlan.Tenant(
      id: TenantID(trusted: id), lastActive: .zero, records: 1, bytes: 0, hasLeft: hasLeft)
  }

  @Test func `who is this cell's by the archive alone is named; who has left is not`() {
    let plan = [
      tenant("t4"), tenant("t1"), tenant("t2"), tenant("t3", hasLeft: true),
      tenant(TenantID.cellStore.rawValue),
    ]
    let here = [TenantID(trusted: "t1"): Epoch.first]
    let unplaced = CellRecovery.unplaced(plan, here: here, known: [:])
    #expect(unplaced.map(\.rawValue) == ["t2", "t4"])
  }
}
