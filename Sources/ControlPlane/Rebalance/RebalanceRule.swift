import Wire

/// Plans moves: who has to go goes first, then what shares too much is parted, then cells that do
/// much more than others give something away.
///
/// Decides only. No move is planned that the plan would be as good without.
package struct RebalanceRule: Sendable {
  /// How far apart the busiest and the idlest cell may stay, as parts of a cell.
  package var tolerance = 0.10
  /// Up to here a cell is filled by moves, so that it can take a part of a lost one.
  package var fill = 0.80
  /// From here on a tenant counts as large.
  package var largeShare = 0.05
  /// For balance; a drain moves everything.
  package var maximumMoves = 1_000
  /// Nobody moves but the tenants of cells that are emptied.
  package var isDrainOnly = false

  package init() {}

  /// One region after the other, by name.
  package func plan(_ cells: [CellLoad]) -> RebalancePlan {
    var plan = RebalancePlan()
    for region in Set(cells.map(\.region)).sorted() {
      let before = cells.filter { $0.region == region }.sorted { $0.id < $1.id }
      var planner = RebalancePlanner(rule: self, cells: before)
      planner.drain()
      if !isDrainOnly {
        planner.partDedicated()
        planner.partLargest()
        planner.balance()
      }
      plan.moves += planner.moves
      plan.unplaced += planner.unplaced
      plan.gaps += HeadroomRule.gaps(planner.cells.map { CellUse($0) })
      for (old, new) in zip(before, planner.cells) {
        plan.shares.append(
          RebalancePlan.Shares(
            cell: old.id, before: Self.share(old), after: Self.share(new)))
      }
    }
    return plan
  }

  static func share(_ cell: CellLoad) -> Double {
    cell.tenants.reduce(Load()) { $0 + $1.load }.share(of: cell.capacity)
  }
}

/// The cells of one region while moves are planned.
private struct RebalancePlanner {
  let rule: RebalanceRule
  private(set) var cells: [CellLoad]
  private(set) var moves: [RebalancePlan.Move] = []
  private(set) var unplaced: [RebalancePlan.Unplaced] = []
  private var used: [Load]
  private var hasDedicated: [Bool]
  /// The largest tenants: as many as there are cells that take tenants, none that is small.
  private var largest: Set<TenantID> = []

  init(rule: RebalanceRule, cells: [CellLoad]) {
    self.rule = rule
    self.cells = cells
    used = cells.map { cell in cell.tenants.reduce(Load()) { $0 + $1.load } }
    hasDedicated = cells.map { $0.tenants.contains(where: \.isDedicated) }
    let large = cells.flatMap { cell in
      cell.tenants.filter { !$0.isDedicated }.map { ($0.id, $0.load.share(of: cell.capacity)) }
    }.filter { $0.1 >= rule.largeShare }
    // As many as there are cells for them; the spare one is for none of them.
    largest = Set(
      large.sorted { ($1.1, $0.0) < ($0.1, $1.0) }.prefix(ordinary.count).map(\.0))
  }

  /// Everybody leaves the cells that are emptied, the largest first.
  mutating func drain() {
    for cell in cells.indices where cells[cell].isDraining {
      for tenant in byLoad(cell) where !tenant.isPinned { place(tenant, from: cell, .drain) }
    }
  }

  /// A dedicated tenant that shares goes to an empty cell, or the others go.
  mutating func partDedicated() {
    for cell in cells.indices where !cells[cell].isDraining && hasDedicated[cell] {
      guard cells[cell].tenants.count > 1,
        let dedicated = cells[cell].tenants.first(where: \.isDedicated)
      else { continue }
      if !dedicated.isPinned, let empty = best(for: dedicated, from: cell) {
        move(dedicated, from: cell, to: empty, .dedicated)
        hasDedicated[cell] = cells[cell].tenants.contains(where: \.isDedicated)
        continue
      }
      for tenant in byLoad(cell) where tenant.id != dedicated.id && !tenant.isPinned {
        place(tenant, from: cell, .dedicated)
      }
    }
  }

  /// Of several of the largest tenants in one cell the largest stays.
  mutating func partLargest() {
    for cell in cells.indices where !cells[cell].isDraining {
      let large = byLoad(cell).filter { largest.contains($0.id) }
      for tenant in large.dropFirst() where !tenant.isPinned {
        guard let target = best(for: tenant, from: cell), !hasLarge(target), target != spare
        else { continue }
        move(tenant, from: cell, to: target, .largest)
      }
    }
  }

  /// The busiest cell gives to the idlest what brings both closest, until they are close enough.
  mutating func balance() {
    let first = moves.count
    while moves.count - first < rule.maximumMoves, let step = nextStep() {
      move(step.tenant, from: step.from, to: step.to, .balance)
    }
    prune(from: first)
  }

  private typealias Step = (tenant: TenantLoad, from: Int, to: Int)

  /// The spare cell takes something only where the others are too full and cannot help each other.
  private func nextStep() -> Step? {
    let ordinary = ordinary
    if let step = nextStep(among: ordinary) { return step }
    return needsSpare(ordinary) ? nextStep(among: open) : nil
  }

  private func nextStep(among open: [Int]) -> Step? {
    guard let high = open.max(by: { (share($0), $1) < (share($1), $0) }),
      let low = open.min(by: { (share($0), $0) < (share($1), $1) }),
      share(high) - share(low) > rule.tolerance
    else { return nil }
    var found: (tenant: TenantLoad, peak: Double)?
    for tenant in cells[high].tenants where mayGo(tenant, to: low) {
      let peak = max(
        (used[high] - tenant.load).share(of: cells[high].capacity),
        (used[low] + tenant.load).share(of: cells[low].capacity))
      guard peak < share(high) - 1e-9 else { continue }
      if let best = found, (best.peak, best.tenant.id) <= (peak, tenant.id) { continue }
      found = (tenant, peak)
    }
    return found.map { ($0.tenant, high, low) }
  }

  private func mayGo(_ tenant: TenantLoad, to cell: Int) -> Bool {
    !tenant.isPinned && !tenant.isDedicated && suits(tenant, cell)
      && cells[cell].tenants.count < cells[cell].tenantCapacity
      && !(largest.contains(tenant.id) && hasLarge(cell))
  }

  /// Takes back what is not needed: small moves that later ones have overtaken.
  private mutating func prune(from first: Int) {
    guard isBalanced else { return }
    var isDone = false
    while !isDone {
      isDone = true
      for index in moves.indices.reversed() where index >= first && isNeedless(index) {
        moves.remove(at: index)
        isDone = false
      }
    }
  }

  /// Takes a move back where the cells are balanced without it.
  private mutating func isNeedless(_ index: Int) -> Bool {
    let move = moves[index]
    guard move.reason == .balance, let from = place(of: move.from), let to = place(of: move.to),
      let tenant = cells[to].tenants.first(where: { $0.id == move.tenant })
    else { return false }
    transfer(tenant, from: to, to: from)
    if isBalanced { return true }
    transfer(tenant, from: from, to: to)
    return false
  }

  private var isBalanced: Bool {
    let ordinary = ordinary
    let shares = (needsSpare(ordinary) ? open : ordinary).map { share($0) }
    guard let high = shares.max(), let low = shares.min() else { return true }
    return high - low <= rule.tolerance
  }

  /// The cells that share the load.
  private var open: [Int] { cells.indices.filter { isOpen($0) && !hasDedicated[$0] } }

  /// These without the spare one.
  private var ordinary: [Int] {
    let spare = spare
    return open.filter { $0 != spare }
  }

  /// Whether one of these is filled further than moves would fill it.
  private func needsSpare(_ ordinary: [Int]) -> Bool {
    ordinary.contains { share($0) > rule.fill }
  }

  /// The empty cell that is kept for the region's dedicated tenants.
  private var spare: Int? {
    let empty = open.filter { cells[$0].tenants.isEmpty }
    return SpareCell.kept(
      of: empty.map { cells[$0].id }, hasDedicated: hasDedicated.contains(true)
    ).flatMap { place(of: $0) }
  }

  // One move.

  private mutating func place(_ tenant: TenantLoad, from cell: Int, _ reason: RebalancePlan.Reason)
  {
    if let target = best(for: tenant, from: cell) {
      move(tenant, from: cell, to: target, reason)
    } else {
      unplaced.append(
        RebalancePlan.Unplaced(tenant: tenant.id, from: cells[cell].id, reason: reason))
    }
  }

  /// The cell that has most left with the tenant in it.
  ///
  /// Of the largest, first one without another; the spare cell comes last.
  private func best(for tenant: TenantLoad, from source: Int) -> Int? {
    let isLarge = largest.contains(tenant.id)
    let spare = spare
    var found: (cell: Int, rank: (Int, Double))?
    for cell in cells.indices where cell != source && isOpen(cell) {
      guard cells[cell].tenants.count < cells[cell].tenantCapacity, !hasDedicated[cell],
        !tenant.isDedicated || cells[cell].tenants.isEmpty, suits(tenant, cell)
      else { continue }
      let share = (used[cell] + tenant.load).share(of: cells[cell].capacity)
      // A tenant that is more than that on its own has to be somewhere.
      guard share <= rule.fill || cells[cell].tenants.isEmpty else { continue }
      let isKept = cell == spare && !tenant.isDedicated
      let rank = (isKept ? 2 : isLarge && hasLarge(cell) ? 1 : 0, share)
      if let found, found.rank <= rank { continue }
      found = (cell, rank)
    }
    return found?.cell
  }

  private mutating func move(
    _ tenant: TenantLoad, from source: Int, to target: Int, _ reason: RebalancePlan.Reason
  ) {
    let (from, to) = (cells[source].id, cells[target].id)
    transfer(tenant, from: source, to: target)
    // Nobody moves twice: who was on the way here goes on from where it is.
    if let index = moves.firstIndex(where: { $0.tenant == tenant.id }) {
      moves[index].to = to
      if moves[index].from == to { moves.remove(at: index) }
    } else {
      moves.append(RebalancePlan.Move(tenant: tenant.id, from: from, to: to, reason: reason))
    }
  }

  private mutating func transfer(_ tenant: TenantLoad, from source: Int, to target: Int) {
    cells[source].tenants.removeAll { $0.id == tenant.id }
    cells[target].tenants.append(tenant)
    used[source] = (used[source] - tenant.load).clamped
    used[target] = used[target] + tenant.load
    if tenant.isDedicated { hasDedicated[target] = true }
  }

  private func suits(_ tenant: TenantLoad, _ cell: Int) -> Bool {
    !tenant.needsFollower || cells[cell].hasFollower
  }

  private func isOpen(_ cell: Int) -> Bool { cells[cell].takesTenants && !cells[cell].isDraining }
  private func share(_ cell: Int) -> Double { used[cell].share(of: cells[cell].capacity) }
  private func place(of id: CellID) -> Int? { cells.firstIndex { $0.id == id } }

  private func hasLarge(_ cell: Int) -> Bool {
    cells[cell].tenants.contains { largest.contains($0.id) }
  }

  private func byLoad(_ cell: Int) -> [TenantLoad] {
    let capacity = cells[cell].capacity
    return cells[cell].tenants.sorted {
      ($1.load.share(of: capacity), $0.id) < ($0.load.share(of: capacity), $1.id)
    }
  }
}
