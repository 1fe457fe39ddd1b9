import Testing
import Wire

@testable import ControlPlane

@Suite("Placement rule") struct PlacementRuleTests {
  private func cell(
    _ id: String, region: String = "eu", state: CellState = .active, alive: Bool = true,
    tenants: Int = 0, capacity: Int = 10, dedicated: Bool = false, disk: UInt64 = 1 << 40,
    load: Double = 0, follower: Bool = false
  ) -> PlacementCandidate {
    PlacementCandidate(
      id: CellID(trusted: id), region: RegionID(trusted: region), state: state, isAlive: alive,
      tenants: tenants, capacity: capacity, hasDedicatedTenant: dedicated,
      hasFollower: follower, diskFreeBytes: disk, operationsPerSecond: load)
  }

  private func choose(
    _ cells: [PlacementCandidate], region: String = "eu", tier: String = "standard",
    durability: TenantDurability = .cell, pinned: String? = nil
  ) throws(Failure) -> String {
    try PlacementRule().choose(
      region: RegionID(trusted: region), tier: tier, durability: durability,
      pinned: pinned.map(CellID.init(trusted:)),
      among: cells
    ).rawValue
  }

  @Test func `the emptiest cell of the region is chosen`() throws {
    let cells = [cell("a", tenants: 5), cell("b", tenants: 2), cell("us", region: "us")]
    #expect(try choose(cells) == "b")
  }

  @Test func `a busy cell loses against a quiet one with a little less room`() throws {
    #expect(try choose([cell("a", tenants: 1, load: 5_000), cell("b", tenants: 3)]) == "b")
  }

  @Test func `who asks for a follower goes where one is fed, however full`() throws {
    let cells = [cell("a"), cell("b", tenants: 9, follower: true), cell("c", follower: false)]
    #expect(try choose(cells, durability: .follower) == "b")
    #expect(try choose(cells, durability: .local) == "a")
    do throws(Failure) {
      _ = try choose([cell("a"), cell("b", alive: false, follower: true)], durability: .follower)
      Issue.record("it was placed")
    } catch {
      #expect(error.code == .followerMissing)
    }
  }

  @Test func `equal cells are chosen by name, so that a run repeats`() throws {
    #expect(try choose([cell("b"), cell("a")]) == "a")
  }

  @Test func `the operator's cell is taken even when another is emptier`() throws {
    #expect(try choose([cell("a", tenants: 5), cell("b")], pinned: "a") == "a")
  }

  @Test func `a region without cells is the request's mistake`() {
    #expect(throws: Failure.self) { try choose([cell("a")], region: "mars") }
    let failure = refusal { () throws(Failure) in try choose([cell("a")], region: "mars") }
    #expect(failure?.code == .invalidField)
    #expect(failure?.detail.hasPrefix("region:") == true)
  }

  @Test(arguments: [
    ("dead", false, CellState.active), ("draining", true, .draining), ("joining", true, .joining),
  ])
  func `a cell that takes no tenants now is unavailable`(
    _: String, alive: Bool, state: CellState
  ) {
    let failure = refusal { () throws(Failure) in
      try choose([cell("a", state: state, alive: alive)])
    }
    #expect(failure?.code == .cellUnavailable)
  }

  @Test func `a cell refuses when full, low on disk or dedicated, and says why`() {
    let cells = [
      cell("a", tenants: 10), cell("b", disk: 1 << 20), cell("c", tenants: 1, dedicated: true),
    ]
    let failure = refusal { () throws(Failure) in try choose(cells) }
    #expect(failure?.code == .cellFull)
    #expect(failure?.detail.contains("a: has all 10") == true)
    #expect(failure?.detail.contains("b: is low on disk") == true)
    #expect(failure?.detail.contains("c: belongs to a dedicated tenant") == true)
  }

  @Test func `a dedicated tenant gets an empty cell or none`() throws {
    #expect(try choose([cell("a", tenants: 1), cell("b")], tier: "dedicated") == "b")
    let failure = refusal { () throws(Failure) in
      try choose([cell("a", tenants: 1)], tier: "dedicated")
    }
    #expect(failure?.code == .cellFull)
  }

  @Test func `the cell that a dedicated tenant falls back on is filled last`() throws {
    let shared = [cell("b", tenants: 7), cell("a"), cell("c")]
    #expect(try choose(shared + [cell("d", tenants: 1, dedicated: true)]) == "a")
    let last = [cell("b", tenants: 7), cell("c"), cell("d", tenants: 1, dedicated: true)]
    #expect(try choose(last) == "b")
    // Without a dedicated tenant nobody needs it.
    #expect(try choose(Array(last.prefix(2))) == "c")
    #expect(try choose(last, tier: "dedicated") == "c")
    #expect(try choose(last, pinned: "c") == "c")
    // A cell that is filled as far as a rebalance would fill it is no better.
    let full = [cell("b", tenants: 8), cell("c"), cell("d", tenants: 1, dedicated: true)]
    #expect(try choose(full) == "c")
    let busy = [
      cell("b", tenants: 7, load: 4_500), cell("c"), cell("d", tenants: 1, dedicated: true),
    ]
    #expect(try choose(busy) == "c")
    // Nor is one that another region has.
    let elsewhere = [
      cell("b", tenants: 7), cell("c"), cell("d", region: "us", tenants: 1, dedicated: true),
    ]
    #expect(try choose(elsewhere) == "c")
  }

  @Test func `epochs are above everything known and seen`() {
    #expect(EpochRule.issue(known: nil, seen: []) == Epoch(1))
    #expect(EpochRule.issue(known: Epoch(3), seen: [Epoch(7), Epoch(2)]) == Epoch(8))
  }

  @Test func `an inventory teaches, and never lowers an epoch`() {
    let here = CellID(trusted: "a")
    let there = CellID(trusted: "b")
    let known = Placement(cell: there, epoch: Epoch(5))
    func conclude(_ epoch: UInt64, by cell: CellID, provisioned: Bool = true)
      -> InventoryRule.Conclusion
    {
      InventoryRule.conclude(
        known: known, isProvisioned: provisioned, claimed: Epoch(epoch), by: cell)
    }
    #expect(conclude(6, by: here) == .learned(Placement(cell: here, epoch: Epoch(6))))
    #expect(conclude(4, by: here) == .stale(current: known))
    #expect(conclude(5, by: here) == .conflict(current: known))
    #expect(conclude(5, by: there) == .confirmed)
    #expect(conclude(5, by: there, provisioned: false) == .learned(known))
  }
}

/// The refusal that `body` throws.
func refusal<T>(_ body: () throws(Failure) -> T) -> Failure? {
  do {
    _ = try body()
    return nil
  } catch {
    return error
  }
}
