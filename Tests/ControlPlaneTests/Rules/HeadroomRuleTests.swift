import Testing
import Wire

@testable import ControlPlane

@Suite("The headroom rule, on what is counted") struct HeadroomRuleTests {
  private func cell(
    _ id: String, _ tenants: Int, places: Int = 10, takes: Bool = true, dedicated: Bool = false,
    drains: Bool = false
  ) -> CellUse {
    CellUse(
      id: CellID(trusted: id), region: RegionID(trusted: "eu"), takesTenants: takes,
      isDraining: drains, hasDedicated: dedicated, tenants: tenants, tenantCapacity: places)
  }

  private func opened(_ id: String, _ cells: [CellUse]) -> [String] {
    HeadroomRule.opened(byLosing: CellID(trusted: id), of: cells).map(\.cell.rawValue)
  }

  @Test func `one cell alone has no headroom to lack`() {
    #expect(HeadroomRule.missing([cell("a", 10)]).isEmpty)
    // Nor one whose only neighbour is gone: that is the news then.
    #expect(HeadroomRule.missing([cell("a", 10), cell("b", 0, takes: false)]).isEmpty)
  }

  @Test func `a cell whose tenants have no places elsewhere is named`() {
    let gaps = HeadroomRule.missing([cell("a", 8), cell("b", 3)])
    #expect(gaps.map(\.cell.rawValue) == ["a", "b"])
    #expect(gaps.first?.lacks == "places for 1 tenants")
    #expect(HeadroomRule.missing([cell("a", 8), cell("b", 3), cell("c", 9)]).isEmpty)
  }

  @Test func `a cell that is emptied opens gaps where the others become too full`() {
    // Three cells have room for the loss of any one, two of them have not.
    #expect(opened("c", [cell("a", 6), cell("b", 6), cell("c", 3)]) == ["a", "b"])
    #expect(opened("c", [cell("a", 4), cell("b", 4), cell("c", 2)]).isEmpty)
  }

  @Test func `a gap that was there before is nobody's doing`() {
    #expect(opened("c", [cell("a", 9), cell("b", 9), cell("c", 8)]).isEmpty)
  }

  @Test func `the last cell but one may go`() {
    #expect(opened("b", [cell("a", 6), cell("b", 3)]).isEmpty)
  }

  @Test func `a drain that was allowed names nobody`() {
    let drained = cell("b", 3, takes: false, drains: true)
    #expect(HeadroomRule.missing([cell("a", 6), drained]).isEmpty)
  }

  @Test(arguments: ["0", "z"])
  func `the emptiest cell is filled first, whatever its name`(spare: String) {
    let cells = [cell("a", 5), cell("d", 1, dedicated: true), cell("lost", 3), cell(spare, 0)]
    #expect(opened("lost", cells) == ["d"])
  }

  @Test func `an empty cell is what a dedicated tenant falls back on`() {
    let cells = [cell("a", 1), cell("b", 1), cell("d", 1, dedicated: true), cell("spare", 0)]
    #expect(opened("spare", cells) == ["d"])
  }
}
