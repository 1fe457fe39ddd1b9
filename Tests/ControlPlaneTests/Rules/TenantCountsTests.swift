import Simulation
import Storage
import Testing
import Wire

@testable import ControlPlane

/// How many tenants a cell has, as placement and drains ask.
@Suite("Tenants counted by cell") struct TenantCountsTests {
  private static let cells = ["a", "b", "c"].map { CellID(trusted: $0) }
  private struct Undone: Error {}

  private static func tenant(
    _ number: Int, on cell: CellID, epoch: UInt64 = 1, tier: String = "standard"
  ) throws -> TenantRecord {
    TenantRecord(
      id: TenantID(trusted: "t\(number)"), name: "n", slug: "s\(number)",
      region: RegionID(trusted: "eu"), currency: try #require(Currency("EUR")), timeZone: "UTC",
      tier: tier, parent: nil, state: .active, reason: "", isProvisioned: false,
      placement: Placement(cell: cell, epoch: Epoch(epoch)), durability: .cell,
      createdAt: .zero, version: 1)
  }

  @Test func `the number stays right as tenants are made, move, and leave a cell empty`() throws {
    let store = try DirectStore(
      tenant: .platformStore, schema: PlatformSchema.schema, directory: nil,
      random: SeededRandomSource(seed: 1))
    func expect(_ counts: [Int], _ step: String) throws {
      let rows = PlatformRows(connection: store.reading(.platform))
      let all = try rows.tenantCounts()
      for (cell, count) in zip(Self.cells, counts) {
        #expect(try rows.tenantCount(on: cell) == count, "\(cell) once \(step)")
        #expect(all[cell]?.tenants ?? 0 == count, "\(cell) once \(step)")
      }
    }
    func put(_ tenants: TenantRecord..., isUndone: Bool = false) throws {
      try store.write(at: .zero) { tx in
        let rows = PlatformRows(connection: try tx.file(.platform))
        for tenant in tenants { try rows.put(tenant) }
        if isUndone { throw Undone() }
      }
    }
    try expect([0, 0, 0], "there is nobody")
    try put(
      Self.tenant(1, on: Self.cells[0]), Self.tenant(2, on: Self.cells[0]),
      Self.tenant(3, on: Self.cells[1], tier: PlacementRule.dedicatedTier))
    try expect([2, 1, 0], "they are made")
    // Told again, as every change of a tenant is.
    try put(Self.tenant(1, on: Self.cells[0]))
    try expect([2, 1, 0], "one has changed")
    #expect(throws: Undone.self) { try put(Self.tenant(4, on: Self.cells[2]), isUndone: true) }
    try expect([2, 1, 0], "a creation was undone")
    try put(Self.tenant(1, on: Self.cells[2], epoch: 2))
    try expect([1, 1, 1], "one has moved")
    try put(Self.tenant(2, on: Self.cells[2], epoch: 2))
    try expect([0, 1, 2], "a cell was emptied")
    let counts = try PlatformRows(connection: store.reading(.platform)).tenantCounts()
    #expect(counts[Self.cells[1]]?.hasDedicated == true)
    #expect(counts[Self.cells[2]]?.hasDedicated == false)
  }
}
