import Foundation
import Testing
import Wire

@testable import ControlPlane

/// A month of a region on the rules alone: tenants come and grow, every day loads are balanced,
/// cells are added where headroom lacks, and some are lost.
@Suite("A month of growth") struct GrowthSimulationTests {
  private struct Month {
    static let full = Load(operations: 5_000, bytes: 500e9, syncMicroseconds: 500_000)

    /// Tenants that one cell takes.
    let places: Int
    /// What tenants ask, in parts of what they do where few share a cell.
    let scale: Double
    let tenantsPerDedicated: UInt64
    var random: SplitMix
    var cells: [CellLoad] = []
    var made = 0
    var moves = 0
    var lost = 0
    var unplaced = 0
    var days = 0

    init(
      seed: UInt64, places: Int = 400, scale: Double = 1, tenantsPerDedicated: UInt64 = 500
    ) {
      self.places = places
      self.scale = scale
      self.tenantsPerDedicated = tenantsPerDedicated
      random = SplitMix(seed: seed)
      for _ in 0..<3 { add() }
    }

    mutating func add() {
      made += 1
      cells.append(
        CellLoad(
          id: CellID(trusted: "c\(made)"), region: RegionID(trusted: "eu"), capacity: Self.full,
          tenantCapacity: places, tenants: []))
    }

    /// Most tenants are small, a few are very large: the hundredth has about a third of all load.
    private mutating func load() -> Load {
      let part = Double(random.next() % 1_000_000 + 1) / 1_000_000
      let size = min(pow(part, -0.9), 250) * scale
      return Load(
        operations: 2 * size, bytes: 100e6 * size, syncMicroseconds: 100 * size)
    }

    /// A day's new tenants; which cells there are and what they have is looked at once an hour.
    mutating func arrive(_ count: Int) {
      let hours = 24
      for hour in 0..<hours { arriveAtOnce(count * (hour + 1) / hours - count * hour / hours) }
    }

    private mutating func arriveAtOnce(_ count: Int) {
      var candidates = cells.map(Self.candidate)
      for _ in 0..<count {
        made += 1
        let isDedicated = random.next() % tenantsPerDedicated == 0
        let tier = isDedicated ? PlacementRule.dedicatedTier : "standard"
        let tenant = TenantLoad(TenantID(trusted: "t\(made)"), load(), isDedicated: isDedicated)
        let chosen = try? PlacementRule().choose(
          region: RegionID(trusted: "eu"), tier: tier, pinned: nil, among: candidates)
        if chosen == nil {
          // All are full: whoever runs it is told so, and adds a cell.
          add()
          candidates.append(Self.candidate(cells[cells.count - 1]))
        }
        let id = chosen ?? cells[cells.count - 1].id
        guard let index = cells.firstIndex(where: { $0.id == id }) else { continue }
        cells[index].tenants.append(tenant)
        candidates[index] = Self.candidate(candidates[index], with: tenant)
      }
    }

    private static func candidate(_ cell: CellLoad) -> PlacementCandidate {
      let used = cell.tenants.reduce(Load()) { $0 + $1.load }
      return PlacementCandidate(
        id: cell.id, region: cell.region, state: .active, isAlive: true,
        tenants: cell.tenants.count, capacity: cell.tenantCapacity,
        hasDedicatedTenant: cell.tenants.contains(where: \.isDedicated),
        hasFollower: cell.hasFollower,
        diskFreeBytes: UInt64(max(0, cell.capacity.bytes - used.bytes)),
        operationsPerSecond: used.operations)
    }

    /// The same with one tenant more.
    private static func candidate(
      _ one: PlacementCandidate, with tenant: TenantLoad
    ) -> PlacementCandidate {
      let free = one.diskFreeBytes
      return PlacementCandidate(
        id: one.id, region: one.region, state: one.state, isAlive: one.isAlive,
        tenants: one.tenants + 1, capacity: one.capacity,
        hasDedicatedTenant: one.hasDedicatedTenant || tenant.isDedicated,
        hasFollower: one.hasFollower,
        diskFreeBytes: free - min(free, UInt64(tenant.load.bytes)),
        operationsPerSecond: one.operationsPerSecond + tenant.load.operations)
    }

    private mutating func place(_ tenant: TenantLoad, _ id: CellID) {
      if let index = cells.firstIndex(where: { $0.id == id }) {
        cells[index].tenants.append(tenant)
      }
    }

    mutating func grow() {
      for cell in cells.indices {
        for tenant in cells[cell].tenants.indices {
          let factor = 0.97 + Double(random.next() % 1_000) / 10_000
          cells[cell].tenants[tenant].load = cells[cell].tenants[tenant].load * factor
        }
      }
    }

    mutating func carryOut(_ plan: RebalancePlan) {
      moves += plan.moves.count
      for move in plan.moves {
        guard let from = cells.firstIndex(where: { $0.id == move.from }),
          let index = cells[from].tenants.firstIndex(where: { $0.id == move.tenant })
        else { continue }
        place(cells[from].tenants.remove(at: index), move.to)
      }
    }

    /// One cell is gone: its tenants come back from their copies in the others.
    mutating func lose() {
      var rule = RebalanceRule()
      rule.isDrainOnly = true
      rule.fill = 1
      let cell = Int(random.next() % UInt64(cells.count))
      cells[cell].isDraining = true
      cells[cell].takesTenants = false
      let plan = rule.plan(cells)
      unplaced += plan.unplaced.count
      carryOut(plan)
      cells.remove(at: cell)
      lost += 1
    }

    mutating func growToModel() { for _ in 0..<max(0, modelled - cells.count) { add() } }

    /// As many cells as `docs/capacity.md` reckons with: 80 % of each at most, one for headroom,
    /// and one for each dedicated tenant.
    var modelled: Int {
      let shared = cells.flatMap(\.tenants).filter { !$0.isDedicated }
      let used = shared.reduce(Load()) { $0 + $1.load }
      let dedicated = cells.count { $0.tenants.contains(where: \.isDedicated) }
      let fill = RebalanceRule().fill
      return Int((used.share(of: Self.full) / fill).rounded(.up)) + 1 + dedicated
    }

    /// Adds cells until the loss of any one fits into the rest.
    mutating func makeHeadroom() {
      for _ in 0..<10 where !HeadroomRule.gaps(cells.map { CellUse($0) }).isEmpty { add() }
    }

    mutating func day(arrivals: Int) {
      days += 1
      arrive(arrivals)
      grow()
      growToModel()
      makeHeadroom()
      carryOut(RebalanceRule().plan(cells))
      makeHeadroom()
      if random.next() % 6 == 0 {
        lose()
        makeHeadroom()
        carryOut(RebalanceRule().plan(cells))
        makeHeadroom()
      }
    }
  }

  private static let isLong = ProcessInfo.processInfo.environment["AIMSTORS_LONG_TESTS"] != nil

  @Test(arguments: 1...(isLong ? 40 : 4))
  func `every loss fits, nobody is lost, and few move`(seed: UInt64) {
    run(Month(seed: seed), arrivals: Self.isLong ? 100 : 25)
  }

  /// A fifth of the deployment of `docs/capacity.md`, and all of it, as dense: so many tenants come
  /// each day of a month.
  @Test(.enabled(if: isLong), arguments: [3_334, 16_667])
  func `hundreds of thousands of tenants come in a month, and every loss fits`(arrivals: Int) {
    let month = run(
      Month(seed: 1, places: 6_000, scale: 0.058, tenantsPerDedicated: 50_000),
      arrivals: arrivals)
    #expect(month.cells.flatMap(\.tenants).count == 30 * arrivals)
    // The model's, and what losses and dedicated tenants left empty for a moment.
    #expect(month.cells.count <= month.modelled + 5)
    print(
      "month: \(month.cells.count) cells, \(month.modelled) by the model, \(month.lost) lost,",
      "\(month.moves) moves")
  }

  @discardableResult
  private func run(_ start: Month, arrivals: Int) -> Month {
    var month = start
    for day in 1...30 {
      month.day(arrivals: arrivals)
      let tenants = month.cells.flatMap(\.tenants)
      #expect(Set(tenants.map(\.id)).count == tenants.count)
      #expect(tenants.count == day * arrivals)
      for cell in month.cells {
        let used = cell.tenants.reduce(Load()) { $0 + $1.load }
        #expect(used.share(of: cell.capacity) <= 1, "\(cell.id), day \(day)")
        #expect(cell.tenants.count <= cell.tenantCapacity)
        if cell.tenants.contains(where: \.isDedicated) { #expect(cell.tenants.count == 1) }
      }
      #expect(HeadroomRule.gaps(month.cells.map { CellUse($0) }).isEmpty)
    }
    #expect(month.unplaced == 0)
    #expect(month.lost > 0)
    // Each loss moves a cell's tenants; beside that a small part of all moves on a day.
    let tenants = month.cells.flatMap(\.tenants).count
    #expect(month.moves < tenants * 2, "\(month.moves) moves, \(month.lost) cells lost")
    return month
  }
}
