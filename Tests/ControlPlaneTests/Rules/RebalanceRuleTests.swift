import Testing
import Wire

@testable import ControlPlane

@Suite("The rebalance rule") struct RebalanceRuleTests {
  private static let full = Load(operations: 1_000, bytes: 1e9, syncMicroseconds: 500_000)

  /// A cell whose tenants ask these parts of it, in percent.
  private func cell(
    _ id: String, _ percents: [Double], region: String = "eu", takes: Bool = true,
    drains: Bool = false, places: Int = 100
  ) -> CellLoad {
    CellLoad(
      id: CellID(trusted: id), region: RegionID(trusted: region), takesTenants: takes,
      isDraining: drains, capacity: Self.full, tenantCapacity: places,
      tenants: percents.enumerated().map { index, percent in
        tenant("\(id)-\(index)", percent)
      })
  }

  private func tenant(
    _ id: String, _ percent: Double, dedicated: Bool = false, pinned: Bool = false
  ) -> TenantLoad {
    TenantLoad(
      TenantID(trusted: id), Load(operations: percent * 10), isDedicated: dedicated,
      isPinned: pinned)
  }

  private func gaps(_ cells: [CellLoad]) -> [RebalancePlan.Gap] {
    HeadroomRule.gaps(cells.map { CellUse($0) })
  }

  private func after(_ plan: RebalancePlan) -> [String: Int] {
    Dictionary(
      uniqueKeysWithValues: plan.shares.map {
        ($0.cell.rawValue, Int(($0.after * 100).rounded()))
      })
  }

  @Test func `cells that are close enough are left alone`() {
    let plan = RebalanceRule().plan([cell("a", [20, 4, 4, 4]), cell("b", [20, 4, 2])])
    #expect(plan.moves.isEmpty && plan.unplaced.isEmpty)
  }

  @Test func `one move is planned where one is enough`() {
    let plan = RebalanceRule().plan([
      cell("a", [20, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 12, 4, 4]), cell("b", [20]),
    ])
    #expect(plan.moves.map(\.tenant.rawValue) == ["a-11"])
    #expect(plan.moves.map(\.reason) == [.balance])
  }

  @Test func `who asks for a follower is not moved away from it`() {
    var busy = cell("a", [20, 20, 20])
    busy.hasFollower = true
    for index in busy.tenants.indices { busy.tenants[index].needsFollower = true }
    #expect(RebalanceRule().plan([busy, cell("b", [])]).moves.isEmpty)
    var other = cell("b", [])
    other.hasFollower = true
    #expect(RebalanceRule().plan([busy, other]).moves.count == 1)
    busy.isDraining = true
    #expect(RebalanceRule().plan([busy, cell("b", [])]).unplaced.count == 3)
    #expect(RebalanceRule().plan([busy, cell("b", []), cell("c", [])]).moves.isEmpty)
  }

  @Test func `what is busy with bytes or fsyncs is busy too`() {
    var busy = cell("a", [1, 1, 1])
    busy.tenants[0].load.bytes = 3e8
    busy.tenants[1].load.syncMicroseconds = 200_000
    let plan = RebalanceRule().plan([busy, cell("b", [1])])
    #expect(!plan.moves.isEmpty)
    #expect(plan.moves.allSatisfy { ["a-0", "a-1"].contains($0.tenant.rawValue) })
  }

  @Test func `the largest tenants part, the largest of them stays`() {
    let plan = RebalanceRule().plan([
      cell("a", [30, 25]), cell("b", [3, 3, 3, 3, 3, 3, 3, 3, 3]), cell("c", [40]),
    ])
    #expect(plan.moves.first?.tenant.rawValue == "a-1")
    #expect(plan.moves.first?.to.rawValue == "b")
    #expect(plan.moves.first?.reason == .largest)
  }

  @Test func `a dedicated tenant goes to an empty cell, or the others go`() {
    var shared = cell("a", [5, 5])
    shared.tenants.append(tenant("alone", 10, dedicated: true))
    let empty = RebalanceRule().plan([shared, cell("b", [5]), cell("c", [])])
    #expect(
      empty.moves.contains {
        $0.tenant.rawValue == "alone" && $0.to.rawValue == "c" && $0.reason == .dedicated
      })
    let none = RebalanceRule().plan([shared, cell("b", [5])])
    #expect(Set(none.moves.map(\.tenant.rawValue)) == ["a-0", "a-1"])
    #expect(none.moves.allSatisfy { $0.to.rawValue == "b" })
  }

  @Test func `a drain moves everybody, into what is idlest, and nobody else`() {
    var rule = RebalanceRule()
    rule.isDrainOnly = true
    let plan = rule.plan([
      cell("a", [6, 3, 2, 1], drains: true), cell("b", [50, 4, 4]), cell("c", [10]),
      cell("d", [1], takes: false), cell("e", [], region: "us"),
    ])
    #expect(plan.moves.count == 4 && plan.moves.allSatisfy { $0.reason == .drain })
    #expect(plan.moves.allSatisfy { $0.to.rawValue == "c" })
    #expect(after(plan)["a"] == 0 && after(plan)["c"] == 22)
  }

  @Test func `who fits nowhere is said`() {
    let full = cell("b", [70])
    let plan = RebalanceRule().plan([cell("a", [30, 5], drains: true), full])
    #expect(plan.unplaced.map(\.tenant.rawValue) == ["a-0"])
    #expect(plan.moves.map(\.tenant.rawValue) == ["a-1"])
    let crowded = RebalanceRule().plan([
      cell("a", [1, 1, 1], drains: true), cell("b", [1], places: 3),
    ])
    #expect(crowded.moves.count == 2 && crowded.unplaced.count == 1)
  }

  @Test func `who moves already stays`() {
    var busy = cell("a", [])
    busy.tenants = [tenant("x", 40, pinned: true), tenant("y", 40, pinned: true)]
    #expect(RebalanceRule().plan([busy, cell("b", [])]).moves.isEmpty)
  }

  @Test func `a cell whose loss would not fit is named`() {
    let plan = RebalanceRule().plan([cell("a", [60]), cell("b", [58])])
    #expect(plan.gaps.map(\.cell.rawValue) == ["a", "b"])
    #expect(plan.gaps.first?.lacks.contains("operations a second") == true)
    let fits = RebalanceRule().plan([cell("a", [30]), cell("b", [30]), cell("c", [30])])
    #expect(fits.gaps.isEmpty)
    let alone = gaps([cell("a", [1])])
    #expect(alone.count == 1)
    // A dedicated tenant's cell has nothing for others, and its tenant needs an empty one.
    var dedicated = cell("d", [])
    dedicated.tenants = [tenant("x", 5, dedicated: true)]
    #expect(gaps([cell("a", [1]), dedicated]).map(\.cell.rawValue) == ["a", "d"])
    #expect(gaps([cell("a", [1]), dedicated, cell("b", [])]).isEmpty)
  }

  @Test func `the cell that a dedicated tenant falls back on stays empty while others have room`() {
    var alone = cell("d", [])
    alone.tenants = [tenant("x", 5, dedicated: true)]
    let empty = cell("e", [])
    let plan = RebalanceRule().plan([cell("a", [30, 30]), cell("b", [10]), alone, empty])
    #expect(plan.gaps.isEmpty)
    #expect(plan.moves.map(\.to.rawValue) == ["b"])
    #expect(plan.moves.count == 1)
    // Without the dedicated tenant it takes its part.
    let free = RebalanceRule().plan([cell("a", [30, 30]), cell("b", [10]), empty])
    #expect(free.moves.contains { $0.to.rawValue == "e" })
    // A drain fills it last, and a busy cell is worse than a gap.
    var drain = RebalanceRule()
    drain.isDrainOnly = true
    let drained = drain.plan([
      cell("a", [30, 30], drains: true), cell("b", [35]), alone, empty,
    ])
    #expect(Set(drained.moves.map(\.to.rawValue)) == ["b", "e"])
    let helped = RebalanceRule().plan([cell("a", [45, 40]), cell("b", [10]), alone, empty])
    #expect(helped.moves.map(\.to.rawValue) == ["b"])
    let busy = RebalanceRule().plan([cell("a", [45, 45]), cell("b", [70]), alone, empty])
    #expect(busy.moves.contains { $0.to.rawValue == "e" })
    #expect(!busy.gaps.isEmpty)
  }

  @Test(arguments: 1...40)
  func `whatever there is, a plan is sound and no move of it is too many`(seed: UInt64) {
    var random = SplitMix(seed: seed)
    var cells = (0..<(2 + Int(random.next() % 5))).map { index in
      cell(
        "c\(index)",
        (0..<Int(random.next() % 25)).map { _ in
          let kind = random.next() % 10
          return Double(random.next() % (kind == 0 ? 200 : 20)) / 10
        })
    }
    if seed % 2 == 0 {
      // With a dedicated tenant, and the empty cell that it falls back on.
      cells += [cell("d", []), cell("e", [])]
      cells[cells.count - 2].tenants = [tenant("x", 5, dedicated: true)]
    }
    let rule = RebalanceRule()
    let plan = rule.plan(cells)
    #expect(Set(plan.moves.map(\.tenant)).count == plan.moves.count)
    let result = applied(plan.moves, to: cells)
    #expect(result.flatMap(\.tenants).count == cells.flatMap(\.tenants).count)
    // A second plan has nothing left to do.
    #expect(rule.plan(result).moves.isEmpty)
    for skipped in plan.moves.indices {
      var fewer = plan.moves
      fewer.remove(at: skipped)
      let left = applied(fewer, to: cells)
      // It would be planned again, or, where nothing gets better any more, the spread is larger.
      let isMissed = !rule.plan(left).moves.isEmpty || spread(left) > spread(result)
      #expect(isMissed, "move \(skipped) of \(plan.moves.count)")
    }
  }

  private func spread(_ cells: [CellLoad]) -> Double {
    let shares = cells.map(RebalanceRule.share)
    return (shares.max() ?? 0) - (shares.min() ?? 0)
  }

  private func applied(_ moves: [RebalancePlan.Move], to cells: [CellLoad]) -> [CellLoad] {
    var cells = cells
    for move in moves {
      guard let from = cells.firstIndex(where: { $0.id == move.from }),
        let to = cells.firstIndex(where: { $0.id == move.to }),
        let tenant = cells[from].tenants.first(where: { $0.id == move.tenant })
      else { continue }
      cells[from].tenants.removeAll { $0.id == move.tenant }
      cells[to].tenants.append(tenant)
    }
    return cells
  }
}

/// A small seeded generator.
struct SplitMix: RandomNumberGenerator {
  private var state: UInt64
  init(seed: UInt64) { state = seed }
  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}

@Suite("The pace of planned moves") struct RebalancePaceTests {
  private let now = Timestamp(milliseconds: 1_000)

  private func move(
    _ tenant: String, from: String = "a", to: String = "b",
    state: PlannedMove.State = .planned, notBefore: Int64 = 0
  ) -> PlannedMove {
    PlannedMove(
      tenant: TenantID(trusted: tenant), from: CellID(trusted: from), to: CellID(trusted: to),
      reason: .drain, state: state, notBefore: Timestamp(milliseconds: notBefore))
  }

  @Test func `few leave one cell at a time, more leave several`() {
    let moves =
      (0..<10).map { move("t\($0)") } + (0..<10).map { move("u\($0)", from: "c", to: "d") }
    let next = RebalancePace.next(moves, at: now, total: 6, perCell: 4)
    #expect(next.map(\.tenant.rawValue) == ["t0", "t1", "t2", "t3", "u0", "u1"])
  }

  @Test func `what is under way counts, what has to wait does not go`() {
    let moves = [
      move("t0", state: .moving), move("t1", notBefore: 2_000), move("t2"), move("t3"),
    ]
    let next = RebalancePace.next(moves, at: now, total: 10, perCell: 2)
    #expect(next.map(\.tenant.rawValue) == ["t2"])
  }

  @Test func `a move that fails is tried again, later each time, and then no more`() {
    var planned = move("t", state: .moving)
    var pauses: [Int64] = []
    let busy = Failure(.overloaded, "busy")
    while planned.state != .failed {
      planned = RebalancePace.failed(planned, busy, at: now)
      pauses.append(planned.notBefore.milliseconds - now.milliseconds)
    }
    #expect(planned.attempts == ControlPlaneLimits.rebalanceAttempts)
    #expect(pauses == pauses.sorted() && Set(pauses).count == pauses.count)
    #expect(planned.detail == "overloaded: busy")
    let cancelled = RebalancePace.failed(move("t", state: .moving), nil, at: now)
    #expect(cancelled.state == .failed && cancelled.attempts == 1)
  }
}
