import Testing
import Wire

@testable import ControlPlane

@Suite("Claims that contradict") struct OwnerConflictsTests {
  private let a = CellID(trusted: "a")
  private let b = CellID(trusted: "b")
  private let tenant = TenantID(trusted: "t")

  private func served(
    _ tenant: String, by cell: String, since: Int64 = 1, epoch: UInt64 = 1
  ) -> OwnerConflict {
    OwnerConflict(
      TenantID(trusted: tenant), epoch: epoch, by: CellID(trusted: cell),
      placed: Placement(cell: CellID(trusted: "z"), epoch: Epoch(2)), at: Timestamp(seconds: since))
  }

  private func holds(_ key: String) -> OwnerConflict {
    OwnerConflict(tenant, holds: .phoneNumber, key, on: a, at: Timestamp(seconds: 1))
  }

  private func holder(_ tenant: String, released: Bool = false) -> KeyClaim {
    KeyClaim(
      kind: .phoneNumber, key: "1", tenant: TenantID(trusted: tenant), version: 1,
      isReleased: released)
  }

  @Test func `a claim is over when its cell has named all that it serves without it`() {
    var conflicts = OwnerConflicts()
    conflicts.claimed(by: a, [served("t", by: "a"), served("u", by: "a")])
    conflicts.claimed(by: b, [served("t", by: "b")])
    #expect(conflicts.all.count == 3)
    conflicts.claimed(by: a, [served("u", by: "a", since: 9, epoch: 3)])
    #expect(conflicts.all.map(\.claim.cell) == [b, a])
    #expect(conflicts.all.map(\.problem.tenant) == ["t", "u"])
    // It stands since it was heard first.
    #expect(conflicts.all.last?.since == Timestamp(seconds: 1))
    conflicts.claimed(by: a, [])
    #expect(conflicts.all.map(\.claim.cell) == [b])
  }

  @Test func `a cell that is gone claims no tenant, and its tenants' keys stay as they are`() {
    var conflicts = OwnerConflicts()
    for conflict in [served("t", by: "a"), served("t", by: "b"), holds("1")] {
      conflicts.heard(conflict)
    }
    conflicts.gone(a)
    #expect(Set(conflicts.all.map(\.claim)) == [served("t", by: "b").claim, holds("1").claim])
  }

  @Test func `a key that two hold is over when its tenant gives it up, not when its cell joins`() {
    var conflicts = OwnerConflicts()
    conflicts.heard(holds("1"))
    conflicts.heard(holds("2"))
    conflicts.claimed(by: a, [])
    #expect(conflicts.all.count == 2)
    conflicts.released(.phoneNumber, "1", by: TenantID(trusted: "u"))
    conflicts.released(.waba, "1", by: tenant)
    #expect(conflicts.all.count == 2)
    conflicts.released(.phoneNumber, "1", by: tenant)
    #expect(conflicts.all == [holds("2")])
    conflicts.end([holds("2").claim])
    #expect(conflicts.all.isEmpty)
  }

  @Test func `a key is claimed no more when the cell names all keys of its tenant without it`() {
    var conflicts = OwnerConflicts()
    for conflict in [holds("1"), holds("2"), served("t", by: "a")] { conflicts.heard(conflict) }
    // Not by another cell, nor by what is said of another tenant.
    conflicts.told(b, tenant, holds: [])
    conflicts.told(a, TenantID(trusted: "u"), holds: [])
    #expect(conflicts.all.count == 3)
    conflicts.told(a, tenant, holds: [.key(.phoneNumber, "2"), .key(.slug, "1")])
    #expect(Set(conflicts.all.map(\.claim)) == [holds("2").claim, served("t", by: "a").claim])
  }

  @Test func `what is stored settles a claim`() {
    let claimed = served("t", by: "a").claim
    #expect(!claimed.isOver(placement: Placement(cell: b, epoch: Epoch(5)), holder: nil))
    #expect(claimed.isOver(placement: Placement(cell: a, epoch: Epoch(5)), holder: nil))
    #expect(claimed.isOver(placement: nil, holder: nil))
    let held = holds("1").claim
    #expect(!held.isOver(placement: nil, holder: holder("u")))
    // The other gave it up; its messages come to nobody.
    #expect(!held.isOver(placement: nil, holder: holder("u", released: true)))
    #expect(!held.isOver(placement: nil, holder: nil))
    #expect(held.isOver(placement: nil, holder: holder("t")))
    #expect(held.isOver(placement: nil, holder: holder("t", released: true)))
  }
}
